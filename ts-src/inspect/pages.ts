import { gunzipSync, gzipSync } from 'node:zlib';
import { LeftBehindError, readHeld, shownName, walkLeft } from '../io/untrusted.ts';
import { pageFolders } from '../model/docs.ts';
import { isRelativePath } from '../model/stored.ts';

/** A page, or a file that pages show. */
export interface PageFile {
  path: string;
  data: Buffer;
}

const mostFiles = 50_000;
const largestFile = 64 << 20;
/** Of all pages of one package. */
const mostBytes = 512 << 20;

/**
 * What a name of a page may be: it becomes a part of URLs, and of paths on any machine. It lies in a folder of a tool:
 * beside these are pages of our own, and no other may stand in their way.
 */
export const isPageName = (path: string): boolean =>
  path.length <= 500 &&
  isRelativePath(path) &&
  pageFolders.some((folder) => path.startsWith(`${folder}/`)) &&
  path
    .split('/')
    .every((part) => /^[A-Za-z0-9_~@+(),=-][A-Za-z0-9_.~@+(),= -]{0,199}$/.test(part) && !part.endsWith(' '));

/** Whether files can have these paths at once: none is there twice, or where another one has a folder. */
function fit(paths: readonly string[]): boolean {
  const all = new Set(paths);
  const parts = (path: string) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
  return all.size === paths.length && !paths.some((path) => parts(path).some((folder) => all.has(folder)));
}

/**
 * Takes the pages that documentation tools left below a folder: regular files with plain names alone, each read once.
 * Throws a LeftBehindError that says what can't be taken.
 */
export async function takePages(root: string, skip: (path: string) => boolean): Promise<PageFile[]> {
  const files: PageFile[] = [];
  let bytes = 0;
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

/** All pages of a package as one file: a list of names and sizes, and the contents after it, compressed. */
export function packPages(files: readonly PageFile[]): Buffer {
  const list = JSON.stringify(files.map(({ path, data }) => [path, data.length]));
  return gzipSync(Buffer.concat([Buffer.from(`${magic}${list}\n`), ...files.map((f) => f.data)]), { level: 6 });
}

/** Undefined where it is not what `packPages` wrote. */
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
