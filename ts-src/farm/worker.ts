import { isDone, type TaskResult } from '../model/result.ts';
import type { Engine } from '../engine/scheduler.ts';
import { needsOfTask, type ScopeRun } from '../engine/task-graph.ts';
import type { Session } from '../engine/session.ts';
import { takePart, type Loaded } from './run-manifest.ts';

/** The tasks of a run as a lane sees them: their numbers, and what is known of each on this machine. */
export class Lane {
  readonly byNumber = new Map<number, { run: ScopeRun; task: number }>();
  private readonly numberOf = new Map<ScopeRun, Map<number, number>>();
  private readonly absent = new Set<string>();

  constructor(
    session: Session,
    private readonly engine: Engine,
    { parts }: Loaded,
  ) {
    for (const r of session.runs) {
      const numbers = new Map<number, number>();
      this.numberOf.set(r, numbers);
      for (const part of parts) {
        if (part.architecture !== r.target.architecture) continue;
        takePart(r, part);
        part.tasks.forEach(([run, task], i) => {
          if (run !== r.id) return;
          numbers.set(task, part.first + i);
          this.byNumber.set(part.first + i, { run: r, task });
        });
      }
    }
  }

  /**
   * Finds in the store what others built of a task's root; the names of what is not there. Found once, a record stays.
   */
  async bringRoot(r: ScopeRun, task: number): Promise<string[]> {
    const missing: string[] = [];
    for (const d of needsOfTask(r, task)) if (!(await this.bring(r, d))) missing.push(r.scope.packages[d]!.name);
    return missing;
  }

  /** The record of a build that may be there by now; not asked again in this call where it was not. */
  private async bring(r: ScopeRun, n: number): Promise<boolean> {
    if (r.records[n]) return true;
    const id = `${r.id} ${n}`;
    if (this.absent.has(id)) return false;
    for (const d of r.closures.root(n)) {
      if (await this.bring(r, d)) continue;
      this.absent.add(id);
      return false;
    }
    if (await this.engine.recall(r, n)) return true;
    this.absent.add(id);
    return false;
  }

  /**
   * Settles what waited for these tasks, as far as all else that it waits for is there: the tasks that the store has
   * already, and so on above them. Who must be built stays open.
   */
  async settleAbove(
    done: readonly { run: ScopeRun; task: number }[],
  ): Promise<{ number: number; result: TaskResult }[]> {
    const found: { number: number; result: TaskResult }[] = [];
    const queue = done.filter((d) => d.task < d.run.count);
    const asked = new Set<string>();
    for (let at = queue.shift(); at; at = queue.shift()) {
      const { run, task } = at;
      for (const [other, number] of this.numberOf.get(run)!) {
        const result = run.results[other];
        const id = `${run.id} ${other}`;
        if (result?.state !== 'waiting' || asked.has(id) || !needsOfTask(run, other).includes(task)) continue;
        if ((await this.bringRoot(run, other)).length) continue;
        asked.add(id);
        if (!(await this.engine.recall(run, other))) continue;
        found.push({ number, result });
        if (other < run.count && isDone(result.state)) queue.push({ run, task: other });
      }
    }
    return found;
  }
}
