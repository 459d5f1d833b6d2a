import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { programFault, run } from '../io/process.ts';
import { isStoredFile } from '../model/stored.ts';
import type { Store } from './store.ts';

const nameOf = (tree: string): string => `sources/${tree.slice(0, 2)}/${tree}.json`;

/** Whether the store has a source tree. */
export const hasSource = async (store: Store, tree: string): Promise<boolean> =>
  isStoredFile(await store.readJson(nameOf(tree)));

/** The trees that the own place of a store has, in one listing. */
export const keptSources = async (store: Store): Promise<Set<string>> =>
  new Set((await store.names('sources')).map((name) => basename(name, '.json')));

/** Keeps a source tree that lies in a folder, for machines that have no way to its repository. */
export async function keepSource(store: Store, tree: string, folder: string, work: string): Promise<void> {
  const archive = join(work, `${tree}.tar.gz`);
  mkdirSync(work, { recursive: true });
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

const withoutDevices = (): string[] =>
  process.getuid?.() === 0
    ? ['setpriv', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+dac_override,+fowner']
    : [];

/** Brings a source tree from the store into a folder; false where the store has none. */
export async function restoreSource(store: Store, tree: string, folder: string): Promise<boolean> {
  const stored = await store.readJson(nameOf(tree));
  const archive = isStoredFile(stored) ? await store.path(stored) : undefined;
  if (archive === undefined) return false;
  mkdirSync(folder, { recursive: true });
  // With the times of now, as a checkout has them: older ones would stay in the packages. Whoever may write below
  // `untrusted/` may have made the archive: no devices and no set-user-id files come of it.
  const args = ['-c', 'umask 022; exec "$@"', 'sh', ...withoutDevices(), 'tar', '-x', '-z'];
  const options = ['--touch', '--no-same-owner', '--no-same-permissions', '-f', archive, '-C', folder];
  const out = await run('sh', [...args, ...options]);
  if (out.code === 0) return true;
  rmSync(folder, { recursive: true, force: true });
  return false;
}
