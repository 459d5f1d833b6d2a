import { chmodSync, lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isDebFile } from './package-mirror.ts';

/** Moves files that apt fetched in a root to the shared folder: only regular files, without special permissions. */
export function takePackages(from: string, to: string): void {
  for (const name of readdirSync(from).filter(isDebFile)) {
    const path = join(from, name);
    if (!lstatSync(path).isFile()) continue;
    if ((lstatSync(path).mode & 0o7022) !== 0) chmodSync(path, 0o644);
    renameSync(path, join(to, name));
  }
}
