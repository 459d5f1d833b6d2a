import { gunzipSync, gzipSync } from 'node:zlib';
import { sha256 } from '../model/digest.ts';
import { parsed } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { sortedKeys } from './canonical.ts';
import type { Endpoint } from './endpoint.ts';
import { readRelease } from './indices.ts';
import { isChannelFile, isFormerChannel, isState, type ChannelFile, type Listed, type State } from './stored-state.ts';
import { highest, type Suites, type Versions } from './suites.ts';
import { isChannelName } from '../model/channels.ts';

export type { ChannelFile, Listed, State } from './stored-state.ts';

export const channelFile = (name: string): string => `channels/${name}.json`;

/**
 * The name of a channel by its file in the store. Throws if the file belongs to no channel: another program wrote it.
 */
export function channelOf(store: Store, file: string): string {
  const name = /^channels\/(.*)\.json$/.exec(file)?.[1] ?? '';
  if (isChannelName(name)) return name;
  throw Object.assign(new Error(`${file} in the store ${store.blobs.where} belongs to no channel: move it away`), {
    code: 'ESTORE',
  });
}

/** Names of all channels of the store, sorted. */
export const channelNames = async (store: Store): Promise<string[]> =>
  (await store.names('channels')).map((file) => channelOf(store, file)).sort();
const stateFile = (id: string): string => `states/${id.slice(0, 2)}/${id}.json.gz`;

/** Prefix of an id, for paths and people. */
export const shortId = (id: string): string => id.slice(0, 16);

/** A state's text, its id, and its file in the store. */
export interface StateText {
  id: string;
  name: string;
  data: Buffer;
}

export function stateText(state: State): StateText {
  const text = JSON.stringify(sortedKeys(state));
  const id = sha256(text);
  return { id, name: stateFile(id), data: gzipSync(text, { level: 1 }) };
}

/** A state by its id; undefined if it is missing or damaged. */
export async function readState(store: Store, id: string): Promise<State | undefined> {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const data = await store.getBlob(stateFile(id));
  if (!data) return undefined;
  try {
    const text = gunzipSync(data, { maxOutputLength: 1 << 30 });
    const state = sha256(text) === id ? parsed(text) : undefined;
    return isState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** A channel as read, with the tag for a conditional update. */
export interface OpenChannel {
  name: string;
  file: ChannelFile;
  tag: string | undefined;
  headId: string | undefined;
  head: State | undefined;
  /** Suites in the former format, without states. */
  former: Suites | undefined;
  value: { versions: Versions };
}

/**
 * Reads a channel. If its last states are lost, the rest is used; `versions` is the highest of what is left.
 * `restorable`: the caller can restore it from its endpoints, so a damaged file is no error.
 */
export async function openChannel(store: Store, name: string, restorable = false): Promise<OpenChannel> {
  const { value, tag } = await store.readTagged<unknown>(channelFile(name), restorable);
  const empty: ChannelFile = { schema: 2, states: [], switching: false, endpoints: [] };
  if (isFormerChannel(value)) {
    const { suites, versions } = value;
    return { name, file: empty, tag, headId: undefined, head: undefined, former: suites, value: { versions } };
  }
  if (value !== undefined && !isChannelFile(value) && !restorable) throw wrongForm(name, store);
  const file = isChannelFile(value) ? value : empty;
  for (const { id } of file.states) {
    const head = await readState(store, id);
    if (head) return { name, file, tag, headId: id, head, former: undefined, value: { versions: versionsOf(head) } };
  }
  return { name, file, tag, headId: undefined, head: undefined, former: undefined, value: { versions: {} } };
}

/** Another program or a later version wrote the channel: as an empty one it would lose its states. */
const wrongForm = (name: string, { blobs }: Store): Error =>
  Object.assign(
    new Error(
      `${channelFile(name)} in the store ${blobs.where} is not as a channel is written: bring it back from a backup, ` +
        'or use the version of slipway that wrote it',
    ),
    { code: 'ESTORE' },
  );

/** Makes a state the channel's head. False if another writer was first. */
export async function claimHead(
  store: Store,
  channel: OpenChannel,
  id: string,
  state: State,
  endpoints: readonly Endpoint[],
): Promise<OpenChannel | undefined> {
  const states = [{ id, when: state.when, kind: state.kind }, ...channel.file.states.filter((s) => s.id !== id)];
  const file: ChannelFile = { schema: 2, states, switching: true, endpoints: endpoints.map((e) => e.id) };
  if (!(await store.replaceJson(channelFile(channel.name), file, channel.tag))) return undefined;
  return reread(store, { ...channel, file, headId: id, head: state, former: undefined });
}

/** Records that the head is at its endpoints. If another writer was first, its record stays. */
export async function finishSwitch(store: Store, channel: OpenChannel): Promise<void> {
  if (channel.file.switching)
    await store.replaceJson(channelFile(channel.name), { ...channel.file, switching: false }, channel.tag);
}

async function reread(store: Store, channel: OpenChannel): Promise<OpenChannel> {
  const { tag } = await store.readTagged<ChannelFile>(channelFile(channel.name));
  return { ...channel, tag };
}

const versionsOf = (state: State): Versions => highest(state.versions, state.suites);

/**
 * Restores a lost or damaged channel from its endpoints: a Release file names its state, and each state names the
 * previous one.
 */
export async function restoreChannel(
  store: Store,
  channel: OpenChannel,
  endpoints: readonly Endpoint[],
  suites: readonly string[],
): Promise<OpenChannel> {
  if (channel.head || channel.former) return channel;
  for (const endpoint of endpoints) {
    for (const suite of suites) {
      const served = await endpoint.read(`dists/${suite}/InRelease`);
      const id = served && readRelease(served.data).state;
      const head = id === undefined ? undefined : await readState(store, id);
      if (!head || id === undefined || head.channel !== channel.name) continue;
      const states: Listed[] = [];
      for (let at: string | undefined = id; at !== undefined && states.length < 1000;) {
        const state: State | undefined = await readState(store, at);
        if (!state) break;
        states.push({ id: at, when: state.when, kind: state.kind });
        at = state.previous;
      }
      const file: ChannelFile = { ...channel.file, states };
      return { ...channel, file, headId: id, head, value: { versions: versionsOf(head) } };
    }
  }
  return channel;
}
