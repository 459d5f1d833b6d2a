import { distroOptions, selectionOptions, type Option, type ValuesOf } from './command.ts';
import { farmOptions } from './farm/work.ts';
import { runOptions } from './run-options.ts';

export const docsOptions = {
  ...distroOptions,
  ...selectionOptions,
  ...runOptions,
  run: {
    ...farmOptions.run,
    help: 'a prepared run: use the pages that its tasks made (prepare --docs), or make them here',
  },
  store: farmOptions.store,
  namespace: farmOptions.namespace,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'folder for the site (default: docs beside the distro file)',
  },
  publish: {
    type: 'string',
    value: 'CHANNEL',
    help: 'publish the site to `docs.to` of distro.yaml, below this channel',
  },
  open: { type: 'boolean', help: 'open the site in the browser' },
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
    help: 'make the documentation of these packages again (repeatable)',
  },
  verbose: { type: 'boolean', short: 'v', help: 'also list what is cached' },
  json: { type: 'boolean', help: 'print the results as JSON' },
} as const satisfies Record<string, Option>;

export type DocsValues = ValuesOf<typeof docsOptions>;
