import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeBytes } from './write.ts';
import { sizeText } from '../model/sizes.ts';
import { ended } from './children.ts';
import { Gathered } from './gathered.ts';
import { messageOf, reasonIn, systemFault } from './faults.ts';
import { Killing } from './killing.ts';
import { endsWithUs } from './survivors.ts';

export interface Outcome {
  code: number;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** The limit that was exceeded. */
  exceeded?: 'memory' | 'processes' | 'disk';
}
export interface RunOptions {
  cwd?: string;
  /** The complete environment. Default: this process's, with English messages unless the output goes to the user. */
  env?: NodeJS.ProcessEnv;
  input?: string | Buffer;
  /** Appends both outputs to this file instead of the outcome. What exceeds `logLimit` is dropped. */
  log?: string;
  /** Default: 64 MiB. */
  logLimit?: number;
  /** Start a new session, detached from this terminal and its signals. */
  detached?: boolean;
  signal?: AbortSignal | undefined;
  /**
   * `signal` kills it at once, without a SIGTERM before. The outcome comes when the others have ended, too. `entry`:
   * its first child ends all others. `tree`: it does not end what it started, so all of those are killed.
   */
  kills?: 'entry' | 'tree';
  /** Maximum number of bytes of each output in the outcome; of standard error, at most 16 MiB are taken. */
  limit?: number;
  /** Decoding of standard output; `latin1` preserves every byte. */
  encoding?: 'utf8' | 'latin1';
  /** Standard input is a pipe that closes when this process ends. */
  keepInput?: boolean;
  /** Called with chunks of standard output, which is then not in the outcome. An exception ends the program. */
  onOutput?: (chunk: Buffer) => void;
  /** Outputs are inherited. */
  inherit?: boolean;
  /** The terminal is inherited, including standard input. */
  terminal?: boolean;
  /** Open files for descriptors 3, 4, …. */
  descriptors?: readonly number[];
}

/** Why a program failed: the most useful line of its standard error, or how it ended. */
export const reasonOf = ({ stderr, signal, code }: Pick<Outcome, 'stderr' | 'signal' | 'code'>): string =>
  reasonIn(stderr) || `it ended with ${signal ?? code}`;

/** The error for a system program that failed at `path`. */
export const programFault = (message: string, path: string, outcome: Outcome): Error =>
  systemFault(`${message}: ${reasonOf(outcome)}`, outcome.stderr, path);

/** This process's environment with English messages, because Slipway recognizes errors by their text. */
export const plainEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C.UTF-8', LANGUAGE: '' });

/** Thrown by `onOutput` if a program prints more than its caller accepts. */
export class TooMuch extends Error {}

/** Running programs. */
const running = new Map<ChildProcess, Killing>();

/** Bytes of messages that are taken: a server can have a program print them without end. */
const longestMessages = 16 << 20;

const inputOf = ({ input, keepInput, terminal }: RunOptions): 'inherit' | 'ignore' | 'pipe' => {
  if (terminal) return 'inherit';
  return input === undefined && !keepInput ? 'ignore' : 'pipe';
};

/** Whether the output goes to the user. */
const isShown = ({ inherit, terminal }: RunOptions): boolean => inherit === true || terminal === true;

const unstarted = (command: string, code: 'ENOENT' | 'EACCES'): Outcome => ({
  code: 127,
  signal: null,
  stdout: '',
  stderr: `${command}: ${code === 'ENOENT' ? 'not found' : 'not allowed'}`,
});

/** Runs a program with arguments, without a shell. Exit code 127 if it is missing. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const limit = options.limit ?? 256 << 20;
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return resolve({ code: 130, signal: 'SIGTERM', stdout: '', stderr: 'stopped' });
    const log = options.log === undefined ? undefined : openSync(options.log, 'a');
    const output = isShown(options) ? 'inherit' : 'pipe';
    // A single pipe for both outputs keeps their order in a log.
    const [program, ...rest] = log === undefined ? [command] : ['sh', '-c', 'exec "$@" 2>&1', 'sh', command];
    const child = spawn(program, [...rest, ...args], {
      detached: options.detached ?? false,
      cwd: options.cwd,
      env: options.env ?? (isShown(options) ? process.env : plainEnvironment()),
      stdio: [inputOf(options), output, output, ...(options.descriptors ?? [])],
    });
    const killing = new Killing(child, options.kills ?? 'politely');
    running.set(child, killing);
    endsWithUs(child);
    const keep = log === undefined ? undefined : limitedLog(log, options.log ?? '', options.logLimit ?? 64 << 20);
    let thrown: Error | undefined;
    const give = (to: (chunk: Buffer) => void, chunk: Buffer) => {
      if (thrown !== undefined) return;
      try {
        to(chunk);
      } catch (e) {
        thrown = e instanceof Error ? e : new Error(String(e));
        child.kill('SIGKILL');
      }
    };
    const gathered = { stdout: new Gathered(limit), stderr: new Gathered(Math.min(limit, longestMessages)) };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk: Buffer) => {
        if (keep && name === 'stdout') return keep(chunk);
        if (options.onOutput && name === 'stdout') return give(options.onOutput, chunk);
        gathered[name].add(chunk);
      });
    }
    options.signal?.addEventListener('abort', killing.stop, { once: true });
    const end = (outcome: Outcome) => {
      running.delete(child);
      killing.done();
      options.signal?.removeEventListener('abort', killing.stop);
      if (log !== undefined) closeSync(log);
      if (thrown !== undefined) reject(thrown);
      else resolve(outcome);
    };
    child.stdin?.on('error', () => undefined);
    child.on('exit', () => {
      if (options.keepInput) child.stdin?.destroy();
      // A process that the program left behind may hold the log's pipe open.
      if (keep) setTimeout(() => child.stdout?.destroy(), 2000).unref();
    });
    child.on('error', (e: NodeJS.ErrnoException) => {
      if (e.code === 'ENOENT' || e.code === 'EACCES') end(unstarted(command, e.code));
      else reject(e);
    });
    child.on('close', (code, signal) => {
      const texts = textsOf(command, gathered, options.encoding ?? 'utf8');
      if (texts instanceof Error) thrown ??= texts;
      const outcome = { code: code ?? 128, signal, ...(texts instanceof Error ? { stdout: '', stderr: '' } : texts) };
      // Most programs end by themselves: no turn of the event loop more for them.
      if (killing.awaited.length) void ended(killing.awaited).then(() => end(outcome));
      else end(outcome);
    });
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** Runs a program whose standard output is data. Throws TooMuch above `most` bytes. */
export async function runForData(
  command: string,
  args: string[],
  most: number,
  options: RunOptions = {},
): Promise<{ outcome: Outcome; data: Buffer }> {
  const parts: Buffer[] = [];
  let size = 0;
  const onOutput = (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) throw new TooMuch();
    parts.push(chunk);
  };
  const outcome = await run(command, args, { ...options, onOutput });
  return { outcome, data: Buffer.concat(parts) };
}

/**
 * Both outputs as texts, or the error for one that is too long for a text: thrown in an event's handler, it would end
 * the process with all its tasks.
 */
function textsOf(
  command: string,
  gathered: Readonly<Record<'stdout' | 'stderr', Gathered>>,
  encoding: 'utf8' | 'latin1',
): Pick<Outcome, 'stdout' | 'stderr'> | Error {
  try {
    return {
      stdout: gathered.stdout.whole().toString(encoding),
      stderr: gathered.stderr.whole().toString('utf8'),
    };
  } catch (e) {
    return Object.assign(new Error(`${command}: ${messageOf(e)}`), { code: 'ELARGE', path: command });
  }
}

/** Writes output to an open log. At the limit, a line reports that the rest is omitted. */
function limitedLog(log: number, path: string, most: number): (chunk: Buffer) => void {
  let left = most;
  return (chunk) => {
    if (left <= 0) return;
    const full = chunk.length >= left;
    try {
      writeBytes(log, full ? chunk.subarray(0, left) : chunk, path);
      if (full)
        writeBytes(
          log,
          Buffer.from(`\nslipway: the rest of this output, beyond ${sizeText(most)}, is left out\n`),
          path,
        );
    } catch {
      // The disk is full. Only the log is cut short here; other writes report the error.
      left = 0;
    }
    left -= chunk.length;
  };
}

/** Kills all running programs with those that they started; used at exit. */
export function killAll(): void {
  for (const killing of running.values()) killing.kill();
}

/** Runs `work` for all items, at most `width` in parallel. Results are in the order of the items. */
export async function parallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: Math.min(width, items.length) }, async () => {
      for (const [i, item] of queue) results[i] = await work(item, i);
    }),
  );
  return results;
}
