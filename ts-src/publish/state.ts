import { gunzipSync, gzipSync } from 'node:zlib';
import { sha256 } from '../model/digest.ts';
import { channelSuite } from '../model/names.ts';
import type { Scope, Target } from '../model/plan.ts';
import type { StoredFile } from '../model/result.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import type { Store } from '../store/store.ts';
import type { Endpoint } from './endpoint.ts';
import { readRelease } from './indices.ts';

/** One package as a state holds it. */
export interface HeldPackage {
  version: string;
  key: string;
  files: StoredFile[];
  abi: string;
  requires: string[];
  /** Packages of the distribution that it needs to run, by Debian name. */
  needs?: string[];
}

/** Packages by suite with architecture (`channelSuite`) and Debian package. */
export type Suites = Record<string, Record<string, HeldPackage>>;
/** The highest version that a channel ever held, by suite with architecture and Debian package. */
export type Versions = Record<string, Record<string, string>>;

/** What a criterion came to when a state was promoted. */
export interface Verdict {
  criterion: string;
  passed: boolean;
  reason: string;
}

/** Immutable: its id is the digest of its text. */
export interface State {
  schema: 1;
  channel: string;
  /** The state that the channel held before. */
  previous: string | undefined;
  kind: 'publication' | 'promotion' | 'rollback' | 'renewal';
  /** The state that its packages come from: promoted, or gone back to. */
  from?: { channel: string; state: string } | undefined;
  suites: Suites;
  /** By suite with architecture the text of its Packages index. */
  indices: Record<string, StoredFile>;
  /** The same compressed, `Packages.gz` and so on. States of former versions of Slipway lack them. */
  packed?: Record<string, StoredFile[]>;
  /** By suite with architecture its compressed Contents index, where these were asked for. */
  contents?: Record<string, StoredFile>;
  /** The highest version that the channel ever held, where it is another than what `suites` has. */
  versions: Versions;
  /** What the tests of packages gave, where they were run, by suite with architecture. */
  tests: Record<string, Record<string, 'passed' | 'failed' | 'flaky'>>;
  /** Stamp of the plan, and the lock of its sources. */
  stamp: string;
  lock: StoredFile | undefined;
  /** Milliseconds since 1970. */
  when: number;
  who: string;
  run?: string | undefined;
  verdicts: Verdict[];
  /** Why criteria that failed did not count. */
  forced?: string | undefined;
}

/** A state in a channel's list. */
export interface Listed {
  id: string;
  when: number;
  kind: State['kind'];
}

/** What of a channel changes: which states it has had, the last one first. */
export interface ChannelFile {
  schema: 2;
  states: Listed[];
  /** The head is being brought to its endpoints. A run that finds this finishes it. */
  switching: boolean;
  /** URIs of the repositories that serve it: all of them have the head, unless it is being brought to them. */
  endpoints: string[];
}

/** As channels were written before there were states. */
interface FormerChannel {
  schema: 1;
  suites: Suites;
  versions: Versions;
}

export const channelFile = (name: string): string => `channels/${name}.json`;
const stateFile = (id: string): string => `states/${id.slice(0, 2)}/${id}.json.gz`;

/** As much of an id as paths and people use. */
export const shortId = (id: string): string => id.slice(0, 16);

/** Whether the same packages are in the same suites, whoever published them. */
export function sameSuites(a: Suites, b: Suites): boolean {
  return equal(a, b);
}

/** Whether two plain values say the same; `undefined` is as if it were not there. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [x, y] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return (
    x.every(([key, value]) => equal(value, y.get(key))) &&
    [...y].every(([key, value]) => value === undefined || Object.hasOwn(a, key))
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same packages by sorted names, each with its fields in order: what most of a state's text is. */
export function orderedSuites(suites: Suites): Suites {
  const ordered: Suites = {};
  for (const suite of Object.keys(suites).sort()) {
    const packages = suites[suite] ?? {};
    const of: Suites[string] = {};
    for (const debian of Object.keys(packages).sort()) {
      const held = packages[debian];
      if (!held) continue;
      const { abi, files, key, needs, requires, version } = held;
      const ordered = files.map(({ name, sha256: digest, size }) => ({ name, sha256: digest, size }));
      of[debian] = { abi, files: ordered, key, ...(needs ? { needs } : {}), requires, version };
    }
    ordered[suite] = of;
  }
  known.add(ordered);
  return ordered;
}

/** What `sortedKeys` gave: it is not looked at again. */
const known = new WeakSet<object>();

/** The same value with sorted keys, so that JSON of it is canonical. What is sorted already is not copied. */
export function sortedKeys<T extends object>(value: T): T {
  const sorted = sortedValue(value) as T;
  known.add(sorted);
  return sorted;
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items: unknown[] = value;
    if (!items.some((item) => typeof item === 'object')) return value;
    const sorted = items.map(sortedValue);
    return sorted.every((v, i) => v === items[i]) ? value : sorted;
  }
  if (!isRecord(value) || known.has(value)) return value;
  const keys = Object.keys(value);
  let same = true;
  let last = '';
  const parts: unknown[] = [];
  for (const key of keys) {
    const part = value[key];
    const sorted = typeof part === 'object' ? sortedValue(part) : part;
    parts.push(sorted);
    same &&= sorted === part && last <= key;
    last = key;
  }
  if (same) return value;
  const copy: Record<string, unknown> = {};
  keys.forEach((key, at) => (copy[key] = parts[at]));
  return Object.fromEntries(keys.sort().map((key) => [key, copy[key]]));
}

/** A state's text, its id, and where the store has it. */
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

/** A state by its id; undefined where it is gone or damaged. */
export async function readState(store: Store, id: string): Promise<State | undefined> {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const data = await store.getBlob(stateFile(id));
  if (!data) return undefined;
  try {
    const text = gunzipSync(data, { maxOutputLength: 1 << 30 });
    return sha256(text) === id ? (JSON.parse(text.toString('utf8')) as State) : undefined;
  } catch {
    return undefined;
  }
}

/** A channel as it was read, with what a writer must show to have read the last state. */
export interface OpenChannel {
  name: string;
  file: ChannelFile;
  tag: string | undefined;
  headId: string | undefined;
  head: State | undefined;
  /** What a writer that knew no states left. */
  former: Suites | undefined;
  value: { versions: Versions };
}

/**
 * Reads a channel. One whose last states are gone is read as far as it is known; `versions` is the highest of all that
 * is left. `restorable`: the caller restores it from what is served, so that a damaged file is no fault.
 */
export async function openChannel(store: Store, name: string, restorable = false): Promise<OpenChannel> {
  const { value, tag } = await store.readTagged<ChannelFile | FormerChannel>(channelFile(name), restorable);
  if (value?.schema === 1) {
    const file: ChannelFile = { schema: 2, states: [], switching: false, endpoints: [] };
    const { suites, versions } = value;
    return { name, file, tag, headId: undefined, head: undefined, former: suites, value: { versions } };
  }
  const file: ChannelFile = value?.schema === 2 ? value : { schema: 2, states: [], switching: false, endpoints: [] };
  for (const { id } of file.states) {
    const head = await readState(store, id);
    if (head) return { name, file, tag, headId: id, head, former: undefined, value: { versions: versionsOf(head) } };
  }
  return { name, file, tag, headId: undefined, head: undefined, former: undefined, value: { versions: {} } };
}

/** Lists a state as the channel's head. False: another writer was first. */
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

/** Says that the head is at its endpoints. Where another writer came in between, what it says counts. */
export async function finishSwitch(store: Store, channel: OpenChannel): Promise<void> {
  if (channel.file.switching)
    await store.replaceJson(channelFile(channel.name), { ...channel.file, switching: false }, channel.tag);
}

async function reread(store: Store, channel: OpenChannel): Promise<OpenChannel> {
  const { tag } = await store.readTagged<ChannelFile>(channelFile(channel.name));
  return { ...channel, tag };
}

/** Finds what a channel held at the highest, by suite and Debian package. */
export const heldIn =
  (versions: Versions) =>
  (scope: Scope, target: Target, debian: string): string | undefined =>
    versions[channelSuite(scope.distribution, target)]?.[debian];

/** The highest of each. */
export function highest(before: Versions, suites: Suites): Versions {
  const all: Versions = { ...before };
  for (const [suite, packages] of Object.entries(suites)) {
    const of = { ...all[suite] };
    for (const [debian, { version }] of Object.entries(packages)) {
      const held = of[debian];
      if (held === undefined || (held !== version && compareDebianVersions(version, held) > 0)) of[debian] = version;
    }
    all[suite] = of;
  }
  return all;
}

/** What a state says of versions beside its suites: of those before it, packages that are gone, or were higher. */
export function otherVersions(before: Versions, suites: Suites): Versions {
  const all: Versions = {};
  for (const [suite, versions] of Object.entries(before)) {
    const held = suites[suite];
    const of: Record<string, string> = {};
    for (const [debian, version] of Object.entries(versions)) {
      const now = held?.[debian]?.version;
      if (now === undefined || (now !== version && compareDebianVersions(version, now) > 0)) of[debian] = version;
    }
    if (Object.keys(of).length) all[suite] = of;
  }
  return all;
}

const versionsOf = (state: State): Versions => highest(state.versions, state.suites);

/**
 * A channel whose file is gone or damaged, read from what its endpoints serve: a Release file names its state, and each
 * state the one before it.
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
      const id = served && readRelease(served.data.toString('utf8')).state;
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
