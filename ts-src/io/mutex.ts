import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { spawn, type ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { makeFolder } from './files.ts';
import { lockHolder } from './lock-holder.ts';
import { isOurs } from './own-folders.ts';
import { whileWaiting } from './signals.ts';
import { slowly } from './slow.ts';
import { lastLine } from '../text/cut.ts';
import { codeOf, namedPlace, systemFault } from './faults.ts';
import { plainEnvironment } from './process.ts';

export interface WaitOptions {
  /** Called once if the lock is not free for a second. */
  waiting?: () => void;
  /** Time limit of the wait in milliseconds. */
  most?: number;
}

/** Time limits of waits in milliseconds: for work of minutes, and for the work of a task. */
export const lockPatience = { usual: 2 * 3_600_000, task: 48 * 3_600_000 };

/** The wait for a lock was ended because this process is to end. */
export class StoppedWait extends Error {
  readonly code = 'ESTORE';
}

/**
 * Holds an inter-process lock while `work` runs. The kernel holds it through flock(1), which ends with its standard
 * input, so a killed process leaves no lock behind.
 */
export async function withMutex<T>(path: string, work: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
  const release = await holdMutex(path, options);
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
export const holdMutex = (path: string, options: WaitOptions = {}): Promise<Release> =>
  wait(path, ['--exclusive'], options);

/** Takes a shared lock, which many processes can hold while none holds it exclusively. */
export const shareMutex = (path: string, options: WaitOptions = {}): Promise<Release> =>
  wait(path, ['--shared'], options);

/** Takes the lock if it is free; undefined otherwise. */
export const tryMutex = (path: string): Promise<Release | undefined> =>
  hold(path, ['--exclusive', '--nonblock', '--conflict-exit-code', String(taken)], {});

/** flock(1)'s exit code if the lock is taken: no shell or signal uses it. */
const taken = 99;

const holderText = (path: string): string => lockHolder(path) ?? 'another process';

async function wait(path: string, kind: readonly string[], options: WaitOptions): Promise<Release> {
  const heldBy = (): string => `, which ${holderText(path)} holds`;
  const release = await slowly(`the lock ${namedPlace(path)}`, hold(path, kind, options), heldBy);
  if (!release) throw new Error(`flock refused ${path}`);
  return release;
}

async function hold(path: string, kind: readonly string[], options: WaitOptions): Promise<Release | undefined> {
  makeFolder(dirname(path));
  const handle = openLock(path);
  return new Promise((resolve, reject) => {
    const holder = spawn('flock', [...kind, '--no-fork', '/proc/self/fd/3', 'cat'], {
      stdio: ['pipe', 'pipe', 'pipe', handle],
      env: plainEnvironment(),
      detached: true,
    });
    closeSync(handle);
    const { stdin, stdout, stderr } = holder;
    if (!stdin || !stdout || !stderr) throw new Error('flock has no pipes');
    let words = '';
    stderr.on('data', (chunk: Buffer) => (words += chunk.toString('utf8')));
    const done = endOfWait(path, options, (fault) => {
      holder.off('close', refused);
      reject(fault);
      holder.kill('SIGKILL');
    });
    const refused = (code: number | null): void => {
      done();
      if (code === taken) resolve(undefined);
      else reject(lockFault(path, words, code));
    };
    holder.on('error', (e) => {
      done();
      reject(e);
    });
    holder.on('close', refused);
    stdin.on('error', () => undefined);
    // cat echoes it as soon as it runs: then the lock is held.
    stdin.write('\n');
    stdout.once('data', () => {
      done();
      holder.off('close', refused);
      holder.unref();
      for (const pipe of [stdin, stdout, stderr]) if (pipe instanceof Socket) pipe.unref();
      resolve(() => letGo(holder, stdin));
    });
  });
}

/**
 * Opens the file of a lock. flock(1) would wait for the other end of a FIFO, and make a file wherever a link leads.
 */
function openLock(path: string): number {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_CREAT } = constants;
  const open = (more: number): number => openSync(path, O_RDONLY | O_NONBLOCK | more, 0o666);
  let handle: number;
  try {
    handle = open(O_NOFOLLOW);
  } catch (e) {
    if (codeOf(e) === 'ENOENT') handle = open(O_NOFOLLOW | O_CREAT);
    else if (codeOf(e) === 'ELOOP' && isOurs(lstatSync(path))) handle = open(0);
    else throw e;
  }
  const found = fstatSync(handle);
  if (found.isFile() || found.isDirectory()) return handle;
  closeSync(handle);
  throw Object.assign(new Error(`can't lock ${namedPlace(path)}: it is no file`), { code: 'ENXIO', path });
}

/** Watches a wait: reports it, and ends it at its limit and when this process is to end. Returns the watch's end. */
function endOfWait(
  path: string,
  { waiting, most = lockPatience.usual }: WaitOptions,
  give: (fault: Error) => void,
): () => void {
  const held = (): string => `the lock ${namedPlace(path)}: ${holderText(path)} holds it`;
  const soon = waiting && setTimeout(waiting, 1000);
  const late = setTimeout(() => {
    done();
    const why = `the wait ended after ${Math.ceil(most / 60_000)} minutes for ${held()}`;
    give(Object.assign(new Error(why), { code: 'ESTORE' }));
  }, most);
  // A lock that is free in a moment still serves to finish what was begun.
  let stop: NodeJS.Timeout | undefined;
  const listening = whileWaiting(() => {
    stop ??= setTimeout(() => {
      done();
      give(new StoppedWait(`stopped while waiting for ${held()}`));
    }, 500);
  });
  const done = (): void => {
    clearTimeout(soon);
    clearTimeout(stop);
    clearTimeout(late);
    listening();
  };
  return done;
}

function letGo(holder: ChildProcess, input: Writable): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    holder.ref();
    holder.once('exit', () => resolve());
    input.end();
  });
}

const lockFault = (path: string, words: string, code: number | null): Error =>
  systemFault(`can't lock ${namedPlace(path)}: ${lastLine(words) || `flock ended with ${code}`}`, words, path);
