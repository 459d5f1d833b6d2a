import { chmodSync, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, sha256File } from '../../io/files.ts';
import { programFault, run } from '../../io/process.ts';
import { first } from '../../model/lists.ts';
import type { FetchedFile } from '../../model/package-settings.ts';
import { download } from '../../read/git/download.ts';
import { archiveType, unpackArchive } from '../../read/git/unpack.ts';
import { hasSource, keepFile, keptFile } from '../../store/sources.ts';
import type { Store } from '../../store/store.ts';
import { removeTree } from '../../io/remove-tree.ts';

/** Folder in the recipe, which is read-only at /slipway in a build. */
const folderName = 'fetched';

/** Where builds and tests find the files of `package_settings.NAME.fetch`. */
export const fetchedEnvironment = (files: readonly FetchedFile[] = []): Record<string, string> =>
  files.length ? { SLIPWAY_FETCHED: `/slipway/${folderName}` } : {};

/** Downloads a file into the store, unless it is there. Returns its path, or the reason why it can't be had. */
async function pathInStore(
  store: Store,
  { url, sha256 }: FetchedFile,
  work: string,
): Promise<{ path: string } | { reason: string }> {
  const there = await keptFile(store, sha256);
  if (there !== undefined) return { path: there };
  const file = join(makeFolder(work), sha256);
  try {
    const got = await download(url, file);
    if (!got.ok) return { reason: first(got.diagnostics).message };
    const digest = await sha256File(file);
    if (digest !== sha256)
      return {
        reason:
          `${url} has the SHA-256 ${digest}, not ${sha256} (package_settings): ` +
          'find out whether the file changed before you change the checksum',
      };
    await keepFile(store, sha256, file);
  } finally {
    rmSync(file, { force: true });
  }
  const kept = await keptFile(store, sha256);
  return kept === undefined ? { reason: `the store lost what ${url} has` } : { path: kept };
}

/** Stores the files for machines that can't reach their URLs. What can't be had fails the tasks that need it. */
export async function keepFetched(store: Store, files: readonly FetchedFile[], work: string): Promise<void> {
  for (const file of files) if (!(await hasSource(store, file.sha256))) await pathInStore(store, file, work);
}

/** Unpacks a file of the store as a folder that any user may read. Returns the reason if it can't be. */
async function unpackTo(
  target: string,
  path: string,
  { url, sha256 }: FetchedFile,
  work: string,
): Promise<string | undefined> {
  const folder = join(makeFolder(work), `${sha256}.unpacked`);
  try {
    const unpacked = await unpackArchive(path, archiveType(path), url, folder);
    if (!unpacked.ok) return first(unpacked.diagnostics).message;
    const opened = await run('chmod', ['-R', 'a-st,u=rwX,go=rX', unpacked.value]);
    if (opened.code !== 0) throw programFault(`can't unpack ${url}`, folder, opened);
    renameSync(unpacked.value, target);
    return undefined;
  } finally {
    removeTree(folder);
  }
}

/** Writes the files into a recipe. Returns the reason if one can't be had. `work`: a folder for downloads. */
export async function bringFetched(
  store: Store,
  files: readonly FetchedFile[] = [],
  recipe: string,
  work: string,
): Promise<string | undefined> {
  const folder = join(recipe, folderName);
  for (const file of files) {
    const target = join(folder, file.to);
    if (existsSync(target)) return `package_settings has two files for ${file.to} (fetch)`;
    const found = await pathInStore(store, file, work);
    if ('reason' in found) return found.reason;
    makeFolder(dirname(target));
    if (file.unpack === true) {
      const fault = await unpackTo(target, found.path, file, work);
      if (fault !== undefined) return fault;
    } else {
      copyFileSync(found.path, target);
      chmodSync(target, 0o444);
    }
    // The build's user is another one, whatever the umask is.
    for (let above = dirname(target); above !== dirname(recipe); above = dirname(above)) chmodSync(above, 0o755);
  }
  return undefined;
}
