import { release, totalmem } from 'node:os';

/** What one task may take of the machine. */
export interface Limits {
  /** Bytes of memory, what it writes to /tmp and /dev/shm included. */
  memory: number;
  /** Processes and threads at one time. */
  processes: number;
  /** Bytes that each of its file systems in memory may hold: /tmp, /dev/shm, and the root itself. */
  temporary: number;
}

export const defaultLimits = (): Limits => ({
  memory: Math.floor(totalmem() * 0.75),
  processes: 8192,
  temporary: Math.floor(totalmem() * 0.25),
});

/** Since Linux 6.14 each PID namespace has its own `kernel.pid_max`; before, it is the whole machine's. */
export function countsProcesses(kernel = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 14);
}
