import { join } from 'node:path';
import { readJson, writeWhole } from '../io/files.ts';
import type { BriefRecord } from '../model/result.ts';
import { ownIn } from '../model/maps.ts';
import type { TaskGraph } from './task-graph.ts';

/** A duration that a task can have: records may be of untrusted runs, and all runs of a machine plan with them. */
const isPlausible = (ms: unknown): boolean => typeof ms === 'number' && ms > 0 && ms < 30 * 86_400_000;

/** Durations of tasks in earlier runs on this machine, in milliseconds. */
export class History {
  private readonly file: string;
  private readonly known: Record<string, number>;
  constructor(state: string) {
    this.file = join(state, 'durations.json');
    // The file may be damaged.
    const durations = Object.entries(readJson<object>(this.file) ?? {});
    this.known = Object.fromEntries(durations.filter(([, ms]) => isPlausible(ms)));
  }
  get = (name: string): number | undefined => ownIn(this.known, name);
  /** Adds durations measured on other machines for tasks that this machine has not run. */
  hint(records: Iterable<BriefRecord>): void {
    for (const r of records)
      if (isPlausible(r.milliseconds) && this.get(r.package) === undefined) this.known[r.package] = r.milliseconds;
  }
  learn(runs: readonly TaskGraph[]): void {
    for (const graph of runs) {
      for (const record of graph.records)
        if (record && isPlausible(record.milliseconds)) this.known[record.package] = record.milliseconds;
      for (const record of graph.docs)
        if (record && isPlausible(record.milliseconds)) this.known[`${record.package} docs`] = record.milliseconds;
      for (const record of graph.tests)
        if (record && isPlausible(record.milliseconds)) this.known[`${record.package} test`] = record.milliseconds;
    }
    writeWhole(this.file, JSON.stringify(Object.fromEntries(Object.entries(this.known).sort())));
  }
}
