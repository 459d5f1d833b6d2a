import { distroOptions, selectionOptions, type Option, type ValuesOf } from './command.ts';
import type { reproducibleOptions } from './reproducible.ts';
import { runOptions } from './run-options.ts';

/** What `build` and `test` have in common. */
export const buildOptions = {
  ...distroOptions,
  ...selectionOptions,
  ...runOptions,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'where repository, logs and report go (default: out beside the distro file)',
  },
  workers: { type: 'string', short: 'w', value: 'N', help: 'packages at once (default: cores, at most 8)' },
  rebuild: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'build (and test) these anew though the store has them (may be given again)',
  },
  retest: { type: 'boolean', help: 'run tests again that failed before, though nothing changed' },
  retries: {
    type: 'string',
    value: 'N',
    help: 'try failing tests again so often; what passes then is flaky (default: as distro.yaml says)',
  },
  untrusted: {
    type: 'string',
    value: 'NAME',
    help: 'write what is made to a place of its own in the store, from which no trusted run reads, and publish nothing',
  },
  'incremental-objects': {
    type: 'boolean',
    help: 'keep object files, and compile of an edited package only what the edit reaches: for a loop of edits on one machine',
  },
  'renew-base': { type: 'boolean', help: "make the platforms' base systems anew" },
  'dry-run': {
    type: 'boolean',
    short: 'n',
    help: 'say what is cached, what must be done, and what depends on what that turns out to be; do nothing',
  },
  'fail-fast': { type: 'boolean', help: 'stop at the first failure' },
  verbose: { type: 'boolean', short: 'v', help: 'name what is cached, too' },
  json: { type: 'boolean', help: 'the result as data on standard output' },
} as const satisfies Record<string, Option>;

export type BuildValues = ValuesOf<typeof buildOptions> & { partial?: boolean | undefined } & Partial<
    ValuesOf<typeof reproducibleOptions>
  >;
