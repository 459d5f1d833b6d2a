import { isDone, type TaskResult } from '../model/result.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { packagesInRoot, type TaskGraph } from '../engine/task-graph.ts';
import type { Session } from '../engine/session.ts';
import { applyShard, type Loaded } from './run-manifest.ts';

/** The tasks of a run as a lane sees them: their numbers, and what is known of each on this machine. */
export class Worker {
  readonly byNumber = new Map<number, { run: TaskGraph; task: number }>();
  private readonly numberOf = new Map<TaskGraph, Map<number, number>>();
  private readonly absent = new Set<string>();

  constructor(
    session: Session,
    private readonly engine: Scheduler,
    { parts }: Loaded,
  ) {
    for (const graph of session.graphs) {
      const numbers = new Map<number, number>();
      this.numberOf.set(graph, numbers);
      for (const part of parts) {
        if (part.architecture !== graph.target.architecture) continue;
        applyShard(graph, part);
        part.tasks.forEach(([run, task], i) => {
          if (run !== graph.id) return;
          numbers.set(task, part.first + i);
          this.byNumber.set(part.first + i, { run: graph, task });
        });
      }
    }
  }

  /**
   * Finds in the store what others built of a task's root; the names of what is not there. Found once, a record stays.
   */
  async bringRoot(graph: TaskGraph, task: number): Promise<string[]> {
    const missing: string[] = [];
    for (const d of packagesInRoot(graph, task))
      if (!(await this.bring(graph, d))) missing.push(graph.scope.packages[d]!.name);
    return missing;
  }

  /** The record of a build that may be there by now; not asked again in this call where it was not. */
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

  /**
   * Settles what waited for these tasks, as far as all else that it waits for is there: the tasks that the store has
   * already, and so on above them. Who must be built stays open.
   */
  async settleAbove(
    done: readonly { run: TaskGraph; task: number }[],
  ): Promise<{ number: number; result: TaskResult }[]> {
    const found: { number: number; result: TaskResult }[] = [];
    const queue = done.filter((d) => d.task < d.run.count);
    const asked = new Set<string>();
    for (let at = queue.shift(); at; at = queue.shift()) {
      const { run, task } = at;
      for (const [other, number] of this.numberOf.get(run)!) {
        const result = run.results[other];
        const id = `${run.id} ${other}`;
        if (result?.state !== 'waiting' || asked.has(id) || !packagesInRoot(run, other).includes(task)) continue;
        if ((await this.bringRoot(run, other)).length) continue;
        asked.add(id);
        if (!(await this.engine.resolveTask(run, other))) continue;
        found.push({ number, result });
        if (other < run.count && isDone(result.state)) queue.push({ run, task: other });
      }
    }
    return found;
  }
}
