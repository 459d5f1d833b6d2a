import { gunzipSync, gzipSync } from 'node:zlib';
import { LeftBehindError, readHeld, shownName, stagedFolder, walkLeft } from '../io/untrusted.ts';
import { pageFolders } from '../model/docs.ts';
import { isRelativePath } from '../model/stored.ts';

/** A page, or a file that pages use. */
export interface PageFile {
  path: string;
  data: Buffer;
}

const mostFiles = 50_000;
const largestFile = 64 << 20;
/** Size limit of one package's pages in bytes. */
const mostBytes = 512 << 20;

/**
 * Allowed names of pages: they become parts of URLs, and of paths on any machine. Pages must lie in a tool's folder, so
 * that they can't collide with the site's own.
 */
export const isPageName = (path: string): boolean =>
  path.length <= 500 &&
  isRelativePath(path) &&
  pageFolders.some((folder) => path.startsWith(`${folder}/`)) &&
  path
    .split('/')
    .every((part) => /^[A-Za-z0-9_~@+(),=-][A-Za-z0-9_.~@+(),= -]{0,199}$/.test(part) && !part.endsWith(' '));

/** Whether files can have these paths together: no duplicates, and no file with the name of a folder. */
function fit(paths: readonly string[]): boolean {
  const all = new Set(paths);
  const parts = (path: string) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
  return all.size === paths.length && !paths.some((path) => parts(path).some((folder) => all.has(folder)));
}

/**
 * Reads the pages of documentation tools in a folder below `build`, which the tools could write to: only regular files
 * with plain names. Throws a LeftBehindError for others, and for a link in place of the folder.
 */
export async function takePages(build: string, folder: string, skip: (path: string) => boolean): Promise<PageFile[]> {
  const files: PageFile[] = [];
  let bytes = 0;
  const root = await stagedFolder(build, folder);
  for (const { path, kind } of await walkLeft(root, '', { most: mostFiles })) {
    if (skip(path)) continue;
    if (kind !== 'a file') throw new LeftBehindError(`${shownName(path)} is ${kind}, not a file`);
    if (!isPageName(path)) throw new LeftBehindError(`${shownName(path)} is no name for a page`);
    const data = readHeld(root, path);
    if (!data || data.length > largestFile)
      throw new LeftBehindError(`${shownName(path)} is larger than ${largestFile >> 20} MiB`);
    if ((bytes += data.length) > mostBytes)
      throw new LeftBehindError(`its pages are larger than ${mostBytes >> 20} MiB together`);
    files.push({ path, data });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const magic = 'slipway-pages-1\n';

/** Packs a package's pages into one compressed file: a list of names and sizes, then the contents. */
export function packPages(files: readonly PageFile[]): Buffer {
  const list = JSON.stringify(files.map(({ path, data }) => [path, data.length]));
  return gzipSync(Buffer.concat([Buffer.from(`${magic}${list}\n`), ...files.map((f) => f.data)]), { level: 6 });
}

/** Undefined if `packPages` did not write it. */
export function unpackPages(packed: Buffer): PageFile[] | undefined {
  let whole: Buffer;
  let list: unknown;
  let at: number;
  try {
    whole = gunzipSync(packed, { maxOutputLength: mostBytes + (64 << 20) });
    at = whole.indexOf(10, magic.length);
    if (!whole.toString('latin1', 0, magic.length).startsWith(magic) || at < 0) return undefined;
    list = JSON.parse(whole.toString('utf8', magic.length, at++));
  } catch {
    return undefined;
  }
  if (!Array.isArray(list) || list.length > mostFiles) return undefined;
  const files: PageFile[] = [];
  for (const entry of list as unknown[]) {
    if (!Array.isArray(entry)) return undefined;
    const [path, size] = entry as unknown[];
    if (typeof path !== 'string' || !isPageName(path)) return undefined;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || at + size > whole.length)
      return undefined;
    files.push({ path, data: whole.subarray(at, at + size) });
    at += size;
  }
  return fit(files.map((f) => f.path)) ? files : undefined;
}
