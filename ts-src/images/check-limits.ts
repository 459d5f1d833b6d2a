import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { run, type Outcome } from '../io/process.ts';
import { withinDisk, type Du } from '../sandbox/disk-limit.ts';
import { installLimits } from '../sandbox/limits.ts';

/**
 * What a started image may take of this machine. Its programs are those of the packages' authors, `timeout` in it
 * included, so the limits are kept from outside. Times in milliseconds.
 */
export const checkLimits = {
  command: 330_000,
  start: 330_000,
  check: 1_230_000,
  memory: 2 * 2 ** 30,
  processes: 2048,
  /** Part of the free disk. */
  disk: 0.5,
};

/** An engine's folders are its own: all space that their file system lost meanwhile counts. */
const unmeasured: Du = () => Promise.resolve({ code: 1, signal: null, stdout: '', stderr: '' });

export interface Bounds {
  /** Folder in which the engine keeps what a container writes. Not watched if it is not on this machine. */
  folder: string | undefined;
  time: number;
  signal: AbortSignal;
}

/** The outcome, or the limit that ended it. */
export type Checked = { ran: Outcome; ended?: undefined } | { ran?: undefined; ended: string };

/** Runs a program of a started image, and ends it if it exceeds its time or its disk. */
export async function withinBounds(
  { folder, time, signal }: Bounds,
  program: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Checked> {
  const late = AbortSignal.timeout(time);
  const either = AbortSignal.any([signal, late]);
  const watched = (at: string) =>
    withinDisk(
      { folders: [at], limits: installLimits(at, checkLimits.disk), du: unmeasured, signal: either },
      (ending) => program(ending ?? either),
    );
  const ran = folder !== undefined && existsSync(folder) ? await watched(folder) : await program(either);
  if (ran.exceeded === 'disk') return { ended: 'it wrote more to the disk than a check may' };
  if (late.aborted && !signal.aborted) return { ended: `it did not end in ${time / 1000} seconds, and was stopped` };
  return { ran };
}

/** Name of a check's container, with the time it was made in seconds since 1970. */
export const checkName = (now = Date.now()): string =>
  `slipway-check-${Math.floor(now / 1000)}-${randomBytes(6).toString('hex')}`;

/** Seconds that no check takes. */
const longAgo = 2 * 3600;

/** Removes the containers of checks that were killed. `list` prints the names of all, one on each line. */
export async function removeLeft(
  program: string,
  list: readonly string[],
  remove: readonly string[],
  now = Date.now(),
): Promise<void> {
  for (const name of (await run(program, [...list])).stdout.split('\n')) {
    const made = /^slipway-check-(\d+)-[0-9a-f]{12}$/.exec(name)?.[1];
    if (made !== undefined && now / 1000 - Number(made) > longAgo) await run(program, [...remove, name]);
  }
}
