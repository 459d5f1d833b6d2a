import { bad, error, type Result } from '../model/diagnostics.ts';
import type { ImageSpec } from '../model/images.ts';
import type { Store } from '../store/store.ts';
import { printable } from '../text/printable.ts';
import type { ImageRecord } from './record.ts';

/** What a check of a started image needs. */
export interface CheckInput {
  store: Store;
  state: string;
  record: ImageRecord;
  spec: ImageSpec;
  log: string;
  progress: (text: string) => void;
  signal: AbortSignal;
}

export const failed = (input: CheckInput, kind: string, why: string, hint?: string): Result<never> =>
  bad(
    error('image-check', `the ${kind} image of '${input.record.name}' is not good: ${why}`, {
      file: input.log,
      ...(hint === undefined ? {} : { hint }),
    }),
  );

export const lastLine = (text: string): string => printable(text.trim().split('\n').pop() ?? '').slice(0, 300);
