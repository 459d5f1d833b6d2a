import { chmodSync, lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, privateFolder } from '../io/files.ts';
import type { Base } from './base-system.ts';
import { isDebFile, mirrorName } from './package-mirror.ts';

/**
 * The folder of .deb files that apt fetched for a base: one for each archive snapshot, since archives have packages
 * with the same name, version and architecture, but other content. It has the folder `partial`, which apt requires.
 */
export function downloadsFolder(state: string, base: Pick<Base, 'archive'>): string {
  const folder = join(privateFolder(join(state, 'archives')), mirrorName(base.archive));
  makeFolder(join(folder, 'partial'), 0o700);
  return folder;
}

/** Moves files that apt fetched in a root to the shared folder: only regular files, without special permissions. */
export function takePackages(from: string, to: string): void {
  for (const name of readdirSync(from).filter(isDebFile)) {
    const path = join(from, name);
    if (!lstatSync(path).isFile()) continue;
    if ((lstatSync(path).mode & 0o7022) !== 0) chmodSync(path, 0o644);
    renameSync(path, join(to, name));
  }
}
