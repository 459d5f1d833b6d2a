import { statSync } from 'node:fs';
import { Socket } from 'node:net';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { makeFolder } from './files.ts';
import { lastLine } from '../text/cut.ts';
import { systemFault } from './faults.ts';
import { plainEnvironment } from './process.ts';

/**
 * Holds an inter-process lock while `work` runs. The kernel holds it through flock(1), which ends with its standard
 * input, so a killed process leaves no lock behind.
 */
export async function withMutex<T>(path: string, work: () => Promise<T>, waiting?: () => void): Promise<T> {
  const release = await holdMutex(path, waiting);
  try {
    return await work();
  } finally {
    void release();
  }
}

/** Releases a lock; resolves when other processes can take it. */
export type Release = () => Promise<void>;

/**
 * Takes the lock. It is released by the returned function, or at the process's end. Does not keep the process alive.
 */
export async function holdMutex(path: string, waiting?: () => void): Promise<Release> {
  const release = await hold(path, ['--exclusive'], waiting);
  if (!release) throw new Error(`flock refused ${path}`);
  return release;
}

/** Takes a shared lock, which many processes can hold while none holds it exclusively. */
export async function shareMutex(path: string, waiting?: () => void): Promise<Release> {
  const release = await hold(path, ['--shared'], waiting);
  if (!release) throw new Error(`flock refused ${path}`);
  return release;
}

/** Takes the lock if it is free; undefined otherwise. */
export const tryMutex = (path: string): Promise<Release | undefined> =>
  hold(path, ['--exclusive', '--nonblock', '--conflict-exit-code', String(taken)]);

/** flock(1)'s exit code if the lock is taken: no shell or signal uses it. */
const taken = 99;

function hold(path: string, kind: readonly string[], waiting?: () => void): Promise<Release | undefined> {
  makeFolder(dirname(path));
  // flock(1) would wait for the other end of a FIFO.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile() && !found.isDirectory())
    return Promise.reject(Object.assign(new Error(`can't lock ${path}: it is no file`), { code: 'ENXIO', path }));
  return new Promise((resolve, reject) => {
    const holder = spawn('flock', [...kind, '--no-fork', path, 'cat'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: plainEnvironment(),
      detached: true,
    });
    let words = '';
    holder.stderr.on('data', (chunk: Buffer) => (words += chunk.toString('utf8')));
    const timer = waiting && setTimeout(waiting, 1000);
    const refused = (code: number | null): void => {
      clearTimeout(timer);
      if (code === taken) resolve(undefined);
      else reject(lockFault(path, words, code));
    };
    holder.on('error', reject);
    holder.on('close', refused);
    holder.stdin.on('error', () => undefined);
    // cat echoes it as soon as it runs: then the lock is held.
    holder.stdin.write('\n');
    holder.stdout.once('data', () => {
      clearTimeout(timer);
      holder.off('close', refused);
      holder.unref();
      for (const pipe of [holder.stdin, holder.stdout, holder.stderr]) if (pipe instanceof Socket) pipe.unref();
      resolve(() => letGo(holder));
    });
  });
}

function letGo(holder: ChildProcessByStdio<Writable, Readable, Readable>): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    holder.ref();
    holder.once('exit', () => resolve());
    holder.stdin.end();
  });
}

const lockFault = (path: string, words: string, code: number | null): Error =>
  systemFault(`can't lock ${path}: ${lastLine(words) || `flock ended with ${code}`}`, words, path);
