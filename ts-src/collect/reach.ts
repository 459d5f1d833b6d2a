import { reachedBySites } from '../docs/reach.ts';
import { isRunName } from '../engine/runs.ts';
import type { StoredFile } from '../model/result.ts';
import { isObject, isRunRecord, isStoredFile } from '../model/stored.ts';
import { reachedByImages, type Reached } from '../images/reach.ts';
import { channelOf, openChannel, readState } from '../publish/state.ts';
import { readLock } from '../read/lockfile.ts';
import { mirrorName } from '../sandbox/package-mirror.ts';
import { readShared } from '../sandbox/stored-base.ts';
import type { BlobInfo } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import type { Kept } from './choose.ts';

const day = 86_400_000;

/** Upper limit of the time between writing an object and writing the record that names it. */
export const grace = day;

/**
 * A file of the store that names objects: a record, a run's result, a source. Objects that nothing else names are
 * removed with it.
 */
export interface Holder extends Kept {
  name: string;
  objects: string[];
}

export interface StoreSurvey {
  store: Store;
  now: number;
  days: number;
  /** Minimum age for removal, in milliseconds: writers may still be at work. */
  grace: number;
}

/** The roots of reachability: what always stays, and when the rest was last used. */
interface Roots {
  objects: Set<string>;
  /** By task key: time of last use; `Infinity` if a channel, an index or the newest run names it. */
  keys: Map<string, number>;
  states: Set<string>;
  /** Lockfiles of published states, by digest. */
  locks: Map<string, StoredFile>;
  images: Reached;
  runs: BlobInfo[];
  newest: string | undefined;
}

/** A root that can't be read: what it names is unknown, so nothing may be removed. */
const wrongForm = (name: string, { blobs }: Store): Error =>
  Object.assign(
    new Error(`${name} in the store ${blobs.where} is not as a run is written: remove it, or bring it back`),
    { code: 'ESTORE' },
  );

async function listed(store: Store, kind: string): Promise<BlobInfo[]> {
  const found: BlobInfo[] = [];
  for await (const blob of store.blobs.list(kind)) found.push(blob);
  return found;
}

async function findRoots({ store, now, days, grace: least }: StoreSurvey): Promise<Roots> {
  const runs = await listed(store, 'runs');
  const roots: Roots = {
    objects: new Set(),
    keys: new Map(),
    states: new Set(),
    locks: new Map(),
    images: { files: [], expired: [] },
    runs,
    newest: runs
      .filter(({ name }) => isRunName(name))
      .reduce((a, b) => (b.modified > a.modified ? b : a), {
        name: '',
        modified: 0,
        size: 0,
      }).name,
  };
  const use = (key: string, when: number) => roots.keys.set(key, Math.max(roots.keys.get(key) ?? 0, when));
  for (const { name, modified } of runs) {
    if (name.includes('/results/') || name.endsWith('.gz')) continue;
    if (name !== roots.newest && now - modified > Math.max(least, days * day)) continue;
    const run = await store.readRoot(name);
    if (isRunRecord(run))
      for (const t of Object.values(run.tasks)) use(t.key, name === roots.newest ? Infinity : modified);
    else if (run !== undefined && isRunName(name)) throw wrongForm(name, store);
  }
  await rootsOfChannels(store, roots, use);
  for (const { name } of await listed(store, 'index')) {
    const index = await store.readIndex(name.slice('index/'.length).replace(/\.json\.gz$/, ''));
    for (const key of [...index.builds.keys(), ...index.tests.keys()]) use(key, Infinity);
  }
  for (const key of await reachedBySites(store)) use(key, Infinity);
  roots.images = await reachedByImages(store, roots.states, now, Math.max(least, days * day));
  for (const file of roots.images.files) roots.objects.add(file.sha256);
  return roots;
}

async function rootsOfChannels(store: Store, roots: Roots, use: (key: string, when: number) => void): Promise<void> {
  const keep = (files: readonly (StoredFile | undefined)[]) => files.forEach((f) => f && roots.objects.add(f.sha256));
  for (const { name } of await listed(store, 'channels')) {
    const channel = await openChannel(store, channelOf(store, name));
    const states = await store.many(channel.file.states, ({ id }) => readState(store, id));
    for (const { id } of channel.file.states) roots.states.add(id);
    for (const state of states) {
      const { indices = {}, packed = {}, contents = {}, sources = {}, lock } = state ?? {};
      const lists = [packed, sources].flatMap((all) => Object.values(all).flat());
      keep([...Object.values(indices), ...lists, ...Object.values(contents), lock]);
      if (lock) roots.locks.set(lock.sha256, lock);
    }
    for (const suites of [channel.former, ...states.map((s) => s?.suites)])
      for (const suite of Object.values(suites ?? {}))
        for (const held of Object.values(suite)) {
          use(held.key, Infinity);
          keep([...held.files, ...(held.sources ?? [])]);
        }
  }
}

/** Snapshots of archives that a lockfile names, by the names of the mirror's folders. */
async function archivesIn(store: Store, lock: StoredFile): Promise<string[]> {
  const text = await store.readText(lock);
  const read = text === undefined ? undefined : readLock('lock.yaml', text);
  return read?.ok ? Object.values(read.value.platforms).map(({ archive }) => mirrorName(archive)) : [];
}

/** The files that a record names, whatever wrote it: the record itself, its fields, and what is in a list of these. */
function filesIn(record: unknown): StoredFile[] {
  if (isStoredFile(record)) return [record];
  return isObject(record) ? Object.values(record).flat().filter(isStoredFile) : [];
}

const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1).replace(/\.json(\.gz)?$/, '');

export interface StoreContents {
  /** What may be removed at some time. */
  things: Holder[];
  /** Objects that must stay. */
  stay: Set<string>;
  /** Images that are removed with their records. */
  expired: Reached['expired'];
}

/** Lists what may be removed from a store, what must stay, and expired images. */
export async function surveyStore(survey: StoreSurvey): Promise<StoreContents> {
  const roots = await findRoots(survey);
  const age = Math.max(survey.grace, survey.days * day);
  const holders = [
    ...(await taskRecords(survey, roots, age)),
    ...(await otherRecords(survey, roots, age)),
    ...(await runRecords(survey, roots, age)),
  ];
  for (const { name } of roots.images.expired)
    holders.push({ ...holderOf(survey, 'images', { name, size: 0, modified: 0 }, 0), until: 0 });
  return { things: await withObjects(survey, roots, holders), stay: roots.objects, expired: roots.images.expired };
}

function holderOf({ now, grace: least }: StoreSurvey, kind: string, blob: BlobInfo, until: number): Holder {
  return {
    kind,
    name: blob.name,
    objects: [],
    bytes: blob.disk ?? blob.size,
    used: blob.modified,
    until,
    held: now - blob.modified < least,
  };
}

async function taskRecords(survey: StoreSurvey, roots: Roots, age: number): Promise<Holder[]> {
  const { store } = survey;
  const found: Holder[] = [];
  for (const kind of ['tasks', 'tests', 'docs'] as const)
    for (const blob of await listed(store, kind)) {
      const when = roots.keys.get(baseName(blob.name));
      const record = await store.readJson(blob.name);
      const used = Math.max(when ?? 0, blob.modified);
      const until = when === undefined || !record ? blob.modified + survey.grace : used + age;
      const objects = filesIn(record).map((f) => f.sha256);
      if (when === Infinity && record) for (const digest of objects) roots.objects.add(digest);
      else found.push({ ...holderOf(survey, 'results', blob, until), objects, used });
    }
  return found;
}

/**
 * Returns a test for bases, pointers to bases and mirrored packages: whether they belong to an archive snapshot that
 * stays. A snapshot stays if it is mirrored, and the lockfile of a published state or a current base uses it.
 */
async function mirroredArchives({ store }: StoreSurvey, { locks }: Roots) {
  const kept = new Set((await listed(store, 'mirror')).map(({ name }) => name.split('/')[1] ?? ''));
  const current = new Set<string>();
  // Reading ten lockfiles takes most of the time of a run without changes, and most stores have no mirror.
  for (const lock of kept.size ? locks.values() : [])
    for (const archive of await archivesIn(store, lock)) current.add(archive);
  for (const { name } of await listed(store, 'bases/shared')) {
    const shared = await readShared(store, name);
    // Bases named by their own digest are for lockfiles.
    if (shared && baseName(name) !== shared.digest) current.add(mirrorName(shared.archive));
  }
  const stays = (archive: string | undefined) => archive !== undefined && kept.has(archive) && current.has(archive);
  return (name: string, value: unknown): boolean => {
    if (name.startsWith('mirror/underlays/')) return true;
    const archive = isObject(value) ? value.archive : undefined;
    if (typeof archive === 'string') return stays(mirrorName(archive));
    return stays(name.startsWith('mirror/') ? name.split('/')[1] : /-([0-9a-f]{16})\.json$/.exec(name)?.[1]);
  };
}

/** Sources, bases and cached answers of apt: they are made again when needed. */
async function otherRecords(survey: StoreSurvey, roots: Roots, age: number): Promise<Holder[]> {
  const { store } = survey;
  const found: Holder[] = [];
  const mirrored = await mirroredArchives(survey, roots);
  for (const kind of ['sources', 'bases', 'mirror'])
    for (const blob of await listed(store, kind)) {
      const value = await store.readJson(blob.name);
      const objects = filesIn(value).map((f) => f.sha256);
      if (kind !== 'sources' && mirrored(blob.name, value)) for (const digest of objects) roots.objects.add(digest);
      else found.push({ ...holderOf(survey, kind, blob, blob.modified + age), objects });
    }
  for (const kind of ['resolved', 'sets', 'image-packed', 'untrusted'])
    for (const blob of await listed(store, kind))
      found.push(holderOf(survey, kind === 'untrusted' ? kind : 'results', blob, blob.modified + age));
  for (const blob of await listed(store, 'states'))
    if (!roots.states.has(baseName(blob.name)))
      found.push(holderOf(survey, 'states', blob, blob.modified + survey.grace));
  return found;
}

async function runRecords(survey: StoreSurvey, roots: Roots, age: number): Promise<Holder[]> {
  const found: Holder[] = [];
  for (const blob of roots.runs) {
    if (blob.name === roots.newest) continue;
    const holder = holderOf(survey, 'runs', blob, blob.modified + age);
    // An active run has no record yet, and its agents need these files.
    if (!isRunName(blob.name)) holder.held = survey.now - blob.modified < grace;
    const result = blob.name.includes('/results/') ? await survey.store.readJson(blob.name) : undefined;
    if (isObject(result) && isStoredFile(result.log)) holder.objects.push(result.log.sha256);
    found.push(holder);
  }
  return found;
}

/**
 * Assigns objects to the most recently used holder that names them: an object is removed with the last of its holders.
 */
async function withObjects(survey: StoreSurvey, roots: Roots, holders: readonly Holder[]): Promise<Holder[]> {
  const last = new Map<string, Holder>();
  for (const holder of holders)
    for (const digest of holder.objects) {
      const other = last.get(digest);
      if (!other || holder.used > other.used) last.set(digest, holder);
    }
  const things = [...holders];
  for (const blob of await listed(survey.store, 'objects')) {
    const digest = baseName(blob.name);
    const holder = last.get(digest);
    // A writer may be about to name a young object.
    if (survey.now - blob.modified < survey.grace) roots.objects.add(digest);
    if (roots.objects.has(digest)) continue;
    if (holder) holder.bytes += blob.disk ?? blob.size;
    else things.push({ ...holderOf(survey, 'objects', blob, blob.modified + survey.grace), objects: [digest] });
  }
  return things;
}
