import { statfsSync } from 'node:fs';
import { release, totalmem } from 'node:os';

/** Resource limits of one task. */
export interface Limits {
  /** Memory in bytes, including files in /tmp and /dev/shm. */
  memory: number;
  /** Maximum number of processes and threads. */
  processes: number;
  /** Size in bytes of each file system in memory: /tmp, /dev/shm, and the root. */
  temporary: number;
  /** Bytes written to disk (below /build). Undefined: unlimited. */
  disk?: number;
  /** Maximum number of files and folders there. */
  files?: number;
  /** Size of its log in bytes. */
  log?: number;
}

/** Limits that users may set. `minutes`: time for a build, and for its tests. */
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

/** Limits of a task: the package's, else this machine's, else the defaults. */
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

/** Half of the free space, at most what packages could ever need. */
export function defaultDisk(state: string): number {
  try {
    const { bavail, bsize } = statfsSync(state);
    return Math.min(mostDisk, Math.floor((bavail * bsize) / 2));
  } catch {
    return mostDisk;
  }
}

/** Since Linux 6.14 each PID namespace has its own `kernel.pid_max`; before, it is global. */
export function countsProcesses(kernel = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 14);
}
