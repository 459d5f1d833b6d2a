import { at } from '../model/lists.ts';
import { isObject } from '../model/stored.ts';
import { parsed } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import type { Endpoint } from './endpoint.ts';
import { byHashPath, readRelease } from './indices.ts';
import { readIndex } from './package-index.ts';
import { sourceFilesOf } from './sources.ts';
import { channelFile, openChannel, readState, shortId, type Listed, type OpenChannel } from './state.ts';

const day = 86_400_000;

/** States that expired: beyond `keep`, with a successor older than the grace period. Without a limit none expire. */
export function expiredStates(
  states: readonly Listed[],
  keep: number | undefined,
  graceDays: number,
  now: number,
): Listed[] {
  if (keep === undefined) return [];
  return states.filter((_, i) => i >= keep && i > 0 && now - at(states, i - 1).when > graceDays * day);
}

/** Removes states from a channel's list. False if another writer was first. */
export const dropStates = (store: Store, channel: OpenChannel, expired: readonly Listed[]): Promise<boolean> =>
  store.replaceJson(
    channelFile(channel.name),
    { ...channel.file, states: channel.file.states.filter((s) => !expired.includes(s)) },
    channel.tag,
  );

/**
 * Removes expired states from a channel and sweeps its repositories, if necessary. If another writer was first, the
 * next run does it.
 */
export async function retireStates(
  store: Store,
  channel: OpenChannel,
  endpoints: readonly Endpoint[],
  { keep, graceDays }: { keep: number; graceDays: number },
  now: number,
): Promise<void> {
  const expired = expiredStates(channel.file.states, keep, graceDays, now);
  if (expired.length && !(await dropStates(store, channel, expired))) return;
  for (const endpoint of endpoints) {
    const since = Object.values(condemnedIn((await endpoint.read(condemnedFile))?.data));
    if (expired.length || since.some((when) => now - when >= graceDays * day))
      await sweepRepository(store, channel.name, endpoint, { graceDays, now, dryRun: false });
  }
}

/** Unneeded files, with the time when they were found to be. */
interface Condemned {
  schema: 1;
  since: Record<string, number>;
}

const condemnedFile = '.slipway/condemned.json';

export interface Swept {
  removed: { name: string; size: number }[];
  /** Number of unneeded files within the grace period. */
  waiting: number;
  kept: number;
}

/**
 * Mark and sweep of a repository. Files of no listed state are removed when the grace period after that finding is
 * over. Undefined if a publication is in progress.
 */
export async function sweepRepository(
  store: Store,
  channel: string,
  endpoint: Endpoint,
  { graceDays, now, dryRun }: { graceDays: number; now: number; dryRun: boolean },
): Promise<Swept | undefined> {
  return endpoint.during('clean-up', async () => {
    // Read inside of the exclusion: all publications have listed their states by now, and none can begin.
    const marked = await markAll(store, await openChannel(store, channel), endpoint);
    if (!marked) return undefined;
    const read = await endpoint.read(condemnedFile);
    const before = condemnedIn(read?.data);
    const since: Condemned['since'] = {};
    const swept: Swept = { removed: [], waiting: 0, kept: 0 };
    const begun = Date.now();
    for (const folder of ['pool', 'dists']) {
      for await (const { name, size } of endpoint.list(folder)) {
        if (marked(name)) {
          swept.kept++;
          continue;
        }
        const found = before[name] ?? now;
        if (now - found >= graceDays * day) swept.removed.push({ name, size });
        else {
          since[name] = found;
          swept.waiting++;
        }
      }
    }
    if (dryRun) return swept;
    for (const { name } of swept.removed) {
      // Stop before the time after which publications no longer wait for a clean-up.
      if (Date.now() - begun < 540_000) await endpoint.remove(name);
      else since[name] = before[name] ?? now;
    }
    const condemned: Condemned = { schema: 1, since };
    await endpoint.put(condemnedFile, Buffer.from(JSON.stringify(condemned)));
    return swept;
  });
}

function condemnedIn(data: Buffer | undefined): Condemned['since'] {
  const read = data && parsed(data);
  const since = isObject(read) && isObject(read.since) ? Object.entries(read.since) : [];
  return Object.fromEntries(since.flatMap(([name, when]) => (typeof when === 'number' ? [[name, when]] : [])));
}

/**
 * Returns whether a file belongs to a listed state; undefined if a state can't be read: then nothing may be removed.
 */
async function markAll(
  store: Store,
  channel: OpenChannel,
  endpoint: Endpoint,
): Promise<((name: string) => boolean) | undefined> {
  if (!channel.head) return undefined;
  const files = new Set<string>();
  const states = new Set<string>();
  const suites = new Set<string>();
  for (const { id } of channel.file.states) {
    const state = await readState(store, id);
    if (!state) return undefined;
    states.add(shortId(id));
    for (const [key, index] of Object.entries(state.indices)) {
      const suite = key.slice(0, key.lastIndexOf('/'));
      suites.add(suite);
      const read = await readIndex(store, index);
      if (!read) return undefined;
      for (const entry of read.entries) files.add(entry.filename);
      const path = `main/binary-${key.slice(suite.length + 1)}/Packages`;
      for (const { sha256 } of [index, ...(state.packed?.[key] ?? [])])
        files.add(`dists/${suite}/${byHashPath(path, sha256)}`);
      const contents = state.contents?.[key];
      if (contents) files.add(`dists/${suite}/${byHashPath('main/Contents', contents.sha256)}`);
    }
    for (const file of sourceFilesOf(state)) files.add(file);
    for (const suite of suites) await markRelease(endpoint, `dists/states/${shortId(id)}/${suite}`, suite, files);
  }
  for (const suite of suites) await markRelease(endpoint, `dists/${suite}`, suite, files);
  return (name) => {
    if (files.has(name)) return true;
    const state = /^dists\/states\/([^/]+)\//.exec(name)?.[1];
    if (state !== undefined) return states.has(state);
    // Plain names are overwritten by each publication. Those of removed suites and architectures are not marked.
    const suite = /^dists\/(.+)\/(?:InRelease|Release|Release\.gpg)$/.exec(name)?.[1];
    return suite !== undefined && suites.has(suite);
  };
}

/** Marks the indices in a Release file, and their by-hash names. */
async function markRelease(endpoint: Endpoint, folder: string, suite: string, files: Set<string>): Promise<void> {
  const read = await endpoint.read(`${folder}/InRelease`);
  for (const [path, { sha256: digest }] of readRelease(read?.data ?? '').files) {
    files.add(`dists/${suite}/${path}`);
    files.add(`dists/${suite}/${byHashPath(path, digest)}`);
  }
}
