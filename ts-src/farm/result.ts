import { join } from 'node:path';
import type { Session } from '../engine/session.ts';
import { exists } from '../io/files.ts';
import type { StoredFile, TaskResult } from '../model/result.ts';
import { resultName } from './run-manifest.ts';

/** A task's result as an agent leaves it in the store, with its log. */
export interface StoredResult {
  schema: 1;
  result: TaskResult;
  log?: StoredFile;
}

/** Leaves what a task came to for whoever gathers the run. */
export async function keepResult(
  session: Session,
  output: string,
  id: string,
  number: number,
  result: TaskResult,
): Promise<void> {
  const log = result.log === undefined ? undefined : join(output, result.log);
  const kept: StoredResult = {
    schema: 1,
    result,
    ...(log !== undefined && exists(log) ? { log: await session.store.put(log) } : {}),
  };
  await session.store.writeJson(resultName(id, number), kept);
}
