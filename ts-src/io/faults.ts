import { readlinkSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeRoom } from '../model/make-room.ts';
import { lastLine, linesOf } from '../text/cut.ts';

/** Messages for errors of the machine, a disk, a network or a store: problems of the environment, not bugs. */
const words: Record<string, string> = {
  ENOSPC: `the disk is full: ${makeRoom}`,
  EDQUOT: `the disk quota is used up: ${makeRoom}`,
  EFBIG: 'the file is larger than a limit allows (ulimit -f)',
  EROFS: 'the file system is read-only: mount it writable, or name another folder',
  EACCES: 'permission denied: give the user that runs slipway access to it, or run slipway as its owner',
  EPERM: 'not permitted',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'the machine has no memory left',
  EAGAIN: 'the machine allows no more processes: raise the limit (ulimit -u)',
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a folder, and a file is needed',
  // Node's own code for removing a folder as a file.
  ERR_FS_EISDIR: 'it is a folder, and a file is needed',
  ENOTDIR: 'a part of the path is a file, and a folder is needed: remove or rename the file',
  EEXIST: 'something is there already, and not what is needed: move it away',
  ENOTEMPTY: 'the folder is not empty',
  ELOOP: 'its links lead to each other',
  ENAMETOOLONG: 'the name is too long for the file system: use shorter names or a shorter path',
  ENXIO: 'it is a pipe or a device, and a file is needed',
  ENODEV: 'it is a device that is not there',
  ETXTBSY: 'the file is being run or written',
  EBUSY: 'it is in use',
  EXDEV: 'it is on another file system: keep these folders on one',
  ELARGE: 'the file or output is larger than anything that slipway reads as a whole',
  EIO: 'the disk reports an error: is it sound?',
  ESTALE: 'the share was remounted or changed elsewhere: run the same command again',
  ENOLCK: 'the file system gives no locks: mount the share with locking, or put the state on a local disk',
  ENOTSUP: 'the file system does not support that',
  ECONNREFUSED: 'the server refuses connections: does it run, and is the address right?',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'the host can not be reached',
  ENETUNREACH: 'the network can not be reached',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host could not be looked up: does DNS work?',
  ETIMEDOUT: 'there was no answer in time',
};

/** The same errors as strerror texts, as programs print them in English. */
const printed: readonly (readonly [RegExp, string])[] = [
  [/Permission denied/, 'EACCES'],
  [/Read-only file system/, 'EROFS'],
  [/No space left on device/, 'ENOSPC'],
  [/Disk quota exceeded/, 'EDQUOT'],
  [/No locks available/, 'ENOLCK'],
  [/Function not implemented|Operation not supported/, 'ENOTSUP'],
  [/Is a directory/, 'EISDIR'],
  [/Not a directory/, 'ENOTDIR'],
  [/Too many levels of symbolic links/, 'ELOOP'],
  [/File name too long/, 'ENAMETOOLONG'],
  [/No such file or directory/, 'ENOENT'],
  [/Operation not permitted/, 'EPERM'],
  [/Bad file descriptor|Input\/output error/, 'EIO'],
  [/File too large/, 'EFBIG'],
  [/Cannot allocate memory/, 'ENOMEM'],
  [/Resource temporarily unavailable/, 'EAGAIN'],
  [/Stale file handle/, 'ESTALE'],
];

/** The code of the system error that a program printed, such as ENOSPC. */
const printedCode = (words: string): string | undefined => printed.find(([pattern]) => pattern.test(words))?.[1];

/** Of a program's messages, only so many characters at the end are read: a program may print without end. */
const longestWords = 200_000;

/** The most useful line of a program's messages: one with a system error, else the last. */
export function reasonIn(words: string): string {
  for (const line of linesOf(words.slice(-longestWords))) if (printedCode(line) !== undefined) return line;
  return lastLine(words);
}

/** The error for a system program, such as tar, that failed at `path`. `words`: its output. */
export const systemFault = (message: string, words: string, path: string): Error =>
  Object.assign(new Error(message), { code: printedCode(words) ?? 'ESTORE', path });

/** The code of a thrown system error, such as ENOENT. */
export const codeOf = (e: unknown): string | undefined =>
  e instanceof Error && 'code' in e && typeof e.code === 'string' ? e.code : undefined;

export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** The longest part of a path that is a file. */
function fileIn(path: string): string | undefined {
  if (path === dirname(path)) return undefined;
  try {
    return statSync(path).isDirectory() ? undefined : path;
  } catch {
    return fileIn(dirname(path));
  }
}

/** A path with the name of a folder in place of its handle (io/held-folders). */
export const namedPlace = (path: string): string =>
  path.replace(/^\/proc\/self\/fd\/\d+/, (handle) => {
    try {
      return readlinkSync(handle);
    } catch {
      return 'a folder';
    }
  });

/** An error's paths, with the names of folders in place of handles. */
function placesOf({ code, syscall, path, dest }: NodeJS.ErrnoException & { dest?: string }) {
  const shown = (at: string | undefined): string | undefined => (at === undefined ? undefined : namedPlace(at));
  return { code, syscall, path: shown(path), dest: shown(dest) };
}

/** The error with the names of folders in place of handles, which are to be closed. */
export function nameHandles(e: unknown): unknown {
  if (!(e instanceof Error)) return e;
  const { path, dest } = placesOf(e);
  return Object.assign(e, path === undefined ? {} : { path }, dest === undefined ? {} : { dest });
}

/** A message for an error of the environment; undefined for a bug. */
export function environmentFault(e: unknown): string | undefined {
  if (!(e instanceof Error)) return undefined;
  const { code, syscall, path: first, dest } = placesOf(e);
  // Node reports ENOENT if a read-only file system refuses a recursive mkdir.
  if (code === 'ENOENT' && syscall === 'mkdir')
    return `${first}: the folder can't be made: is the file system above it read-only?`;
  if (code === 'ENOTDIR' && first !== undefined) {
    const file = fileIn(dest ?? first);
    if (file !== undefined) return `${file}: this is a file, and a folder is needed: remove or rename it`;
  }
  // Source and destination of a link, copy or rename: the destination is at fault.
  const path = dest === undefined ? first : `${dest} (from ${first})`;
  if (code === 'ESTORE') return e.message;
  const said = code !== undefined && Object.hasOwn(words, code) ? words[code] : undefined;
  return said === undefined ? undefined : `${path === undefined ? '' : `${path}: `}${said}`;
}

const internal: unknown[] = [];

/** Records a bug that ended one task only. The program continues, and exits with 70. */
export function reportInternal(e: unknown): string {
  internal.push(e);
  return `internal error: ${messageOf(e)}`;
}

/** Stack traces of recorded bugs. */
export const internalFaults = (): string[] =>
  internal.map((e) => (e instanceof Error ? (e.stack ?? e.message) : String(e)));
