import { expect } from 'vitest';

/** Matches any text that contains this part. */
export const containing = (part: string): unknown => expect.stringContaining(part);
