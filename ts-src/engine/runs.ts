import { scopeId } from '../model/names.ts';
import type { Session } from './session.ts';

/** What a run reached, by task: what garbage collection keeps, and what `explain` compares a key with. */
export interface RunRecord {
  schema: 1;
  stamp: string;
  finished: number;
  tasks: Record<string, { key: string; state: string; reason: string }>;
  objects: string[];
}

export const runName = (stamp: string, id: string): string => `runs/${stamp}-${id}.json`;

/** Writes what this run reached, and the index of each whole scope, where they are not as they were. */
export async function recordRun({ store, runs, input, hints }: Session): Promise<void> {
  const tasks: RunRecord['tasks'] = {};
  const objects = new Set<string>();
  for (const r of runs) {
    for (const t of r.results)
      if (t?.key !== undefined) tasks[t.id] = { key: t.key, state: t.state, reason: t.reason.split('\n')[0]! };
    for (const record of r.records) for (const f of record ? [...record.debs, record.files] : []) objects.add(f.sha256);
  }
  const changed = runs.some((r) => r.results.some((t) => t && t.state !== 'kept'));
  // What killed runs left half written; where nothing changes, nothing is worth the look.
  if (changed) store.sweep();
  const fresh = runs.filter(
    (r) =>
      r.records.some((record) => record && !hints.builds.has(record.key)) ||
      r.tests.some((t) => t && hints.tests.get(t.key)?.outcome !== t.outcome),
  );
  for (const r of fresh) {
    const known = await store.readIndex(scopeId(r.scope.distribution, r.target));
    await store.writeIndex(
      scopeId(r.scope.distribution, r.target),
      merged(r.records, known.builds),
      merged(r.tests, known.tests),
    );
  }
  if (changed || fresh.length)
    await store.writeJson(runName(input.plan.stamp, String(process.pid)), {
      schema: 1,
      stamp: input.plan.stamp,
      finished: Date.now(),
      tasks,
      objects: [...objects].sort(),
    } satisfies RunRecord);
}

/** A run of some packages leaves the others' entries. */
function merged<T extends { package: string }>(now: readonly (T | undefined)[], known: ReadonlyMap<string, T>): T[] {
  const there = now.flatMap((record) => record ?? []);
  const names = new Set(there.map((record) => record.package));
  return [...there, ...[...known.values()].filter((record) => !names.has(record.package))];
}
