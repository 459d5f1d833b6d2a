import { createHash } from 'node:crypto';
import { sizeText } from '../model/sizes.ts';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Dirent } from 'node:fs';
import { lstat, open, opendir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8Text } from './utf8.ts';
import { codeOf } from './faults.ts';

/**
 * Reads files that untrusted code left in a folder, after all its processes ended. Follows no symlinks: each part of a
 * path must be a folder, the last one a regular file of limited size. Anything else is reported as a fault of that
 * code, with the path below the folder.
 */
export class LeftBehindError extends Error {
  /** Where no task fails by it, it is an error for people as it is, not a bug. */
  readonly code = 'ESTORE';
}

/** Maximum number of names in one folder, and in a whole tree. */
export const mostNames = 500_000;
const deepest = 100;

type Kinded = Pick<Dirent, 'isSymbolicLink' | 'isDirectory' | 'isFIFO' | 'isSocket' | 'isFile'>;

function kindOf(entry: Kinded): string {
  if (entry.isSymbolicLink()) return 'a link';
  if (entry.isDirectory()) return 'a folder';
  if (entry.isFIFO()) return 'a FIFO';
  if (entry.isSocket()) return 'a socket';
  return entry.isFile() ? 'a file' : 'a device';
}

/** A name for messages: control characters escaped, limited to a line. */
export const shownName = (name: string): string =>
  JSON.stringify(name)
    .slice(1, -1)
    .replace(
      /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .slice(0, 300);

const fault = (path: string, what: string): LeftBehindError => new LeftBehindError(`${shownName(path)} ${what}`);

const faultName = (e: unknown): string => codeOf(e) ?? String(e);

/** Checks that no part of `path` is a symlink, and returns what it is; undefined if it is missing. */
async function look(root: string, path: string): Promise<{ kind: string; size: number } | undefined> {
  const parts = path.split('/');
  if (path.startsWith('/') || parts.some((p) => p === '' || p === '.' || p === '..')) throw fault(path, 'is no path');
  let at = root;
  let last: { kind: string; size: number } | undefined;
  for (const [i, part] of parts.entries()) {
    at = join(at, part);
    try {
      const found = await lstat(at);
      last = { kind: kindOf(found), size: found.size };
    } catch (e) {
      if (faultName(e) === 'ENOENT' || faultName(e) === 'ENOTDIR') return undefined;
      throw fault(path, `can't be read (${faultName(e)})`);
    }
    if (i < parts.length - 1 && last.kind !== 'a folder')
      throw fault(parts.slice(0, i + 1).join('/'), `is ${last.kind}, not a folder`);
  }
  return last;
}

async function openFile(root: string, path: string, most: number): Promise<FileHandle | undefined> {
  const found = await look(root, path);
  if (!found) return undefined;
  if (found.kind !== 'a file') throw fault(path, `is ${found.kind}, not a file`);
  let handle;
  try {
    handle = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (e) {
    throw fault(path, `can't be read (${faultName(e)})`);
  }
  const opened = await handle.stat();
  if (opened.isFile() && opened.size <= most) return handle;
  await handle.close();
  throw opened.isFile() ? fault(path, `is larger than ${sizeText(most)}`) : fault(path, 'is no file');
}

/** The bytes of a file; undefined if it is missing. */
export async function readLeft(root: string, path: string, most: number): Promise<Buffer | undefined> {
  const handle = await openFile(root, path, most);
  if (!handle) return undefined;
  try {
    const bytes = Buffer.alloc(Math.min(most, (await handle.stat()).size));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
      if (!bytesRead) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } catch (e) {
    throw fault(path, `can't be read (${faultName(e)})`);
  } finally {
    await handle.close();
  }
}

/** The last bytes of a file of any size. */
export const readEnd = (file: string, bytes: number): string =>
  readPart(file, (size) => size - Math.min(bytes, size), bytes).toString('utf8');

/** The first bytes of a file of any size. */
export const readStart = (file: string, bytes: number): string => utf8Text(readPart(file, () => 0, bytes));

function readPart(file: string, from: (size: number) => number, bytes: number): Buffer {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const read = readSync(handle, buffer, 0, buffer.length, from(size));
    return buffer.subarray(0, read);
  } finally {
    closeSync(handle);
  }
}

/** The path of a folder of staged files, after checking that no part of it is a symlink. */
export async function stagedFolder(root: string, path: string): Promise<string> {
  const found = await look(root, path);
  if (found?.kind !== 'a folder') throw fault(path, found ? `is ${found.kind}, not a folder` : 'is not there');
  return join(root, path);
}

/** Checks that a file is regular and at most `most` bytes, for callers that read it at once. */
export async function checkLeft(root: string, path: string, most: number): Promise<string> {
  const handle = await openFile(root, path, most);
  if (!handle) throw fault(path, 'is not there');
  await handle.close();
  return join(root, path);
}

/** The contents of a folder by name; empty if it is missing. */
export async function listLeft(root: string, path: string, most = 10_000): Promise<{ name: string; kind: string }[]> {
  if (path !== '') {
    const found = await look(root, path);
    if (!found) return [];
    if (found.kind !== 'a folder') throw fault(path, `is ${found.kind}, not a folder`);
  }
  const names: { name: string; kind: string }[] = [];
  try {
    for await (const entry of await opendir(join(root, path))) {
      names.push({ name: entry.name, kind: kindOf(entry) });
      if (names.length > most) throw fault(path || '.', `holds more than ${most} files`);
    }
  } catch (e) {
    throw e instanceof LeftBehindError ? e : fault(path || '.', `can't be read (${faultName(e)})`);
  }
  return names.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** All files of a tree: paths below `root`, sorted by folder, with their kind. Does not follow symlinks. */
export async function walkLeft(
  root: string,
  path: string,
  options: { skip?: (path: string) => boolean; most?: number } = {},
): Promise<{ path: string; kind: string }[]> {
  const found: { path: string; kind: string }[] = [];
  const most = options.most ?? mostNames;
  const visit = async (folder: string, depth: number): Promise<void> => {
    if (depth > deepest) throw fault(folder, `is nested more than ${deepest} deep`);
    for (const { name, kind } of await listLeft(root, folder, most)) {
      const at = folder ? `${folder}/${name}` : name;
      if (options.skip?.(at)) continue;
      if (kind === 'a folder') await visit(at, depth + 1);
      else found.push({ path: at, kind });
      if (found.length > most) throw fault(path || '.', `holds more than ${most} files`);
    }
  };
  await visit(path, 0);
  return found;
}

/** Larger files are not read at once. */
const mostHeld = 1 << 30;

/** The bytes of a file in a tree whose folders were checked; undefined if it is larger than 1 GiB. */
export const readHeld = (root: string, path: string): Buffer | undefined =>
  withHeld(root, path, (handle, size) => (size > mostHeld ? undefined : readFileSync(handle)));

/** Digest of such a file of any size. */
export const digestHeld = (root: string, path: string, kind: 'sha256' | 'md5' = 'sha256'): string =>
  withHeld(root, path, (handle) => {
    const hash = createHash(kind);
    const chunk = Buffer.alloc(1 << 20);
    for (let read = readSync(handle, chunk); read > 0; read = readSync(handle, chunk))
      hash.update(chunk.subarray(0, read));
    return hash.digest('hex');
  });

function withHeld<T>(root: string, path: string, work: (handle: number, size: number) => T): T {
  let handle;
  try {
    handle = openSync(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (e) {
    throw fault(path, `can't be read (${faultName(e)})`);
  }
  try {
    const found = fstatSync(handle);
    if (!found.isFile()) throw fault(path, 'is no file');
    return work(handle, found.size);
  } finally {
    closeSync(handle);
  }
}
