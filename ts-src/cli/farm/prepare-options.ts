import type { RunManifest } from '../../farm/run-manifest.ts';
import type { Distro } from '../../model/distro.ts';
import { distroOptions, selectionOptions, type Option, type ValuesOf } from '../command.ts';
import { runOptions } from '../run-options.ts';
import { farmOptions } from './work.ts';

/** What `slipway prepare` is told. */
export const prepareOptions = {
  ...distroOptions,
  state: farmOptions.state,
  run: {
    type: 'string',
    value: 'ID',
    help: "a run that another machine planned: find out what it has to do on this machine's architecture",
  },
  namespace: farmOptions.namespace,
  first: { type: 'string', value: 'N', help: 'with --run: how many tasks are known of other architectures' },
  ...selectionOptions,
  ...runOptions,
  'distro-url': {
    type: 'string',
    value: 'URL[#REF]',
    help: 'the distro repository, which is cloned; file:PATH names a file whose first line is such a URL',
  },
  store: { type: 'string', value: 'URI', help: 'the store (default: as distro.yaml says)' },
  branch: { type: 'string', value: 'NAME', help: 'the branch of the distro repository that this is' },
  primary: { type: 'boolean', help: 'that branch is the default one: its run is the nightly' },
  tag: { type: 'string', value: 'NAME', help: 'the tag that this is' },
  request: {
    type: 'string',
    value: 'ID',
    help: 'the pull request that this is: nothing of it is trusted or published',
  },
  target: {
    type: 'string',
    value: 'REF',
    help: 'of a pull request on the distro repository: what it would be merged into; the difference is shown, and only that is built',
  },
  change: {
    type: 'string',
    value: 'DIR',
    help: 'a checkout of a package repository: its packages are built and tested, with the rest as in the last good nightly',
  },
  'change-name': {
    type: 'string',
    value: 'NAME',
    help: 'what that repository is called in the distribution (default: found by its address)',
  },
  downstream: {
    type: 'string',
    value: 'HOW',
    help: 'what depends on it and is built too: none (default), direct or all',
  },
  budget: { type: 'string', value: 'N', help: 'at most so many packages downstream (default: 50)' },
  like: {
    type: 'string',
    value: 'CHANNEL',
    help: 'take what is not overridden as the last good run of this channel had it (default with --change: nightly)',
  },
  channel: { type: 'string', value: 'NAME', help: 'publish there (default: as the tracks of distro.yaml say)' },
  publish: {
    type: 'boolean',
    help: 'the run will be published: --publish-to and a key are asked for before anything is built',
  },
  'publish-to': { type: 'string', value: 'DIR', help: 'where it will be published: a folder that agents share' },
  signed: { type: 'boolean', help: 'whoever publishes it is given a signing key' },
  'no-test': { type: 'boolean', help: 'build only' },
  docs: { type: 'boolean', help: 'make documentation too: `slipway docs --run` publishes its site' },
  'strict-docs': { type: 'boolean', help: 'the same, and its faults fail the run' },
  retest: { type: 'boolean', help: 'run tests again that failed before, though nothing changed' },
  'renew-base': { type: 'boolean', help: "make the platforms' base systems anew" },
  title: { type: 'string', value: 'TEXT', help: 'what people call this run' },
  output: { type: 'string', short: 'o', value: 'FILE', help: 'write the schedule there (default: standard output)' },
} as const satisfies Record<string, Option>;

export type PrepareValues = ValuesOf<typeof prepareOptions>;

/** The run is of a change to a package repository. */
export const isChange = (values: Pick<PrepareValues, 'change'>): boolean => Boolean(values.change);

export function documentationOf(
  values: Pick<PrepareValues, 'docs' | 'strict-docs'>,
  { docs }: Distro,
): RunManifest['documentation'] {
  if (values.docs !== true && values['strict-docs'] !== true) return 'none';
  return docs.strict || values['strict-docs'] === true ? 'strict' : 'tolerant';
}
