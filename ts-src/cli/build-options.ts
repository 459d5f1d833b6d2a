import { distroOptions, selectionOptions, type Option, type ValuesOf } from './command.ts';
import type { reproducibleOptions } from './reproducible.ts';
import { runOptions } from './run-options.ts';

/** Options that `build` and `test` share. */
export const buildOptions = {
  ...distroOptions,
  ...selectionOptions,
  ...runOptions,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'folder for repository, logs and report (default: out beside the distro file)',
  },
  workers: {
    type: 'string',
    short: 'w',
    value: 'N',
    help: 'packages in parallel (default: number of cores, at most 8)',
  },
  rebuild: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'build and test these packages again even if the store has them (repeatable)',
  },
  retest: { type: 'boolean', help: 'run failed tests again even if nothing changed' },
  retries: {
    type: 'string',
    value: 'N',
    help:
      'run failing tests up to N times more; tests that pass then ' +
      'are flaky (default: `tests.retries` of distro.yaml)',
  },
  untrusted: {
    type: 'string',
    value: 'NAME',
    help: 'write the results to a namespace of the store that no trusted run reads, and publish nothing',
  },
  'incremental-objects': {
    type: 'boolean',
    help: 'keep object files, and compile only what an edit of a package affects; for edits in a loop on one machine',
  },
  'renew-base': { type: 'boolean', help: 'make the base systems of the platforms again' },
  'dry-run': {
    type: 'boolean',
    short: 'n',
    help:
      'show which tasks are cached, which must run, and which depend on ' +
      'the results of others; makes nothing, also no base system',
  },
  'fail-fast': { type: 'boolean', help: 'stop at the first failure' },
  verbose: { type: 'boolean', short: 'v', help: 'also list what is cached' },
  json: { type: 'boolean', help: 'print the results as JSON' },
} as const satisfies Record<string, Option>;

export type BuildValues = ValuesOf<typeof buildOptions> & { partial?: boolean | undefined } & Partial<
    ValuesOf<typeof reproducibleOptions>
  >;
