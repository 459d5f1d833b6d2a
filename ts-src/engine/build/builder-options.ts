import type { EnvironmentOptions } from './environment.ts';
import type { PackagingOptions } from './packaging.ts';

export interface BuilderOptions extends EnvironmentOptions, PackagingOptions {
  /** How often tests that failed are tried again. */
  retries: number;
  now: () => number;
  /** Object files stay between builds. */
  incrementalObjects: boolean;
}
