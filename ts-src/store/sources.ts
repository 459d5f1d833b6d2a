import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { programFault, run } from '../io/process.ts';
import { isStoredFile } from '../model/stored.ts';
import type { Store } from './store.ts';
import { removeTree } from '../io/remove-tree.ts';

const nameOf = (tree: string): string => `sources/${tree.slice(0, 2)}/${tree}.json`;

/** Whether the store has a source tree, or a file for builds. Fetches nothing from it. */
export const hasSource = async (store: Store, tree: string): Promise<boolean> =>
  isStoredFile(await store.readJson(nameOf(tree)));

/** The source trees in the store's own namespace, by one listing. */
export const keptSources = async (store: Store): Promise<Set<string>> =>
  new Set((await store.names('sources')).map((name) => basename(name, '.json')));

/** Stores a source tree from a folder, for machines that can't reach its repository. */
export async function keepSource(store: Store, tree: string, folder: string, work: string): Promise<void> {
  const archive = join(work, `${tree}.tar.gz`);
  makeFolder(work);
  const packed = await run('tar', [
    '-c',
    '-z',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '-f',
    archive,
    '-C',
    folder,
    '.',
  ]);
  if (packed.code !== 0) throw programFault(`tar could not pack ${folder}`, archive, packed);
  await store.writeJson(nameOf(tree), await store.put(archive));
  rmSync(archive, { force: true });
}

/** A file that was kept by its digest; undefined if the store does not have it. */
export async function keptFile(store: Store, digest: string): Promise<string | undefined> {
  const stored = await store.readJson(nameOf(digest));
  return isStoredFile(stored) && stored.sha256 === digest ? store.path(stored) : undefined;
}

/** Stores a file of a known digest, such as one that a build may have. */
export async function keepFile(store: Store, digest: string, file: string): Promise<void> {
  await store.writeJson(nameOf(digest), await store.put(file));
}

const withoutDevices = (): string[] =>
  process.getuid?.() === 0
    ? ['setpriv', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+dac_override,+fowner']
    : [];

/** Restores a source tree into a folder; false if the store does not have it. */
export async function restoreSource(store: Store, tree: string, folder: string): Promise<boolean> {
  const stored = await store.readJson(nameOf(tree));
  const archive = isStoredFile(stored) ? await store.path(stored) : undefined;
  if (archive === undefined) return false;
  makeFolder(folder);
  // Files get the current time, as in a checkout, since old times would stay in packages. The archive may be untrusted
  // (`untrusted/`), so devices and set-user-id files are not created.
  const args = ['-c', 'umask 022; exec "$@"', 'sh', ...withoutDevices(), 'tar', '-x', '-z'];
  const options = ['--touch', '--no-same-owner', '--no-same-permissions', '-f', archive, '-C', folder];
  const out = await run('sh', [...args, ...options]);
  if (out.code === 0) return true;
  removeTree(folder);
  return false;
}
