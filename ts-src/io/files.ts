import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  fsync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../model/digest.ts';
import { utf8Text } from './utf8.ts';
import { codeOf } from './faults.ts';
import { naming, placed, writeBytes, writeStream } from './write.ts';

/**
 * Makes a folder and those above it, and returns its path. Node's own `recursive` never returns where a file system
 * answers that nothing is there although the folder above is: /proc, automounted folders.
 */
export function makeFolder(path: string, mode?: number): string {
  try {
    makeOne(path, mode);
  } catch (e) {
    if (codeOf(e) !== 'ENOENT' || dirname(path) === path) throw e;
    makeFolder(dirname(path), mode);
    makeOne(path, mode);
  }
  return path;
}

function makeOne(path: string, mode: number | undefined): void {
  try {
    mkdirSync(path, { mode });
  } catch (e) {
    if (codeOf(e) !== 'EEXIST' || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw e;
  }
}

/** Throws where a device is: a file that is renamed to its place would remove `/dev/null` for the whole machine. */
function checkReplaceable(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isCharacterDevice() || found?.isBlockDevice())
    throw Object.assign(new Error(`ENXIO: a device is at ${path}`), { code: 'ENXIO', path });
}

/**
 * Writes a file atomically, so that it survives a crash of the machine. `sync: false` is for files that can be made
 * again.
 */
export function writeWhole(path: string, data: string | Buffer, options: { sync?: boolean } = {}): void {
  checkReplaceable(path);
  makeFolder(dirname(path));
  const temporary = temporaryBeside(path);
  const handle = openSync(temporary, 'wx');
  try {
    writeBytes(handle, typeof data === 'string' ? Buffer.from(data) : data, path);
    if (options.sync !== false) naming(path, () => fsyncSync(handle));
  } catch (e) {
    closeSync(handle);
    rmSync(temporary, { force: true });
    throw e;
  }
  closeSync(handle);
  renameSync(temporary, path);
}

/**
 * Writes many files as `writeWhole` does, but syncs them together, which is much faster. `name` returns the path of a
 * written file. Files appear in the given order after all of them are on disk.
 */
export async function writeTogether(
  files: readonly { path: string; data: Buffer }[],
  name: (temporary: string, path: string, at: number) => void = renameSync,
): Promise<void> {
  const written: { temporary: string; path: string; handle: number }[] = [];
  try {
    for (const { path, data } of files) {
      checkReplaceable(path);
      makeFolder(dirname(path));
      const temporary = temporaryBeside(path);
      const handle = openSync(temporary, 'wx');
      written.push({ temporary, path, handle });
      writeBytes(handle, data, path);
    }
    await Promise.all(
      written.map(({ handle, path }) =>
        synced(handle).catch((e: unknown) => {
          throw placed(e, path);
        }),
      ),
    );
    written.forEach(({ temporary, path }, at) => name(temporary, path, at));
  } finally {
    for (const { handle, temporary } of written) {
      closeSync(handle);
      rmSync(temporary, { force: true });
    }
  }
}
const synced = promisify(fsync);

/**
 * A temporary name in the same folder, so that renaming is atomic. Clean-up finds leftovers of killed processes by the
 * prefix.
 */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.tmp-${process.pid}-${randomBytes(6).toString('hex')}`);

/** Maximum size of a file that is read at once. */
const largest = 512 << 20;

/** The bytes of a regular file. Throws a system error for a folder, FIFO or device, without waiting for input. */
export function readRegular(path: string, most = largest): Buffer {
  const { handle } = openRegular(path, most);
  try {
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Opens a regular file of at most `most` bytes, without waiting for input. */
export function openRegular(path: string, most: number): { handle: number; size: number } {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = fstatSync(handle);
  const code = kindFault(found, most);
  if (code === undefined) return { handle, size: found.size };
  closeSync(handle);
  throw Object.assign(new Error(`${code}: ${path}`), { code, path });
}

function kindFault(found: Stats, most: number): string | undefined {
  if (found.isDirectory()) return 'EISDIR';
  if (!found.isFile()) return 'ENXIO';
  return found.size > most ? 'ELARGE' : undefined;
}

export function readIf(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string | undefined {
  try {
    const bytes = readRegular(path);
    return encoding === 'utf8' ? utf8Text(bytes) : bytes.toString(encoding);
  } catch (e) {
    if (codeOf(e) === 'ENOENT' || codeOf(e) === 'ENOTDIR') return undefined;
    throw e;
  }
}

/** Parses a JSON file of Slipway's own; undefined if it is missing or damaged. */
export function readJson<T>(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): T | undefined {
  const text = readIf(path, encoding);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Creates another name for a file and the folder around it: a hard link, or a copy if that is not possible. */
export function linkOrCopy(from: string, to: string): void {
  makeFolder(dirname(to));
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** Streams are slower than one read for files below this size. */
const small = 1 << 20;

export async function sha256File(path: string): Promise<string> {
  const { handle, size } = openRegular(path, Infinity);
  try {
    if (size <= small) return sha256(readFileSync(handle));
    const hash = createHash('sha256');
    const chunks: AsyncIterable<Buffer> = createReadStream(path, {
      fd: handle,
      autoClose: false,
      highWaterMark: 1 << 20,
    });
    for await (const chunk of chunks) hash.update(chunk);
    return hash.digest('hex');
  } finally {
    closeSync(handle);
  }
}

/** Copies a regular file of at most `most` bytes to a new file; others may change it meanwhile. */
export async function copyRegular(from: string, to: string, most: number): Promise<void> {
  const { handle, size } = openRegular(from, most);
  try {
    const options = { fd: handle, autoClose: false, start: 0, end: Math.max(0, size - 1), highWaterMark: 1 << 20 };
    await writeStream(to, size === 0 ? [] : createReadStream(from, options), 'wx');
  } finally {
    closeSync(handle);
  }
}

/** Updates a file's time to mark it as used. Clean-up removes what was not used for long. */
export function noteUse(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (e) {
    // A read-only folder can't record its use.
    if (!['ENOENT', 'EROFS', 'EACCES', 'EPERM'].includes(codeOf(e) ?? '')) throw e;
  }
}

/**
 * Creates a folder that only its owner can enter, or restricts an existing one. Files in it may have any owner and
 * mode, for example set-user-id programs of a root.
 */
export function privateFolder(path: string): string {
  makeFolder(path, 0o700);
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(path, 0o700);
  return path;
}

/** Whether a file or folder was changed more than a day ago; false if it is gone. */
export function olderThanADay(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > 86_400_000;
  } catch {
    return false;
  }
}

export const exists = existsSync;

/** Whether a path leads to a regular file. */
export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * Paths of everything below a folder except folders, unordered. Symlinks are not followed; node's recursive listing
 * would follow them.
 */
export function entriesBelow(root: string): string[] {
  const found: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true }))
      (entry.isDirectory() ? folders : found).push(folder ? `${folder}/${entry.name}` : entry.name);
  return found;
}
