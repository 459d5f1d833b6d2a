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
  /** Size in bytes of one file, wherever it is. Default: that of the disk. */
  file?: number;
  /** Maximum number of files and folders there. */
  files?: number;
  /** Size of its log in bytes. */
  log?: number;
  /** Limits that are smaller than what was set for the task, because this machine has no more. */
  cut?: readonly ('memory' | 'disk')[];
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

/**
 * Limits of a task: the package's, else this machine's, else the defaults. At most what the machine has: a larger
 * limit would let the task take it all.
 */
export function taskLimits(state: string, machine: WrittenLimits, own: WrittenLimits = {}): Limits {
  const { memory, processes, temporary } = defaultLimits();
  const [wholeMemory, wholeDisk] = [
    Math.floor(totalmem() * mostOfMachine),
    Math.floor(freeDisk(state) * mostOfMachine),
  ];
  const wished = {
    memory: own.memory ?? machine.memory ?? memory,
    disk: own.disk ?? machine.disk ?? defaultDisk(state),
  };
  return {
    memory: Math.min(wished.memory, wholeMemory),
    processes: own.processes ?? machine.processes ?? processes,
    temporary: Math.min(own.temporary ?? machine.temporary ?? temporary, wholeMemory),
    disk: Math.min(wished.disk, wholeDisk),
    files: mostFiles,
    log: Math.min(own.log ?? machine.log ?? defaultLog, wholeDisk),
    cut: [
      ...(wished.memory > wholeMemory ? (['memory'] as const) : []),
      ...(wished.disk > wholeDisk ? (['disk'] as const) : []),
    ],
  };
}

const mostOfMachine = 0.95;

/** Free bytes of a folder's file system; Infinity if it does not tell. */
function freeDisk(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

/** A part of the free space, at most what packages could ever need. */
const diskOf = (folder: string, part: number): number => Math.min(mostDisk, Math.floor(freeDisk(folder) * part));

/** Disk limit of a task that sets none. */
export const defaultDisk = (state: string): number => diskOf(state, 0.5);

/**
 * Limits of what installs packages into a root. `isWhole`: its disk is what is free here, which is less than it may
 * take elsewhere.
 */
export function installLimits(folder: string, part = 0.5): Limits & { disk: number; isWhole: boolean } {
  const [limits, disk] = [defaultLimits(), diskOf(folder, part)];
  // apt's caches are in memory, and do not have to fit the disk.
  return { ...limits, disk, file: Math.max(disk, limits.temporary), files: mostFiles, isWhole: disk < mostDisk };
}

/** Limits of mmdebstrap: a base may need more than half of the disk, and is written on until it is measured. */
export const baseLimits = (folder: string): ReturnType<typeof installLimits> => installLimits(folder, 0.8);

/** Since Linux 6.14 each PID namespace has its own `kernel.pid_max`; before, it is global. */
export function countsProcesses(kernel = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 14);
}
