import { join } from 'node:path';
import { readDocRecord } from '../engine/docs/stored-record.ts';
import type { Session } from '../engine/session.ts';
import { kindOf, packageOf, type TaskGraph } from '../engine/task-graph.ts';
import { writeWhole } from '../io/files.ts';
import { isDone, type TaskResult } from '../model/result.ts';
import { isStoredResult } from '../model/stored.ts';
import { applyShard, resultName, type Loaded } from './run-manifest.ts';

/** Facts that only the dispatcher of tasks knows. */
export interface Happened {
  /** Why the run ended before all tasks were done. */
  ended: string | undefined;
  /** Tasks that were given up, by number, with the reason. */
  lost: ReadonlyMap<number, string>;
  /** Agents that were excluded, by name, with the reason. */
  avoided: ReadonlyMap<string, string>;
  /** Other failures. */
  faults: readonly string[];
}

export const nothingHappened: Happened = { ended: undefined, lost: new Map(), avoided: new Map(), faults: [] };

/** A task with its number in the schedule. */
interface NumberedTask {
  number: number;
  graph: TaskGraph;
  task: number;
}

/** The tasks of all shards of a run with their numbers. */
const numbersOf = (session: Session, loaded: Loaded): NumberedTask[] =>
  loaded.parts.flatMap((part) =>
    part.tasks.flatMap(([id, task], i) => {
      const graph = session.graphs.find((g) => g.id === id);
      return graph?.results[task] ? [{ number: part.first + i, graph, task }] : [];
    }),
  );

/** Loads agents' results and records of all tasks into the session. Brings logs of failed tasks to `output`. */
export async function gather(session: Session, loaded: Loaded, output: string, happened: Happened): Promise<void> {
  for (const graph of session.graphs)
    for (const part of loaded.parts) if (part.architecture === graph.target.architecture) applyShard(graph, part);
  const numbers = numbersOf(session, loaded);
  const there = new Set(await session.store.names(`runs/${loaded.bundle.id}/results`));
  const done = numbers.filter((t) => there.has(resultName(loaded.bundle.id, t.number)));
  await session.store.many(done, (task) => takeResult(session, loaded, output, task));
  await takeDocumentation(session);
  for (const { number, graph, task } of numbers) {
    const result = graph.results[task];
    const reason = happened.lost.get(number);
    if (reason !== undefined && result?.state === 'waiting')
      Object.assign(result, { state: 'failed', reason: `three agents or calls ended in it: ${reason}` });
  }
  for (const graph of session.graphs)
    for (const t of graph.results)
      if (t?.state === 'waiting')
        Object.assign(t, {
          state: 'stopped',
          reason: whyStopped(graph, t) ?? happened.ended ?? 'the run ended before it',
        });
}

async function takeResult(
  { store }: Session,
  { bundle }: Loaded,
  output: string,
  { number, graph, task }: NumberedTask,
): Promise<void> {
  const kept = await store.readJson(resultName(bundle.id, number));
  const kind = kindOf(graph, task);
  // A result of another kind would not count as a failure.
  if (!isStoredResult(kept) || kept.result.id !== graph.results[task]?.id || kept.result.kind !== kind) return;
  // Builds the log's path here, because stored results are untrusted.
  const log = join('logs', graph.id, `${packageOf(graph, task).name}${kind === 'build' ? '' : `.${kind}`}.log`);
  graph.results[task] = { ...kept.result, ...(kept.result.log === undefined ? {} : { log }) };
  const { key } = kept.result;
  if (key !== undefined && kind === 'build' && isDone(kept.result.state)) graph.records[task] = await store.get(key);
  if (key !== undefined && kind === 'test') graph.tests[task - graph.count] = await store.getTest(key);
  if (kept.log && kept.result.log !== undefined && kept.result.state === 'failed') {
    const text = await store.readText(kept.log);
    if (text !== undefined) writeWhole(join(output, log), text, { sync: false });
  }
}

/**
 * Loads records of documentation, which exist for failed tasks, too. Documentation from before the run has only a key
 * so far.
 */
async function takeDocumentation({ graphs, store }: Session): Promise<void> {
  const wanted = graphs.flatMap((graph) =>
    graph.results.flatMap((t, task) =>
      t?.kind === 'docs' && t.key !== undefined ? [{ graph, task, key: t.key }] : [],
    ),
  );
  await store.many(wanted, async ({ graph, task, key }) => {
    graph.docs[task % graph.count] = await readDocRecord(store, key);
  });
}

/** The missing dependency that stopped a task; undefined if none was missing. */
function whyStopped(graph: TaskGraph, t: TaskResult): string | undefined {
  const p = graph.scope.packages.find((q) => q.name === t.name);
  if (!p) return undefined;
  const needs = [...(t.kind === 'build' ? [] : [p.name]), ...p.build, ...p.run, ...(t.kind === 'test' ? p.test : [])];
  const because = needs.find((d) =>
    ['failed', 'stopped', 'blocked'].includes(graph.results[graph.closures.index.get(d) ?? -1]?.state ?? ''),
  );
  return because === undefined ? undefined : `'${because}' failed or was stopped`;
}
