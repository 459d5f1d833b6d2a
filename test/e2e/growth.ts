import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slipway } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const mib = 2 ** 20;

/** Size limit of the state with its store, and of the repository, after any number of builds of this package. */
export const stated = 14 * mib;

const settings = `state: { size: 3M }
publish: { keep: 2, grace_days: 0 }
`;

/** A package with a MiB of incompressible data: each edit adds a MiB wherever it is kept. */
export function writeGrowing(folder: string): void {
  writeTiny(folder, { grows: { cmake: 'install(FILES data DESTINATION share/grows)' } }, settings);
}

/** Disk usage in bytes: each file once, without files shared with other states. */
export function diskUse(folders: readonly string[]): number {
  const seen = new Set<number>();
  let bytes = 0;
  const count = (path: string): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || seen.has(stat.ino)) return;
    seen.add(stat.ino);
    bytes += stat.blocks * 512;
    if (stat.isDirectory()) for (const name of readdirSync(path)) count(join(path, name));
  };
  folders.forEach(count);
  return bytes;
}

/** Ages files by an hour for the next clean-up. */
function passHour(folder: string): void {
  const git = join(folder, '.slipway/git/folders.git');
  rmSync(join(git, 'slipway-pruned'), { force: true });
  const before = new Date(Date.now() - 2 * 3_600_000);
  const objects = join(git, 'objects');
  if (!existsSync(objects)) return;
  for (const name of readdirSync(objects, { recursive: true, encoding: 'utf8' }))
    if (lstatSync(join(objects, name)).isFile()) utimesSync(join(objects, name), before, before);
}

/** Edits and builds `builds` times; returns the disk usage after each build. Throws if a build fails. */
export async function grow(folder: string, builds: number): Promise<number[]> {
  const sizes: number[] = [];
  for (let n = 0; n < builds; n++) {
    writeFileSync(join(folder, 'src/grows/data'), randomBytes(mib));
    const ran = await slipway(['build'], folder);
    if (ran.code !== 0) throw new Error(`build ${n}: ${ran.stderr}`);
    sizes.push(diskUse([join(folder, '.slipway'), join(folder, 'out')]));
    passHour(folder);
  }
  return sizes;
}
