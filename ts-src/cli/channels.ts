import { resolve } from 'node:path';
import { bad, error, good, isError, type Result } from '../model/diagnostics.ts';
import type { ChannelRules } from '../model/channels.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { isRemotePlace } from '../model/remote-place.ts';
import { isChannelName } from '../model/channels.ts';
import { archivePackages, platformOf } from '../publish/archive-lists.ts';
import { besideUri, openEndpoint, channelUri } from '../publish/endpoints.ts';
import type { Endpoint } from '../publish/endpoint.ts';
import { keyHealth } from '../publish/key-health.ts';
import type { Outlet } from '../publish/publication.ts';
import { repositorySettings } from '../publish/rules.ts';
import { keyFromEnvironment, keyOf, withSigner } from '../publish/signing.ts';
import { openChannel, type OpenChannel, type State } from '../publish/state.ts';
import { readLock } from '../read/lockfile.ts';
import type { Workspace } from '../read/workspace.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { distroOptions, type OptionTable, type ValuesOf } from './command.ts';
import { checkPlace, checkStore } from './option-checks.ts';
import { openWorkspace } from './planning.ts';

export const channelOptions = {
  distro: distroOptions.distro,
  state: distroOptions.state,
  store: { type: 'string', value: 'URI', help: 'the store (default: `store` of distro.yaml)', check: checkStore },
} as const satisfies OptionTable;

/** Options of commands in which `--state` and `--to` name states of a channel. */
export const movingOptions = {
  distro: distroOptions.distro,
  'state-folder': {
    type: 'string',
    value: 'DIR',
    help: 'the folder that other commands call --state (default: SLIPWAY_STATE, else .slipway beside the distro file)',
  },
  store: channelOptions.store,
} as const satisfies OptionTable;

export const placeOption = {
  repository: {
    type: 'string',
    multiple: true,
    value: 'URI',
    help:
      'repository of the channel: a folder, s3://BUCKET/PREFIX or ' +
      'ssh://USER@HOST/PATH (default: where it is now, else `publish.to` of ' +
      'distro.yaml)',
    check: checkPlace,
  },
} as const satisfies OptionTable;

export interface Opened {
  workspace: Workspace;
  store: Store;
}

export async function openChannels(values: ValuesOf<typeof channelOptions>): Promise<Result<Opened>> {
  const workspace = await openWorkspace(values);
  if (!workspace.ok) return workspace;
  const { distro, root, state } = workspace.value;
  const store = await openStore(values.store ?? distro.store, root, state, undefined);
  return good({ workspace: workspace.value, store }, workspace.diagnostics);
}

export async function lockOf(store: Store, state: State): Promise<Lockfile | undefined> {
  const text = state.lock && (await store.readText(state.lock));
  const read = text === undefined ? undefined : readLock('lock.yaml', text);
  return read?.ok ? read.value : undefined;
}

/** Package names in the archives of a state's platforms, by suite. Undefined unless the channel's rules use them. */
export async function archivesOf(
  { workspace, store }: Opened,
  state: State,
  rules: ChannelRules,
): Promise<Record<string, string[] | undefined> | undefined> {
  if (!rules.archive) return undefined;
  const lock = await lockOf(store, state);
  const known = new Map<string, string[] | undefined>();
  const archives: Record<string, string[] | undefined> = {};
  for (const suite of Object.keys(state.suites)) {
    const id = lock && platformOf(workspace.distro, lock, suite);
    const locked = id === undefined ? undefined : lock?.platforms[id];
    if (id === undefined || !locked) continue;
    if (!known.has(id)) known.set(id, await archivePackages(store, workspace.state, id, locked));
    archives[suite] = known.get(id);
  }
  return archives;
}

export async function readChannel(store: Store, name: string): Promise<Result<OpenChannel>> {
  if (!isChannelName(name))
    return bad(
      error('channel-name', `'${name}' is not a valid channel name`, {
        hint: 'use up to four parts of lower case letters, digits, ".", "_" and "-", joined by "/"',
      }),
    );
  return good(await openChannel(store, name));
}

/**
 * A channel's repositories: those named on the command line, else those that the channel has, else those of
 * distro.yaml, else one beside the channel that it is promoted from.
 */
export async function placesOf(
  { workspace: { distro, root } }: Opened,
  channel: OpenChannel,
  named: readonly string[] | undefined,
  from?: OpenChannel,
): Promise<Result<Endpoint[]>> {
  const configured = distro.publish.to.map((place) => channelUri(place, channel.name));
  const beside = (from?.file.endpoints ?? []).flatMap((uri) => besideUri(uri, from?.name ?? '', channel.name) ?? []);
  const uris = [
    named?.map((n) => (/^(s3:\/\/|file:)/.test(n) || isRemotePlace(n) ? n : resolve(n))),
    channel.file.endpoints,
    configured,
    beside,
  ].find((u) => u?.length);
  if (!uris?.length)
    return bad(
      error('channel-place', `no place is configured for the channel '${channel.name}'`, {
        hint: 'pass --repository, or set publish: {to: [...]} in distro.yaml',
      }),
    );
  const places: Endpoint[] = [];
  for (const uri of uris) places.push(await openEndpoint(uri, root));
  return good(places);
}

/** Runs `work` with a channel's signer and repositories. Tries the keys before anything is written. */
export function withOutlet<T>(
  { workspace, store }: Opened,
  endpoints: readonly Endpoint[],
  work: (outlet: Outlet) => Promise<Result<T>>,
): Promise<Result<T>> {
  const { distro, state } = workspace;
  const key = keyFromEnvironment(process.env) ?? keyOf(distro.signing_key, state, distro.organization);
  return withSigner(key, async (signer) => {
    const now = Date.now();
    const health = await keyHealth(signer.publicKey, now);
    if (health.some(isError)) return bad(health);
    const done = await work({ store, endpoints, signer, settings: repositorySettings(distro), now });
    return { ...done, diagnostics: [...health, ...done.diagnostics] };
  });
}

/** One line of what was done, with its parts for programs. */
export type Line = { readonly text: string } & Readonly<Record<string, unknown>>;

/** The lines as text, or their parts as JSON. */
export const report = (done: Result<Line[]> | undefined, json: boolean): Result<string> | undefined => {
  if (!done?.ok) return done;
  const parts = done.value.map(({ text: _text, ...fields }) => fields);
  const lines = done.value.map(({ text }) => text).join('\n');
  return good(`${json ? JSON.stringify(parts) : lines}\n`, done.diagnostics);
};
