import { chmodSync, lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, privateFolder, sha256File } from '../io/files.ts';
import type { Base } from './base-system.ts';
import type { ListedPackages } from './listed-packages.ts';
import { isDebFile, mirrorName } from './package-mirror.ts';

/**
 * The folder of .deb files that apt fetched for a base: one for each archive snapshot, since archives have packages
 * with the same name, version and architecture, but other content. It has the folder `partial`, which apt requires.
 * Lists of an untrusted run may have a digest that begins like another's, so their folder has all of it.
 */
export function downloadsFolder(state: string, { archive, foreign }: Pick<Base, 'archive' | 'foreign'>): string {
  const folder = join(privateFolder(join(state, 'archives')), foreign ? archive : mirrorName(archive));
  makeFolder(join(folder, 'partial'), 0o700);
  return folder;
}

/**
 * Moves packages that apt fetched in a root to the shared folder, without special permissions. Only those of the
 * archive's lists: a program of the base wrote them, and roots of other runs take them from there. Returns the names
 * of other packages.
 */
export async function takePackages(from: string, to: string, listed: ListedPackages): Promise<string[]> {
  const others: string[] = [];
  for (const name of readdirSync(from).filter(isDebFile)) {
    const path = join(from, name);
    if (!lstatSync(path).isFile()) continue;
    if (!listed.has(name, await sha256File(path))) {
      others.push(name);
      continue;
    }
    if ((lstatSync(path).mode & 0o7022) !== 0) chmodSync(path, 0o644);
    renameSync(path, join(to, name));
  }
  return others;
}
