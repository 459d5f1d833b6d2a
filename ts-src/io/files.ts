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
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../model/digest.ts';
import { utf8Text } from './utf8.ts';
import { codeOf } from './faults.ts';

/**
 * Writes a file that appears whole or not at all, and survives a crash of the machine; `sync: false` for what is only a
 * copy.
 */
export function writeWhole(path: string, data: string | Buffer, options: { sync?: boolean } = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryBeside(path);
  const handle = openSync(temporary, 'wx');
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
    if (options.sync !== false) fsyncSync(handle);
  } catch (e) {
    closeSync(handle);
    rmSync(temporary, { force: true });
    throw placed(e, path);
  }
  closeSync(handle);
  renameSync(temporary, path);
}

/** Node names no file where it writes by a handle. */
const placed = (e: unknown, path: string): unknown =>
  e instanceof Error && codeOf(e) !== undefined && !('path' in e) ? Object.assign(e, { path }) : e;

/**
 * Writes many files as `writeWhole` does, in a fraction of the time: their bytes are synced together. `name` gives a
 * written file its place; files appear in the order given, after all of them have reached the disk.
 */
export async function writeTogether(
  files: readonly { path: string; data: Buffer }[],
  name: (temporary: string, path: string, at: number) => void = renameSync,
): Promise<void> {
  const written: { temporary: string; path: string; handle: number }[] = [];
  try {
    for (const { path, data } of files) {
      mkdirSync(dirname(path), { recursive: true });
      const temporary = temporaryBeside(path);
      const handle = openSync(temporary, 'wx');
      written.push({ temporary, path, handle });
      try {
        for (let n = 0; n < data.length;) n += writeSync(handle, data, n);
      } catch (e) {
        throw placed(e, path);
      }
    }
    await Promise.all(written.map(({ handle }) => synced(handle)));
    written.forEach(({ temporary, path }, at) => name(temporary, path, at));
  } finally {
    for (const { handle, temporary } of written) {
      closeSync(handle);
      rmSync(temporary, { force: true });
    }
  }
}
const synced = promisify(fsync);

/** A name in the same folder, so that renaming is atomic. What a killed process leaves is swept by its prefix. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.tmp-${process.pid}-${randomBytes(6).toString('hex')}`);

/** Largest file that is read as a whole. */
const largest = 512 << 20;

/** The bytes of a regular file. A folder, a FIFO or a device is an error of the system's kind, and waits for nobody. */
export function readRegular(path: string, most = largest): Buffer {
  const { handle } = openRegular(path, most);
  try {
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Opens what is a file of at most that many bytes, and waits for nobody. */
function openRegular(path: string, most: number): { handle: number; size: number } {
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

/** JSON of a file of ours; undefined where it is not there or was damaged. */
export function readJson<T>(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): T | undefined {
  const text = readIf(path, encoding);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Gives a file another name, in a folder that is made: by a link, or by a copy where a link can't be. */
export function linkOrCopy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** A stream costs more than a small file. */
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

/** Says by its time that something is used now: what was not used for long is cleaned up. */
export function noteUse(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (e) {
    // A folder that is only read says nothing of its use.
    if (!['ENOENT', 'EROFS', 'EACCES', 'EPERM'].includes(codeOf(e) ?? '')) throw e;
  }
}

/**
 * Makes a folder that only its owner may enter, or closes one that is there. What lies in it may be of any owner and
 * mode, such as a program of a root that has the rights of the host's root for whoever may run it.
 */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(path, 0o700);
  return path;
}

/** Whether a file or folder was last changed more than a day ago; false where it has gone. */
export function olderThanADay(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > 86_400_000;
  } catch {
    return false;
  }
}

/** Whether a path below a folder is, or is below, a link to something outside of the folder. */
export function leadsOut(root: string, path: string): boolean {
  try {
    return !`${realpathSync(join(root, path))}/`.startsWith(`${realpathSync(root)}/`);
  } catch {
    return false;
  }
}

export const exists = existsSync;

/**
 * All that lies below a folder but folders, as paths below it, in no order. Links are not followed; node's own
 * recursive listing goes through them, out of the folder.
 */
export function entriesBelow(root: string): string[] {
  const found: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true }))
      (entry.isDirectory() ? folders : found).push(folder ? `${folder}/${entry.name}` : entry.name);
  return found;
}
