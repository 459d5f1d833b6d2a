import { join } from 'node:path';
import { checkReproducible } from '../engine/reproducible.ts';
import type { Session } from '../engine/session.ts';
import { writeWhole } from '../io/files.ts';
import { renderReproducible } from '../render/reproducible.ts';
import { exit, writeMessage, type Option } from './command.ts';

export const reproducibleOptions = {
  'check-reproducible': {
    type: 'boolean',
    help: 'build the named packages once more in other conditions and compare every byte',
  },
  sample: {
    type: 'string',
    value: 'N',
    help: 'with --check-reproducible: only N of them, others on each day',
  },
} as const satisfies Record<string, Option>;

/** Undefined where no check was asked for; text where the options are not right. */
export function checkOf(values: {
  'check-reproducible'?: boolean | undefined;
  sample?: string | undefined;
}): { sample: number | undefined } | string | undefined {
  const asked = values['check-reproducible'] === true;
  if (values.sample === undefined) return asked ? { sample: undefined } : undefined;
  if (!asked || !/^[1-9]\d{0,5}$/.test(values.sample))
    return '--sample takes a number from 1 on, and goes with --check-reproducible';
  return { sample: Number(values.sample) };
}

/** Builds once more what was asked for, and tells what differs. Exit code. */
export async function checkBuilds(
  session: Session,
  options: { output: string; workers: number; sample: number | undefined; signal: AbortSignal },
): Promise<number> {
  const { output, signal } = options;
  const builds = await checkReproducible(session, {
    ...options,
    stamp: session.input.plan.stamp,
    chosen: (graph, number) => 'named' in graph.scope.packages[number]!.why,
    started: (name) => writeMessage(`building ${name} once more\n`),
  });
  writeWhole(join(output, 'reproducible.json'), `${JSON.stringify(builds, undefined, 1)}\n`);
  writeMessage(renderReproducible(builds));
  return signal.aborted || builds.some((b) => b.state !== 'equal') ? exit.failed : exit.ok;
}
