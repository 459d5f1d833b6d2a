import * as z from 'zod';
import { join } from 'node:path';
import { readIf, writeWhole } from '../io/files.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { checkAnswers, type Answers } from './answers.ts';

/** Records what `init` or the last `update` wrote: the base of the next three-way merge. */
export const recordName = '.slipway-deploy.json';

const schema = z.strictObject({ slipway: z.string(), answers: z.unknown(), files: z.record(z.string(), z.string()) });

export interface DeployRecord {
  slipway: string;
  answers: Answers;
  files: Record<string, string>;
}

export function writeRecord(folder: string, record: DeployRecord): void {
  writeWhole(join(folder, recordName), `${JSON.stringify(record, null, 1)}\n`);
}

export function readRecord(folder: string): Result<DeployRecord> {
  const text = readIf(join(folder, recordName));
  if (text === undefined)
    return bad(
      error('deploy-folder', `${folder} was not made by \`slipway deploy init\`: ${recordName} is missing`, {
        hint: 'pass the right folder, or make one with `slipway deploy init FOLDER`',
      }),
    );
  const damaged = (why: string) =>
    bad(error('deploy-folder', `${recordName} is damaged: ${why}`, { hint: 'take it from git again' }));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damaged('it is no JSON');
  }
  const checked = schema.safeParse(value);
  if (!checked.success) return damaged(checked.error.issues[0]?.message ?? 'it has another form');
  if (Object.keys(checked.data.files).some((path) => !isPlainPath(path))) return damaged('it names files elsewhere');
  const answers = checkAnswers(checked.data.answers, recordName);
  return answers.ok ? good({ ...checked.data, answers: answers.value }) : answers;
}

/** Whether a path is relative and stays below the folder. */
export const isPlainPath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\0-\x1f\\]/.test(part));
