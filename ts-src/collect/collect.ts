import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exists, makeFolder } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { tryMutex, withMutex, type Release } from '../io/mutex.ts';
import { run } from '../io/process.ts';
import { readEnd } from '../io/untrusted.ts';
import type { Driver } from '../sandbox/driver.ts';
import { useLock } from '../sandbox/scratch.ts';
import type { Store } from '../store/store.ts';
import { chooseExpired, countKinds, type Kept } from './choose.ts';
import { surveyMachine, type MachineThing } from './machine.ts';
import { SizeMemory } from './measure.ts';
import { grace, surveyStore, type StoreContents } from './reach.ts';
import { removeFromStore } from './store.ts';

export interface CollectRequest {
  state: string;
  driver: Driver;
  /** The store, if it is cleaned up too. `own`: it lies in the state, and no other machine writes to it. */
  store?: { store: Store; own: boolean };
  /** Size limit in bytes of what can be made again. A store shared by machines has `storeSize` as its own limit. */
  size: number;
  storeSize?: number;
  days: number;
  now: number;
  dryRun?: boolean;
}

type Counts = ReturnType<typeof countKinds>;

export interface Collected {
  removed: Counts;
  kept: Counts;
  /** Another slipway uses the state: nothing in it was removed. */
  busy: boolean;
}

/**
 * Garbage collection of a machine's state and of a store: removes what expired, then the least recently used above the
 * size limit, among what can be made again. Removes nothing from the state while another slipway uses it.
 */
export async function collect(request: CollectRequest): Promise<Collected> {
  const { state, now, days, dryRun } = request;
  if (!exists(state)) return { removed: [], kept: [], busy: false };
  const release = await tryMutex(useLock(state));
  const trash = join(state, 'trash');
  try {
    const sizes = new SizeMemory(state);
    const machine = await surveyMachine({ state, driver: request.driver, sizes, now, days });
    const contents = await contentsOf(request, release);
    const own = request.store?.own === true;
    const local: Kept[] = release ? [...machine, ...(own ? (contents?.things ?? []) : [])] : [];
    const shared: Kept[] = own && release ? [] : (contents?.things ?? []);
    const expired = new Set<Kept>([
      ...chooseExpired(local, now, request.size),
      ...chooseExpired(shared, now, request.storeSize ?? Infinity),
    ]);
    if (!dryRun) {
      if (release) {
        for (const thing of machine) if (expired.has(thing)) discard(thing, trash);
        await shrinkFolders(state, now);
        shortenLog(join(state, 'slipway.log'));
        sizes.save();
      }
      if (request.store && contents) await removeFromStore(request.store.store, contents, expired);
    }
    const all: Kept[] = [...machine, ...(contents?.things ?? [])];
    return {
      removed: countKinds(expired),
      kept: countKinds(all.filter((thing) => !expired.has(thing))),
      busy: !release,
    };
  } finally {
    await release?.();
    if (release && !dryRun) await empty(trash, request.driver);
  }
}

async function contentsOf(request: CollectRequest, alone: Release | undefined): Promise<StoreContents | undefined> {
  const { store, now, days } = request;
  if (!store) return undefined;
  return surveyStore({ store: store.store, now, days, grace: store.own && alone ? 0 : grace });
}

/** Moves it to the trash at once. Removing it takes longer, and no other process has to wait for that. */
function discard({ paths }: MachineThing, trash: string): void {
  const folder = join(trash, randomBytes(8).toString('hex'));
  makeFolder(folder);
  for (const path of paths.filter(exists)) renameSync(path, join(folder, basename(path)));
}

async function empty(trash: string, driver: Driver): Promise<void> {
  if (!exists(trash)) return;
  for (const name of readdirSync(trash))
    for (const inner of readdirSync(join(trash, name))) await driver.discard(join(trash, name, inner));
  await driver.remove(trash);
}

const hour = 3_600_000;

/**
 * Files of folders are stored as git objects. Every plan that needs an object writes it again, which renews its time.
 */
async function shrinkFolders(state: string, now: number): Promise<void> {
  const gitDir = join(state, 'git', 'folders.git');
  const marker = join(gitDir, 'slipway-pruned');
  if (!exists(join(gitDir, 'HEAD')) || (exists(marker) && now - statSync(marker).mtimeMs < hour)) return;
  await withMutex(`${gitDir}.lock`, async () => {
    await run('git', ['--git-dir', gitDir, 'prune', '--expire=1.hour.ago']);
    writeFile(marker, '');
  });
}

const longestLog = 32 << 20;

function shortenLog(log: string): void {
  if (!exists(log) || statSync(log).size <= longestLog) return;
  const end = readEnd(log, longestLog / 4);
  writeFile(log, end);
}
