import type { EnvironmentOptions } from './environment.ts';
import type { PackagingOptions } from './packaging.ts';

export interface BuilderOptions extends EnvironmentOptions, PackagingOptions {
  /** How often failed tests are retried. */
  retries: number;
  now: () => number;
  /** Keep object files between builds. */
  incrementalObjects: boolean;
}
