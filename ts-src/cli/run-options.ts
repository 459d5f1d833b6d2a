import { availableParallelism, freemem } from 'node:os';
import { ownEntry } from '../model/maps.ts';
import type { Limits } from '../engine/session.ts';
import { sizeOf } from '../model/sizes.ts';
import { dockerDriver } from '../sandbox/docker.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { WrittenLimits } from '../sandbox/limits.ts';
import { unshareDriver } from '../sandbox/unshare.ts';
import { writeMessage, type Option, type ValuesOf } from './command.ts';
import { driverOption } from './option-checks.ts';

export const runOptions = {
  jobs: {
    type: 'string',
    short: 'j',
    value: 'N',
    help:
      'parallel compilers for each package (default: number of cores, ' +
      'fewer if there is less than 1.5 GiB of memory for each)',
  },
  timeout: {
    type: 'string',
    value: 'TIME',
    help:
      'time limit for the build of a package, and for its tests: 90s, ' +
      '30m, 3h; a number alone is minutes (default: 3h)',
  },
  limits: {
    type: 'string',
    value: 'KEY=VALUE,...',
    help:
      'limits of each task, such as ' +
      'memory=8G,disk=50G,processes=4000,temporary=2G,log=200M; ' +
      '`package_settings` of distro.yaml take precedence',
  },
  driver: driverOption,
} as const satisfies Record<string, Option>;

type RunValues = ValuesOf<typeof runOptions> & { readonly workers?: string | undefined };

function count(v: string | undefined, fallback: number): number | undefined {
  if (v === undefined) return fallback;
  return /^[1-9]\d{0,3}$/.test(v) ? Number(v) : undefined;
}

const units: Record<string, number> = { s: 1 / 60, m: 1, h: 60 };

/** Parses a time limit in minutes; undefined if it is invalid. */
function timeOf(v: string): number | undefined {
  const m = /^([1-9]\d{0,5})([smh]?)$/.exec(v);
  const minutes = m ? Number(m[1]) * ownEntry(units, m[2] || 'm') : 0;
  // Timers overflow after 24 days.
  return minutes > 0 && minutes <= 24 * 24 * 60 ? minutes : undefined;
}

const limitKeys = ['memory', 'processes', 'temporary', 'disk', 'log'] as const;

/** Parses task limits; undefined if they are malformed. */
export function writtenLimits(text: string | undefined): WrittenLimits | undefined {
  const found: WrittenLimits = {};
  for (const part of text === undefined ? [] : text.split(',')) {
    const [key, value = '', ...more] = part.split('=');
    const name = limitKeys.find((k) => k === key);
    const processes = /^[1-9]\d{1,6}$/.test(value) ? Number(value) : undefined;
    const amount = name === 'processes' ? processes : sizeOf(value);
    if (!name || !amount || more.length || found[name] !== undefined) return undefined;
    found[name] = amount;
  }
  return found;
}

/** Limits from the options. Returns undefined after an error message if a number is invalid. */
export function limitsOf(verb: string, values: RunValues): Limits | undefined {
  const cores = availableParallelism();
  const workers = count(values.workers, Math.min(cores, 8));
  const jobs = count(
    values.jobs,
    Math.max(1, Math.min(cores, Math.floor(freemem() / (1.5 * 2 ** 30 * (workers ?? 1))) || 1)),
  );
  const minutes = timeOf(values.timeout ?? '180');
  const task = writtenLimits(values.limits);
  if (!task) {
    const forms = `${limitKeys.join(', ')} with sizes, such as memory=8G,disk=50G`;
    writeMessage(`slipway ${verb}: --limits '${values.limits}' is wrong: it takes ${forms}\n`);
    return undefined;
  }
  if (workers && jobs && minutes) return { workers, jobs, minutes, task };
  let wrong = `--timeout '${values.timeout}' is not a time such as 90s, 30m or 3h`;
  if (!workers) wrong = `--workers '${values.workers}' is not a whole number of at least 1`;
  else if (!jobs) wrong = `--jobs '${values.jobs}' is not a whole number of at least 1`;
  writeMessage(`slipway ${verb}: ${wrong}\n`);
  return undefined;
}

export const driverOf = (values: Pick<RunValues, 'driver'>): Driver =>
  values.driver === 'docker' ? dockerDriver() : unshareDriver();
