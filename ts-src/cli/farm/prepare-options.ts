import type { RunManifest } from '../../farm/run-manifest.ts';
import type { Distro } from '../../model/distro.ts';
import { distroOptions, selectionOptions, type Option, type ValuesOf } from '../command.ts';
import { checkGiven, checkStore } from '../option-checks.ts';
import { runOptions } from '../run-options.ts';
import { farmOptions } from './work.ts';

/** Options of `slipway prepare`. */
export const prepareOptions = {
  ...distroOptions,
  state: farmOptions.state,
  run: {
    type: 'string',
    value: 'ID',
    help: "id of a run that another machine prepared: add the tasks of this machine's architecture",
  },
  namespace: farmOptions.namespace,
  first: { type: 'string', value: 'N', help: 'with --run: number of tasks that the schedule already has' },
  ...selectionOptions,
  ...runOptions,
  'distro-url': {
    type: 'string',
    value: 'URL[#REF]',
    help: 'distro repository to clone; file:PATH: a file whose first line is the URL',
  },
  store: { type: 'string', value: 'URI', help: 'the store (default: `store` of distro.yaml)', check: checkStore },
  branch: { type: 'string', value: 'NAME', help: 'branch of the distro repository to run for' },
  primary: { type: 'boolean', help: 'the branch is the default branch, so the run is the nightly' },
  tag: { type: 'string', value: 'NAME', help: 'tag of the distro repository to run for' },
  request: {
    type: 'string',
    value: 'ID',
    help: 'id of a pull request to run for; the run is not trusted and publishes nothing',
    check: checkGiven,
  },
  target: {
    type: 'string',
    value: 'REF',
    help: 'target branch of a pull request; on the distro repository, only what differs from it is shown and built',
  },
  change: {
    type: 'string',
    value: 'DIR',
    help: 'checkout of a package repository: build and test its packages, with all others as in the last good nightly',
    check: checkGiven,
  },
  'change-name': {
    type: 'string',
    value: 'NAME',
    help: 'name of that repository in the distribution (default: found by its URL)',
  },
  downstream: {
    type: 'string',
    value: 'HOW',
    help: 'dependents of its packages to build: none (default), direct or all',
  },
  budget: { type: 'string', value: 'N', help: 'largest number of dependents to build (default: 50)' },
  like: {
    type: 'string',
    value: 'CHANNEL',
    help: "use the commits of this channel's last good run (default with --change: nightly)",
  },
  channel: { type: 'string', value: 'NAME', help: 'channel to publish to (default: as `tracks` of distro.yaml says)' },
  publish: {
    type: 'boolean',
    help: 'the run will be published: fail now if there is no place or no signing key',
  },
  'publish-to': {
    type: 'string',
    value: 'DIR',
    help: 'folder to publish to, shared by agents (if distro.yaml has no `publish.to`)',
  },
  signed: { type: 'boolean', help: 'the step that publishes has a signing key' },
  'no-test': { type: 'boolean', help: 'do not run tests' },
  docs: { type: 'boolean', help: 'also make documentation; `slipway docs --run` publishes the site' },
  'strict-docs': { type: 'boolean', help: 'like --docs, and faults in the documentation fail the run' },
  retest: { type: 'boolean', help: 'run failed tests again even if nothing changed' },
  'renew-base': { type: 'boolean', help: 'make the base systems of the platforms again' },
  title: { type: 'string', value: 'TEXT', help: 'title of the run' },
  output: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'output file for the schedule (default: standard output)',
  },
} as const satisfies Record<string, Option>;

export type PrepareValues = ValuesOf<typeof prepareOptions>;

/** Whether the run is for a change to a package repository. */
export const isChange = (values: Pick<PrepareValues, 'change'>): boolean => Boolean(values.change);

export function documentationOf(
  values: Pick<PrepareValues, 'docs' | 'strict-docs'>,
  { docs }: Distro,
): RunManifest['documentation'] {
  if (values.docs !== true && values['strict-docs'] !== true) return 'none';
  return docs.strict || values['strict-docs'] === true ? 'strict' : 'tolerant';
}
