import { realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { exists, makeFolder } from '../io/files.ts';
import type { Driver } from './driver.ts';

/** What identifies a base: the digests of its tar and of apt's lists. */
interface BaseDigests {
  digest: string;
  archive: string;
}

/** Folder of a platform's bases; `current.json` names the current one. */
export function basesFolder(driverName: Driver['name'], state: string, name: string, architecture: string): string {
  const all = makeFolder(join(state, 'bases'));
  return join(realpathSync(all), `${name}-${architecture}${driverName === 'docker' ? '-docker' : ''}`);
}

/** The folder name of a base, among those of its platform. */
export const baseFolderName = ({ digest, archive }: BaseDigests): string =>
  `${digest.slice(0, 24)}-${archive.slice(0, 24)}`;

/** The file beside a base's folder that describes it. */
export const keptFile = (folder: string, base: BaseDigests): string =>
  join(folder, `kept-${baseFolderName(base)}.json`);

/** Whether a base's root is complete: it gets its place as a whole. */
export const isWhole = async (driver: Driver, root: string): Promise<boolean> =>
  exists(join(root, 'var/lib/dpkg/status')) && (await driver.ready(root));

/** The lock of a base's place, below its platform's folder. */
export const baseLock = (folder: string, base: BaseDigests): string => join(folder, `${baseFolderName(base)}.lock`);

/**
 * Moves a base that was made in `work` to its place. One that is there stays, since roots of other runs may be on it;
 * the new one is removed then. The caller holds `baseLock`.
 */
export async function placeBase(driver: Driver, work: string, final: string): Promise<void> {
  if (await isWhole(driver, join(final, 'root'))) return driver.remove(work);
  if (exists(final)) await driver.remove(final);
  renameSync(work, final);
}
