import { randomBytes } from 'node:crypto';
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exists, privateFolder, makeFolder } from '../io/files.ts';
import { holdMutex, shareMutex, tryMutex, type Release } from '../io/mutex.ts';
import type { Driver } from './driver.ts';

let session: string | undefined;
let locks: Release[] = [];

/** Folders of a state with files from roots; earlier versions left them open to others. */
const rootFolders = ['archives', 'layers', 'images', 'objects', 'unpacked'];

/** Lock of a machine's state: shared by runs, exclusive for garbage collection. */
export const useLock = (state: string): string => join(state, 'use.lock');

/**
 * Creates this run's folder under `state/work`, and removes those of runs that died. Each run locks its own folder; the
 * kernel releases the lock however it ends. The state is not cleaned up while a run is active.
 */
export async function openScratch(state: string, driver: Driver, say?: (line: string) => void): Promise<void> {
  const all = privateFolder(join(state, 'work'));
  for (const part of rootFolders) if (exists(join(state, part))) privateFolder(join(state, part));
  const waiting = () => say?.(`waiting for a clean-up of ${state}`);
  locks = [await shareMutex(useLock(state), { waiting })];
  for (const name of readdirSync(all)) {
    if (name.endsWith('.lock')) continue;
    const free = await tryMutex(join(all, `${name}.lock`));
    if (!free) continue;
    await driver.removeContainers?.(name);
    await driver.remove(join(all, name));
    rmSync(join(all, `${name}.lock`), { force: true });
    await free();
  }
  const name = `${process.pid}-${randomBytes(8).toString('hex')}`;
  locks.push(await holdMutex(join(all, `${name}.lock`)));
  session = join(all, name);
  makeFolder(session);
}

/** Unique name of this run among all runs with any state. */
export const currentRun = (): string | undefined => session && basename(session);

/** A folder for one entry into a root, removed with the run's. */
export function newScratch(state: string): string {
  const folder = join(session ?? join(state, 'work', `single-${process.pid}`), randomBytes(6).toString('hex'));
  makeFolder(folder);
  return folder;
}

/** Entries have removed their files already; removing empty folders needs no process. */
export async function closeScratch(driver: Driver): Promise<void> {
  if (!session) return;
  try {
    rmdirSync(session);
  } catch {
    await driver.remove(session);
  }
  rmSync(`${session}.lock`, { force: true });
  session = undefined;
  await Promise.all(locks.map((release) => release()));
  locks = [];
}
