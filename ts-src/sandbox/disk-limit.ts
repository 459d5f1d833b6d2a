import { statfs } from 'node:fs/promises';
import { makeFolder } from '../io/files.ts';
import type { Outcome } from '../io/process.ts';
import type { Bind, Entry } from './driver.ts';
import type { Limits } from './limits.ts';
import { removedFiles } from './open-files.ts';

/** Runs du(1) with the rights to read everything that an entry's processes created. */
export type Du = (args: string[], signal?: AbortSignal) => Promise<Outcome>;

/** The sum in du(1)'s output; 0 if there is none. */
export const bytesOf = (outcome: Outcome): number => Number(/^(\d+)\t/.exec(outcome.stdout)?.[1] ?? 0);

/** Milliseconds to measure the folders: a task goes on writing meanwhile. */
const longestCount = 10_000;
/** Milliseconds between two checks of free space. */
const pause = 1000;
/**
 * Maximum time between two measurements: `least` milliseconds, or `times` the duration of the last one. Free space
 * alone is not reliable, because other processes may free space meanwhile.
 */
const longest = { least: 5_000, times: 50 };

/** What may be written, where, and how it is measured. */
export interface DiskWatch {
  /** On one file system; the first exists. */
  folders: readonly [string, ...string[]];
  limits: Pick<Limits, 'disk' | 'files'>;
  du: Du;
  signal?: AbortSignal | undefined;
  /** Removed files that processes hold open. Undefined if they can't be told. */
  ofProcesses?: typeof removedFiles;
}

/** Stops an entry that exceeds its disk limit. */
export async function withDiskLimit(
  entry: Entry,
  du: Du,
  enter: (entry: Entry) => Promise<Outcome>,
  ofProcesses = removedFiles,
): Promise<Outcome> {
  const { keep } = entry.root;
  const [first, ...others] = [
    ...(keep === undefined ? [] : [makeFolder(keep)]),
    ...entry.binds.filter((b: Bind) => !b.readOnly).map((b) => b.from),
  ];
  if (first === undefined) return enter(entry);
  return withinDisk(
    { folders: [first, ...others], limits: entry.limits ?? {}, du, ofProcesses, signal: entry.signal },
    (signal) => enter({ ...entry, signal }),
  );
}

/**
 * Ends a program that exceeds its disk limit, by its signal. Unprivileged users have no folder quotas, so this checks
 * the file system's free space each second and, if it shrank, measures the folders. A measurement takes seconds for a
 * million files: while it runs, what the processes wrote since the last one counts as used.
 */
export async function withinDisk(
  { folders, limits, du, signal, ofProcesses = () => Promise.resolve(undefined) }: DiskWatch,
  program: (signal: AbortSignal | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const { disk, files = Infinity } = limits;
  if (disk === undefined) return program(signal);
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const watch = new Watch(folders, folders[0], disk, files, du, ofProcesses);
  // Counts what the task writes before the first periodic check.
  await watch.look();
  let exceeded = false;
  const timer = setInterval(() => {
    void watch.look().then((over) => {
      if (!over || controller.signal.aborted) return;
      exceeded = true;
      stop();
    });
  }, pause);
  try {
    const outcome = await program(controller.signal);
    return exceeded ? { ...outcome, exceeded: 'disk' } : outcome;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  }
}

interface Room {
  bytes: number;
  files: number;
}

class Watch {
  private begun: Room | undefined;
  /** Free space at the last measurement, and its time. */
  private counted: Room | undefined;
  private at = Date.now();
  private longest = longest.least;
  private busy = false;
  private looking = false;
  /** The last measurement: bytes used, and what the processes had written. */
  private measured = { bytes: 0, written: 0 };

  constructor(
    private readonly folders: readonly string[],
    private readonly where: string,
    private readonly bytes: number,
    private readonly files: number,
    private readonly du: Du,
    private readonly ofProcesses: typeof removedFiles,
  ) {}

  /** Returns whether the limit is exceeded. */
  async look(): Promise<boolean> {
    if (this.busy) return this.isWriting();
    this.busy = true;
    try {
      const now = await this.room();
      if (!now) return false;
      this.begun ??= now;
      this.counted ??= now;
      // Measures if free space shrank by an eighth of the limit, whoever used it.
      const shrank = this.counted.bytes - now.bytes > this.bytes / 8 || this.counted.files - now.files > this.files / 8;
      if (!shrank && Date.now() - this.at < this.longest) return false;
      this.at = Date.now();
      this.counted = now;
      const over = await this.isOver(this.begun, now);
      const ended = Date.now();
      this.longest = Math.max(longest.least, (ended - this.at) * longest.times);
      this.at = ended;
      return over;
    } finally {
      this.busy = false;
    }
  }

  /** While a measurement runs: whether what was written since the last one exceeds the limit. */
  private async isWriting(): Promise<boolean> {
    if (this.looking) return false;
    this.looking = true;
    try {
      const now = await this.room();
      if (!now || !this.begun || this.begun.bytes - now.bytes <= this.bytes) return false;
      const open = await this.ofProcesses(this.where);
      return open !== undefined && this.measured.bytes + open.written - this.measured.written > this.bytes;
    } finally {
      this.looking = false;
    }
  }

  private async isOver(begun: Room, now: Room): Promise<boolean> {
    const open = (await this.ofProcesses(this.where)) ?? { bytes: 0, files: 0, hidden: false, written: 0 };
    const lost: Room = { bytes: begun.bytes - now.bytes, files: begun.files - now.files };
    const written = Math.max(lost.bytes, open.written);
    if (open.hidden && (written > this.bytes || lost.files > this.files)) return true;
    const [bytes, files] = await Promise.all([this.count(['--block-size=1']), this.count(['--inodes'])]);
    if (bytes !== undefined) this.measured = { bytes: bytes + open.bytes, written: open.written };
    return (bytes ?? lost.bytes) + open.bytes > this.bytes || (files ?? lost.files) + open.files > this.files;
  }

  /**
   * Bytes used. Undefined if something can't be measured, or not in time: then all space that the file system lost
   * counts.
   */
  private async count(options: string[]): Promise<number | undefined> {
    const counted = await this.du(
      ['-s', '-x', '-c', ...options, '--', ...this.folders],
      AbortSignal.timeout(longestCount),
    );
    if (counted.code !== 0 && /Permission denied/.test(counted.stderr)) return undefined;
    const total = /^(\d+)\ttotal$/m.exec(counted.stdout)?.[1];
    return total === undefined ? undefined : Number(total);
  }

  private async room(): Promise<Room | undefined> {
    try {
      const { bavail, bsize, ffree } = await statfs(this.where);
      return { bytes: bavail * bsize, files: ffree };
    } catch {
      return undefined;
    }
  }
}
