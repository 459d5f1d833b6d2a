import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import { isDigest, isObject, isStoredFile, isTexts } from '../model/stored.ts';
import { exists, noteUse, privateFolder, readJson, sha256File, writeWhole, makeFolder } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { programFault, reasonOf, run, type Outcome } from '../io/process.ts';
import { baseFault, largestBase, largestLists } from './base-tar.ts';
import { baseFolderName, baseLock, basesFolder, isWhole, keptFile, placeBase } from './base-folder.ts';
import { ensureBase, listsDigest, prepareBase, wantedBase, type Base, type BaseRequest } from './base-system.ts';
import type { Driver } from './driver.ts';
import { notHere } from './missing-base.ts';
import { keepPlainFiles } from './plain-files.ts';
import { newScratch } from './scratch.ts';
import type { Store } from '../store/store.ts';
import { removeTree } from '../io/remove-tree.ts';

/** A base in the store: its compressed tar, its lists, and apt's answers. */
interface KeptBase {
  tar: StoredFile;
  lists: StoredFile;
  packages: string[];
  made: number;
}

/** The record of a base in the store; undefined if it is missing or damaged. `read`: of which namespaces. */
async function keptBase(
  store: Store,
  { digest, archive }: StoredRequest['wanted'],
  read: 'readJson' | 'readShared' = 'readJson',
): Promise<KeptBase | undefined> {
  const kept = await store[read]<Partial<KeptBase>>(nameOf(digest, archive));
  const { tar, lists, packages, made } = kept ?? {};
  if (!isStoredFile(tar) || !isStoredFile(lists) || typeof made !== 'number') return undefined;
  return isTexts(packages) ? { tar, lists, packages, made } : undefined;
}

const nameOf = (digest: string, archive: string): string => `bases/${digest}-${archive.slice(0, 16)}.json`;

/** Stores a base for other machines, once. */
export async function keepBase(store: Store, base: Base, work: string): Promise<void> {
  const name = nameOf(base.digest, base.archive);
  if (await keptBase(store, base)) return;
  makeFolder(work);
  const tar = join(work, 'base.tar.gz');
  const lists = join(work, 'lists.tar.gz');
  for (const [command, args] of [
    ['sh', ['-c', 'gzip -1 -n < "$1" > "$2"', 'sh', base.tar, tar]],
    ['tar', ['-c', '-z', '--sort=name', '--numeric-owner', '-f', lists, '-C', base.lists, '.']],
  ] as const) {
    const packed = await run(command, [...args]);
    if (packed.code !== 0) throw programFault("can't pack a base", work, packed);
  }
  await store.writeJson(name, {
    tar: await store.put(tar),
    lists: await store.put(lists),
    packages: base.packages,
    made: base.made,
  } satisfies KeptBase);
}

/**
 * The metadata of a base in the store, for machines that report on it and never enter it, for example because of its
 * architecture.
 */
export async function toldBase(
  store: Store,
  state: string,
  platform: string,
  wanted: { digest: string; archive: string },
): Promise<Result<Base>> {
  const stored = await keptBase(store, wanted);
  if (!stored) return lost('base', platform, wanted.digest);
  return good(baseIn(join(state, 'told', baseFolderName(wanted)), wanted, stored));
}

/** A stored base, with the paths of its folder. */
const baseIn = (folder: string, wanted: StoredRequest['wanted'], { packages, made }: KeptBase): Base => ({
  ...wanted,
  folder,
  root: join(folder, 'root'),
  lists: join(folder, 'lists'),
  tar: join(folder, 'base.tar'),
  packages,
  made,
  sources: 'store',
});

const lost = (what: string, platform: string, digest: string): Result<never> =>
  bad(
    error('base-failed', `the store has no ${what} of '${platform}' with the digest ${digest.slice(0, 12)}`, {
      hint: 'plan again to make a new base system',
    }),
  );

/** Options for opening the base that a plan names. */
export interface StoredRequest {
  driver: Driver;
  store: Store;
  state: string;
  name: string;
  architecture: string;
  wanted: { digest: string; archive: string };
  progress: (text: string) => void;
  /** False: only if it is on this machine. */
  makes?: boolean | undefined;
}

/** The base that a plan was made with: local, else from the store. */
export async function storedBase(request: StoredRequest): Promise<Result<Base>> {
  const { driver, state, name, architecture, wanted } = request;
  const folder = basesFolder(driver.name, state, name, architecture);
  const kept = keptFile(folder, wanted);
  const there = async (): Promise<Base | undefined> => {
    for (const file of [join(folder, 'current.json'), kept]) {
      const base = readJson<Base>(file);
      if (
        base?.digest === wanted.digest &&
        base.archive === wanted.archive &&
        exists(base.lists) &&
        (await isWhole(driver, base.root))
      ) {
        noteUse(privateFolder(base.folder));
        return base;
      }
    }
    return undefined;
  };
  const now = await there();
  if (now) return good(now);
  if (request.makes === false) return notHere(name, architecture);
  return withMutex(
    // Others wait for this base only: one of an untrusted run may take its time.
    baseLock(folder, wanted),
    async () => {
      const other = await there();
      if (other) return good(other);
      const fetched = await fetchBase(request, folder);
      if (fetched.ok) writeWhole(kept, JSON.stringify(fetched.value));
      return fetched;
    },
    { waiting: () => request.progress(`waiting for another slipway that fetches the base of ${name}`) },
  );
}

/** Fetches a base from the store to its place below `folder`. */
async function fetchBase(request: StoredRequest, folder: string): Promise<Result<Base>> {
  const { driver, store, state, name, architecture, wanted } = request;
  const shared = await keptBase(store, wanted, 'readShared');
  const stored = shared ?? (await keptBase(store, wanted));
  if (!stored) return lost('base', name, wanted.digest);
  request.progress(`fetching the base system of ${name} (${architecture}) from the store`);
  const [tar, lists] = [await store.path(stored.tar), await store.path(stored.lists)];
  if (!tar || !lists) return lost('whole base', name, wanted.digest);
  const work = join(folder, `fetch-${baseFolderName(wanted)}`);
  await driver.remove(work);
  mkdirSync(join(privateFolder(work), 'lists'));
  // What is cut off has another digest than the record.
  const unzipped = await run('sh', [
    '-c',
    'gzip -d < "$1" | head -c "$5" > "$2" && gzip -d < "$3" | head -c "$6" | tar -x -C "$4"',
    'sh',
    tar,
    join(work, 'base.tar'),
    lists,
    join(work, 'lists'),
    String(largestBase),
    String(largestLists),
  ]);
  if (unzipped.code !== 0) return cannotUnpack(name, unzipped);
  await keepPlainFiles(join(work, 'lists'));
  keepFlat(join(work, 'lists'));
  const fault = await baseFault(join(work, 'base.tar'), join(work, 'lists'));
  if (fault) return bad(error('base-failed', `the base of '${name}' in the store is refused: ${fault}`));
  if ((await sha256File(join(work, 'base.tar'))) !== wanted.digest) return lost('sound base', name, wanted.digest);
  // All runs on this machine share the state, so the digest must be verified: an untrusted run could store false
  // content.
  if ((await listsDigest(join(work, 'lists'))) !== wanted.archive) return lost('sound list', name, wanted.digest);
  const unpacked = await driver.unpack(join(work, 'base.tar'), join(work, 'root'));
  if (unpacked.code !== 0) return cannotUnpack(name, unpacked);
  const final = join(folder, baseFolderName(wanted));
  await placeBase(driver, work, final);
  const base: Base = { ...baseIn(final, wanted, stored), ...(shared ? {} : { foreign: true }) };
  const prepared = await prepareBase(driver, state, base);
  return prepared.ok ? good({ ...base, packages: prepared.value }) : prepared;
}

/** Removes folders in apt's lists: apt reads no lists there, but their digest would count them. */
function keepFlat(lists: string): void {
  for (const entry of readdirSync(lists, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(lists, entry.name));
  makeFolder(join(lists, 'partial'), 0o700);
}

const cannotUnpack = (name: string, outcome: Outcome): Result<never> =>
  bad(error('base-failed', `can't unpack the base of '${name}': ${reasonOf(outcome)}`));

/** The current base of machines for a platform, or for the digest in a lockfile. */
interface SharedBase {
  digest: string;
  archive: string;
  made: number;
}

const isSharedBase = (v: unknown): v is SharedBase =>
  isObject(v) && isDigest(v.digest) && isDigest(v.archive) && typeof v.made === 'number';

/** The pointer in the store; undefined if it is missing or damaged. */
export async function readShared(store: Store, name: string): Promise<SharedBase | undefined> {
  const shared = await store.readJson(name);
  return isSharedBase(shared) ? shared : undefined;
}

const sharedName = (digest: string): string => `bases/shared/${digest}.json`;

/** Options for a base that the machines of a store share. */
export interface SharedBaseRequest extends BaseRequest {
  store: Store;
}

/**
 * The base of a platform that all machines of a store share: the store's while it is younger than `renew_days`, else
 * made here and stored. Of concurrent machines the first one wins, so that all have the same keys.
 */
export async function sharedBase(request: SharedBaseRequest): Promise<Result<Base>> {
  const { store, platform, architecture, pinned } = request;
  const { wanted } = wantedBase(request.distroRoot, platform, architecture);
  const young = (base: SharedBase): boolean =>
    pinned === undefined ? request.now / 1000 - base.made < platform.renew_days * 86400 : base.digest === pinned;
  const pointer = sharedName(pinned ?? wanted);
  const fetch = async (shared: SharedBase | undefined): Promise<Base | undefined> => {
    if (!shared || !young(shared)) return undefined;
    const base = await storedBase({ ...request, wanted: shared });
    return base.ok ? base.value : undefined;
  };
  const shared = await readShared(store, pointer);
  if (request.makes === false)
    return shared && young(shared) ? storedBase({ ...request, wanted: shared }) : ensureBase(request);
  const there = await fetch(shared);
  if (there) return good(there);
  const made = await ensureBase(request);
  if (!made.ok) return made;
  const { digest, archive, made: when } = made.value;
  await keepBase(store, made.value, newScratch(request.state));
  for (const target of new Set([pointer, sharedName(digest)])) {
    const { value: found, tag } = await store.readTagged<unknown>(target);
    const value = isSharedBase(found) ? found : undefined;
    const first = target === pointer && value?.made !== when ? await fetch(value) : undefined;
    if (first) return good(first);
    if (value && target !== pointer) continue;
    if (await store.replaceJson(target, { digest, archive, made: when } satisfies SharedBase, tag)) continue;
    const other = target === pointer ? await fetch(await readShared(store, target)) : undefined;
    if (other) return good(other);
  }
  return made;
}
