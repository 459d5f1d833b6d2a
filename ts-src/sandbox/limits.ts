import { statfsSync } from 'node:fs';
import { release, totalmem } from 'node:os';

/** What one task may take of the machine. */
export interface Limits {
  /** Bytes of memory, what it writes to /tmp and /dev/shm included. */
  memory: number;
  /** Processes and threads at one time. */
  processes: number;
  /** Bytes that each of its file systems in memory may hold: /tmp, /dev/shm, and the root itself. */
  temporary: number;
  /** Bytes that it may write to the disk (below /build). Left out: not watched. */
  disk?: number;
  /** Files and folders that it may leave there. */
  files?: number;
  /** Bytes of its log. */
  log?: number;
}

/** What limits that a person wrote may say; `minutes`: how long it may build, and its tests may take. */
export interface WrittenLimits {
  memory?: number | undefined;
  processes?: number | undefined;
  temporary?: number | undefined;
  disk?: number | undefined;
  log?: number | undefined;
  minutes?: number | undefined;
}

export const defaultLimits = (): Limits => ({
  memory: Math.floor(totalmem() * 0.75),
  processes: 8192,
  temporary: Math.floor(totalmem() * 0.25),
});

const mostDisk = 32 * 2 ** 30;
const mostFiles = 2_000_000;
export const defaultLog = 64 << 20;

/** Limits of a build or a test: those of the package, else those of this machine, else the defaults. */
export function taskLimits(state: string, machine: WrittenLimits, own: WrittenLimits = {}): Limits {
  const { memory, processes, temporary } = defaultLimits();
  return {
    memory: own.memory ?? machine.memory ?? memory,
    processes: own.processes ?? machine.processes ?? processes,
    temporary: own.temporary ?? machine.temporary ?? temporary,
    disk: own.disk ?? machine.disk ?? defaultDisk(state),
    files: mostFiles,
    log: own.log ?? machine.log ?? defaultLog,
  };
}

/** Half of the room that is left, and no more than most packages could ever need. */
export function defaultDisk(state: string): number {
  try {
    const { bavail, bsize } = statfsSync(state);
    return Math.min(mostDisk, Math.floor((bavail * bsize) / 2));
  } catch {
    return mostDisk;
  }
}

/** Since Linux 6.14 each PID namespace has its own `kernel.pid_max`; before, it is the whole machine's. */
export function countsProcesses(kernel = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 14);
}
