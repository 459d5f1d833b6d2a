import { join } from 'node:path';
import type { Session } from '../engine/session.ts';
import { exists } from '../io/files.ts';
import type { StoredFile, TaskResult } from '../model/result.ts';
import { resultName } from './run-manifest.ts';

/** A task's result with its log, as an agent stores it. */
export interface StoredResult {
  schema: 1;
  result: TaskResult;
  log?: StoredFile;
}

/** Stores a task's result for gathering. */
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
