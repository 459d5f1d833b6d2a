import { error, type Diagnostic } from '../model/diagnostics.ts';
import { reasonOf, type Outcome } from '../io/process.ts';

/** The files of one kind of an image. */
export interface Rendered {
  files: string[];
  /** SHA-256 by file, if it was computed while writing. */
  digests?: ReadonlyMap<string, string>;
  /** For docker: digest of the configuration. */
  id?: string;
  /** For disks: uncompressed size. */
  bytes?: number;
}

export interface RenderOptions {
  /** The image's key. */
  key: string;
  epoch: number;
  /** Output folder. */
  folder: string;
}

/** The diagnostic for a failed rendering program. */
export const toolFailed = (what: string, outcome: Outcome): Diagnostic =>
  error('image-render', `${what} failed: ${reasonOf(outcome)}`, {
    hint: /not found/.test(outcome.stderr) ? 'run `slipway doctor` to see what this machine lacks' : undefined,
  });
