import { randomBytes } from 'node:crypto';
import { firstLine } from '../text/cut.ts';
import { scopeId } from '../model/names.ts';
import type { RunRecord } from '../model/stored.ts';
import type { Session } from './session.ts';

/** Whether a name in the store is a run's record. Farms store other files of a run below `runs/ID/`. */
export const isRunName = (name: string): boolean => /^runs\/\d{14}-[^/]*\.json$/.test(name);

export const runName = (stamp: string, id: string): string => `runs/${stamp}-${id}.json`;

/** Writes a run's record, and the index of each complete scope, if they changed. */
export async function recordRun({ store, graphs: runs, input, hints }: Session): Promise<void> {
  const tasks: RunRecord['tasks'] = {};
  const objects = new Set<string>();
  for (const graph of runs) {
    for (const t of graph.results)
      if (t?.key !== undefined) tasks[t.id] = { key: t.key, state: t.state, reason: firstLine(t.reason) };
    for (const record of graph.records)
      for (const f of record ? [...record.debs, record.files] : []) objects.add(f.sha256);
  }
  const changed = runs.some((graph) => graph.results.some((t) => t && t.state !== 'cached'));
  // Removes partial files of killed runs. Skipped in runs without changes, to save time.
  if (changed) store.sweep();
  const fresh = runs.filter(
    (graph) =>
      graph.records.some((record) => record && !hints.builds.has(record.key)) ||
      graph.tests.some((t) => t && hints.tests.get(t.key)?.outcome !== t.outcome),
  );
  for (const graph of fresh) {
    const known = await store.readIndex(scopeId(graph.scope.distribution, graph.target));
    await store.writeIndex(
      scopeId(graph.scope.distribution, graph.target),
      merged(graph.records, known.builds),
      merged(graph.tests, known.tests),
    );
  }
  if (changed || fresh.length)
    // Random, because runs on several machines can begin in the same second, and containers reuse process ids.
    await store.writeJson(runName(input.plan.stamp, randomBytes(6).toString('hex')), {
      schema: 1,
      stamp: input.plan.stamp,
      finished: Date.now(),
      tasks,
      objects: [...objects].sort(),
    } satisfies RunRecord);
}

/** Keeps the entries of packages that were not part of this run. */
function merged<T extends { package: string }>(now: readonly (T | undefined)[], known: ReadonlyMap<string, T>): T[] {
  const there = now.flatMap((record) => record ?? []);
  const names = new Set(there.map((record) => record.package));
  return [...there, ...[...known.values()].filter((record) => !names.has(record.package))];
}
