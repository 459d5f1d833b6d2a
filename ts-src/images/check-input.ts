import { bad, error, type Result } from '../model/diagnostics.ts';
import type { ImageSpec } from '../model/images.ts';
import type { Store } from '../store/store.ts';
import { printable } from '../text/printable.ts';
import type { ImageRecord } from './record.ts';
import { lastLine } from '../text/cut.ts';

/** Inputs for checking a started image. */
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

/** The last line of a program's output, safe for messages. */
export const shownLine = (text: string): string => printable(lastLine(text)).slice(0, 300);
