import { entry } from '../model/maps.ts';
import { scopeId } from '../model/names.ts';
import type { Plan } from '../model/plan.ts';
import { isDone, type TaskResult } from '../model/result.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { readDocRecord } from '../engine/docs/stored-record.ts';
import { docsTaskOf, kindOf, packageOf, packagesInRoot, resultOf, type TaskGraph } from '../engine/task-graph.ts';
import type { Session } from '../engine/session.ts';
import { isStoredResult } from '../model/stored.ts';
import { applyShard, resultName, type Loaded } from './run-manifest.ts';

/** A lane's view of a run's tasks: their numbers, and their state on this machine. */
export class Worker {
  readonly byNumber = new Map<number, { run: TaskGraph; task: number }>();
  private readonly numberOf = new Map<TaskGraph, Map<number, number>>();
  private readonly absent = new Set<string>();

  constructor(
    private readonly session: Session,
    private readonly engine: Scheduler,
    private readonly loaded: Loaded,
  ) {
    const { parts } = loaded;
    for (const graph of session.graphs) {
      const numbers = new Map<number, number>();
      this.numberOf.set(graph, numbers);
      for (const part of parts) {
        if (part.architecture !== graph.target.architecture) continue;
        applyShard(graph, part);
        part.tasks.forEach(([run, task], i) => {
          // A shard of the store may name tasks that the plan lacks.
          if (run !== graph.id || !graph.results[task]) return;
          numbers.set(task, part.first + i);
          this.byNumber.set(part.first + i, { run: graph, task });
        });
      }
    }
  }

  /** The task with this number. */
  taskAt(number: number): { run: TaskGraph; task: number; result: TaskResult } {
    const { run, task } = entry(this.byNumber, number);
    return { run, task, result: resultOf(run, task) };
  }

  /**
   * Loads records of the packages in a task's root from the store. Returns the names of missing ones. Loaded records
   * are kept.
   */
  async bringRoot(graph: TaskGraph, task: number): Promise<string[]> {
    const missing: string[] = [];
    for (const d of packagesInRoot(graph, task))
      if (!(await this.bring(graph, d))) missing.push(packageOf(graph, d).name);
    return missing;
  }

  /**
   * Loads the results of the documentation that a documentation task refers to, because its key needs them. False if
   * one has no result yet.
   */
  async bringDocumentation(graph: TaskGraph, task: number): Promise<boolean> {
    let all = true;
    for (const d of this.referredBy(graph, task)) if (!(await this.bringDocs(graph, d))) all = false;
    return all;
  }

  /** The packages whose documentation must end before this task. */
  private referredBy(graph: TaskGraph, task: number): number[] {
    if (kindOf(graph, task) !== 'docs') return [];
    const needs = this.session.taskKeys.documentationNeeds(graph)[task % graph.count] ?? [];
    return needs.filter((d) => graph.results[docsTaskOf(graph, d)]);
  }

  private async bringDocs(graph: TaskGraph, n: number): Promise<boolean> {
    if (graph.docs[n]) return true;
    const task = docsTaskOf(graph, n);
    const id = `${graph.id} ${task}`;
    if (this.absent.has(id)) return false;
    const { store } = this.session;
    const number = this.numberOf.get(graph)?.get(task);
    let result = graph.results[task];
    if (result?.state === 'waiting' && number !== undefined) {
      const kept = await store.readJson(resultName(this.loaded.bundle.id, number));
      if (isStoredResult(kept) && kept.result.id === result.id) result = kept.result;
    }
    const record = result?.key === undefined ? undefined : await readDocRecord(store, result.key);
    if (record) graph.docs[n] = record;
    const ended = result !== undefined && result.state !== 'waiting';
    if (!ended) this.absent.add(id);
    return ended;
  }

  /** Loads the record of a build if it exists by now. A missing record is looked up once per call. */
  private async bring(graph: TaskGraph, n: number): Promise<boolean> {
    if (graph.records[n]) return true;
    const id = `${graph.id} ${n}`;
    if (this.absent.has(id)) return false;
    for (const d of graph.closures.root(n)) {
      if (await this.bring(graph, d)) continue;
      this.absent.add(id);
      return false;
    }
    if (await this.engine.resolveTask(graph, n)) return true;
    this.absent.add(id);
    return false;
  }

  private waitsFor(graph: TaskGraph, task: number, before: number): boolean {
    if (kindOf(graph, before) === 'docs') return this.referredBy(graph, task).includes(before % graph.count);
    return packagesInRoot(graph, task).includes(before);
  }

  /**
   * Resolves cached tasks that waited for these, and their cached dependents in turn. Tasks that must run stay open.
   */
  async resolveDependents(
    done: readonly { run: TaskGraph; task: number }[],
  ): Promise<{ number: number; result: TaskResult }[]> {
    const found: { number: number; result: TaskResult }[] = [];
    const queue = done.filter((d) => kindOf(d.run, d.task) !== 'test');
    const asked = new Set<string>();
    for (let at = queue.shift(); at; at = queue.shift()) {
      const { run, task } = at;
      for (const [other, number] of entry(this.numberOf, run)) {
        const result = run.results[other];
        const id = `${run.id} ${other}`;
        if (result?.state !== 'waiting' || asked.has(id) || !this.waitsFor(run, other, task)) continue;
        if ((await this.bringRoot(run, other)).length || !(await this.bringDocumentation(run, other))) continue;
        asked.add(id);
        if (!(await this.engine.resolveTask(run, other))) continue;
        found.push({ number, result });
        const kind = kindOf(run, other);
        if (kind === 'docs' || (kind === 'build' && isDone(result.state))) queue.push({ run, task: other });
      }
    }
    return found;
  }
}

/**
 * Reduces the plan to the scopes and targets of the given tasks, so that a call for one task reads little of a large
 * run.
 */
export function planOfTasks({ input, parts }: Loaded, numbers: readonly number[]): Plan {
  const runs = new Set(parts.flatMap((part) => numbers.flatMap((n) => part.tasks[n - part.first]?.[0] ?? [])));
  const scopes = input.plan.scopes.map((s) => ({
    ...s,
    targets: s.targets.filter((t) => runs.has(scopeId(s.distribution, t))),
  }));
  return { ...input.plan, scopes: scopes.filter((s) => s.targets.length) };
}
