import { appendFileSync, closeSync, fsyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { codeOf } from './faults.ts';

/**
 * All that is written to files, besides copies. Node's own functions do not name the file in errors of an open one, so
 * that nobody would know which disk is full. Lint refuses them elsewhere.
 */

/** Runs work on an open file. Its errors then name the file: Node's do not. */
export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw placed(e, path);
  }
}

/** The error, with the file if it named none. */
export const placed = (e: unknown, path: string): unknown =>
  e instanceof Error && codeOf(e) !== undefined && !('path' in e) ? Object.assign(e, { path }) : e;

/** Writes bytes to an open file, all of them. `path` is for errors; `at`: where in the file. */
export function writeBytes(handle: number, bytes: Buffer, path: string, at?: number): void {
  naming(path, () => {
    for (let done = 0; done < bytes.length;)
      done += writeSync(handle, bytes, done, bytes.length - done, at === undefined ? null : at + done);
  });
}

/** Waits until a file is on disk. */
export function syncFile(path: string): void {
  const handle = openSync(path, 'r');
  try {
    naming(path, () => fsyncSync(handle));
  } finally {
    closeSync(handle);
  }
}

/** Writes what a stream yields to a file, as `writeFile` does. */
export async function writeStream(
  path: string,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  flags: 'w' | 'wx' = 'w',
): Promise<void> {
  const handle = openSync(path, flags);
  try {
    for await (const chunk of chunks) writeBytes(handle, chunk, path);
  } finally {
    closeSync(handle);
  }
}

type Written = string | Uint8Array;

/** Writes a file as Node does, with errors that name it. */
export function writeFile(path: string, data: Written, options: { flag?: 'wx'; mode?: number } = {}): void {
  naming(path, () => writeFileSync(path, data, options));
}

/** Appends to a file, as `writeFile` writes it. */
export function appendFile(path: string, data: Written, encoding: 'utf8' | 'latin1' = 'utf8'): void {
  naming(path, () => appendFileSync(path, data, encoding));
}
