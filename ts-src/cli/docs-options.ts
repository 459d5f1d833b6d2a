import { distroOptions, selectionOptions, type Option, type ValuesOf } from './command.ts';
import { farmOptions } from './farm/work.ts';
import { runOptions } from './run-options.ts';

export const docsOptions = {
  ...distroOptions,
  ...selectionOptions,
  ...runOptions,
  run: {
    ...farmOptions.run,
    help: 'the documentation of a prepared run: what its lanes made (prepare --docs), or it is made here',
  },
  store: farmOptions.store,
  namespace: farmOptions.namespace,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'where the site goes (default: docs beside the distro file)',
  },
  publish: { type: 'string', value: 'CHANNEL', help: "bring it to distro.yaml's docs.to, below this channel" },
  open: { type: 'boolean', help: 'show it in the browser' },
  workers: { type: 'string', short: 'w', value: 'N', help: 'packages at once (default: cores, at most 8)' },
  rebuild: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'make the documentation of these anew (may be given again)',
  },
  verbose: { type: 'boolean', short: 'v', help: 'name what is cached, too' },
  json: { type: 'boolean', help: 'the result as data on standard output' },
} as const satisfies Record<string, Option>;

export type DocsValues = ValuesOf<typeof docsOptions>;
