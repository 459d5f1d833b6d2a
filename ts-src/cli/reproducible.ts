import { join } from 'node:path';
import { checkReproducible, type CheckOptions } from '../engine/reproducible.ts';
import { packageOf } from '../engine/task-graph.ts';
import type { Session } from '../engine/session.ts';
import { writeWhole } from '../io/files.ts';
import { renderReproducible } from '../render/reproducible.ts';
import { exit, writeMessage, type Option, writeNote } from './command.ts';

export const reproducibleOptions = {
  'check-reproducible': {
    type: 'boolean',
    help: 'build the named packages a second time under different conditions and compare every byte',
  },
  sample: {
    type: 'string',
    value: 'N',
    help: 'with --check-reproducible: only N packages, other packages each day',
  },
} as const satisfies Record<string, Option>;

/** Settings of the check; undefined if none was requested; an error message if the options are invalid. */
export function checkOf(values: {
  'check-reproducible'?: boolean | undefined;
  sample?: string | undefined;
}): { sample: number | undefined } | string | undefined {
  const asked = values['check-reproducible'] === true;
  if (values.sample === undefined) return asked ? { sample: undefined } : undefined;
  const sample = sampleOf(values.sample);
  if (!asked || sample === 'wrong') return '--sample takes a number from 1 on, and goes with --check-reproducible';
  return { sample };
}

export function sampleOf(value: string | undefined): number | undefined | 'wrong' {
  if (value === undefined) return undefined;
  return /^[1-9]\d{0,5}$/.test(value) ? Number(value) : 'wrong';
}

/** Builds the requested or sampled packages again and reports differences. Returns the exit code. */
export async function checkBuilds(
  session: Session,
  options: Pick<CheckOptions, 'output' | 'workers' | 'sample' | 'signal'> & Partial<Pick<CheckOptions, 'chosen'>>,
): Promise<number> {
  const { output, signal } = options;
  const builds = await checkReproducible(session, {
    chosen: (graph, number) => 'named' in packageOf(graph, number).why,
    ...options,
    stamp: session.input.plan.stamp,
    started: (name) => writeNote(`building ${name} once more\n`),
  });
  writeWhole(join(output, 'reproducible.json'), `${JSON.stringify(builds, undefined, 1)}\n`);
  writeMessage(renderReproducible(builds));
  return signal.aborted || builds.some((b) => b.state !== 'equal') ? exit.failed : exit.ok;
}
