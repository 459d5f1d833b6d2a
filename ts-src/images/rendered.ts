import { error, type Diagnostic } from '../model/diagnostics.ts';
import { reasonOf, type Outcome } from '../io/process.ts';

/** The files of one kind of an image. */
export interface Rendered {
  files: string[];
  /** SHA-256 by file, of those that were hashed while they were written. */
  digests?: ReadonlyMap<string, string>;
  /** Of docker: digest of its configuration. */
  id?: string;
  /** Of disks: their size, unpacked. */
  bytes?: number;
}

export interface RenderOptions {
  /** The image's key. */
  key: string;
  epoch: number;
  /** Where files are made. */
  folder: string;
}

/** What to tell where a program that renders an image failed. */
export const toolFailed = (what: string, outcome: Outcome): Diagnostic =>
  error('image-render', `${what} failed: ${reasonOf(outcome)}`, {
    hint: /not found/.test(outcome.stderr) ? 'run `slipway doctor` to see what this machine lacks' : undefined,
  });
