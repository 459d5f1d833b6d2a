import { expect } from 'vitest';

/** Any text with this in it, in the place of a value that is compared. */
export const containing = (part: string): unknown => expect.stringContaining(part);
