import { Numbers } from '../graph/numbers.ts';
import { at, first } from '../model/lists.ts';
import { PackageFileError } from '../io/deb.ts';
import { LeftBehindError } from '../io/untrusted.ts';
import { redacted } from '../model/urls.ts';
import { StoppedWait } from '../io/mutex.ts';
import { environmentFault, reportInternal } from '../io/faults.ts';
import type { TaskResult } from '../model/result.ts';
import { isDone } from '../model/result.ts';
import { packageReadiness, readiness, type Readiness } from './readiness.ts';
import { resultOf, tasksBefore, type TaskGraph } from './task-graph.ts';
import type { ResolvedTask } from './task-keys.ts';
import { setBuildRecord, takeRecord, type Ending, type TaskRecord } from './task-records.ts';
import { TaskRunner, type TaskRunnerOptions } from './task-runner.ts';

export interface Progress {
  /** A task began. */
  started(task: TaskResult): void;
  /** A task ended; called for cached tasks, too. */
  finished(task: TaskResult): void;
  note(text: string): void;
}

/** A progress that only prints notes. */
export const notesOnly = (say: (line: string) => void): Progress => ({
  started: () => undefined,
  finished: () => undefined,
  note: say,
});

export interface SchedulerOptions extends TaskRunnerOptions {
  /** Number of parallel tasks. */
  workers: number;
  /** Stop at the first failure. */
  failFast: boolean;
  /** A failing test stops the dependents of its package. */
  testsStop: boolean;
  progress: Progress;
  signal: AbortSignal;
  now: () => number;
}

interface Ready {
  graph: TaskGraph;
  task: number;
  resolved: ResolvedTask;
}

/** Readiness when each task is requested explicitly. */
const noDependents: Readiness = { pending: Numbers.filled(0, 0), dependents: () => new Int32Array() };

/** Number of tasks before anything runs: cached, to do, and open, whose key depends on the results of earlier tasks. */
export interface Outlook {
  cached: number;
  todo: number;
  open: number;
}

/**
 * Decides when each task is resolved and run. A task is resolved as soon as all packages in its root are known, since
 * its key, and so its cached result, follow from them. `start` resolves what can be resolved before anything runs.
 * `run` runs all tasks on this machine. `runScheduled` runs one task for an external scheduler. A failure stops
 * dependents and nothing else.
 */
export class Scheduler {
  private readonly ready: Ready[] = [];
  private readonly waits = new Map<TaskGraph, Readiness>();
  private readonly runner: TaskRunner;
  private resolving = 0;
  private working = 0;
  private stopped = false;
  private wake: () => void = () => undefined;

  /** `alone`: an external scheduler requests each task. */
  constructor(
    private readonly options: SchedulerOptions,
    readonly graphs: TaskGraph[],
    alone = false,
  ) {
    this.runner = new TaskRunner(options, {
      note: (text) => options.progress.note(text),
      restored: (graph, n, record) => {
        setBuildRecord(graph, n, record);
        Object.assign(resultOf(graph, n), { state: 'built', reason: 'the store had lost it' });
      },
    });
    for (const graph of graphs) {
      this.waits.set(graph, alone ? noDependents : whatTasksWaitFor(graph, options.testsStop));
    }
  }

  /** Resolves all tasks that can be resolved without running any. */
  async start(): Promise<Outlook> {
    for (const graph of this.graphs) {
      graph.scope.packages.forEach((p, n) => {
        const why = p.blocked ?? graph.lacking.get(p.name);
        if (why !== undefined) this.finish(graph, n, 'blocked', why);
      });
      graph.results.forEach((t, task) => {
        if (t?.state === 'waiting' && this.readinessOf(graph).pending.get(task) === 0) this.resolve(graph, task);
      });
    }
    await new Promise<void>((resolve) => {
      this.wake = () => {
        if (!this.resolving) resolve();
      };
      this.wake();
    });
    const tasks = this.graphs.flatMap((graph) => graph.results.filter((t) => t !== undefined));
    const kept = tasks.filter((t) => isDone(t.state)).length;
    return {
      cached: kept,
      todo: this.ready.length,
      open: tasks.filter((t) => t.state === 'waiting').length - this.ready.length,
    };
  }

  /** Runs all remaining tasks, those with the longest remaining path first. */
  async run(): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.wake = () => {
        while (!this.stopped && this.working < this.options.workers && this.ready.length) this.startNext();
        if (!this.working && !this.resolving && (!this.ready.length || this.stopped)) resolve();
      };
    });
    this.options.signal.addEventListener('abort', () => {
      this.stopped = true;
      this.wake();
    });
    if (this.options.signal.aborted) this.stopped = true;
    this.wake();
    await finished;
    for (const graph of this.graphs)
      for (const t of graph.results)
        if (t?.state === 'waiting') Object.assign(t, { state: 'stopped', reason: 'the run was stopped before it' });
  }

  private readinessOf(graph: TaskGraph): Readiness {
    const known = this.waits.get(graph);
    if (!known) throw new Error(`${graph.id} is no graph of this scheduler`);
    return known;
  }

  private startNext(): void {
    let best = 0;
    let most = -Infinity;
    this.ready.forEach((t, i) => {
      const priority = at(t.graph.priority, t.task);
      if (priority > most) [best, most] = [i, priority];
    });
    const { graph, task, resolved } = first(this.ready.splice(best, 1));
    this.working++;
    void this.runTask(graph, task, resolved)
      .catch((e: unknown) => {
        if (e instanceof StoppedWait) return this.finish(graph, task, 'stopped', 'the run was stopped');
        const left = e instanceof LeftBehindError || e instanceof PackageFileError;
        const why = left ? `it left what can't be taken: ${e.message}` : (environmentFault(e) ?? reportInternal(e));
        this.finish(graph, task, 'failed', why);
      })
      .then(() => this.foldersRemoved())
      .finally(() => {
        this.working--;
        this.wake();
      });
  }

  private resolve(graph: TaskGraph, task: number): void {
    this.resolving++;
    this.resolveNow(graph, task)
      .catch((e: unknown) => this.finish(graph, task, 'failed', environmentFault(e) ?? reportInternal(e)))
      .finally(() => {
        this.resolving--;
        this.wake();
      });
  }

  /** Resolves a task whose root is known: computes its key and looks it up in the store. */
  private async resolveNow(graph: TaskGraph, task: number): Promise<void> {
    const resolved = await this.options.taskKeys.resolveKey(graph, task);
    if (typeof resolved === 'string') return this.finish(graph, task, 'failed', resolved);
    const t = resultOf(graph, task);
    t.key = resolved.key;
    const found = await this.runner.find(graph, task, resolved.key);
    if (found.kind === 'failed') return this.finish(graph, task, 'failed', found.reason);
    if (found.kind !== 'todo') return this.finishWith(graph, task, found, true);
    t.reason = found.reason;
    this.ready.push({ graph, task, resolved });
  }

  /**
   * For external schedulers: resolves a task whose root is known, and takes its result from the store if it is cached.
   */
  async resolveTask(graph: TaskGraph, task: number): Promise<boolean> {
    if (graph.results[task]?.state === 'waiting') {
      await this.resolveNow(graph, task);
      this.ready.length = 0;
      return graph.results[task].state !== 'waiting';
    }
    return isDone(graph.results[task]?.state ?? 'waiting');
  }

  /** For external schedulers: runs a task whose root is known. */
  async runScheduled(graph: TaskGraph, task: number): Promise<void> {
    if (await this.resolveTask(graph, task)) return;
    if (graph.results[task]?.state !== 'waiting') return;
    const resolved = await this.options.taskKeys.resolveKey(graph, task);
    if (typeof resolved === 'string') this.finish(graph, task, 'failed', resolved);
    else await this.runTask(graph, task, resolved);
  }

  /** Waits until the work folders of ended tasks are removed. */
  foldersRemoved(): Promise<void> {
    return this.runner.foldersRemoved();
  }

  private finishWith(graph: TaskGraph, task: number, record: TaskRecord, cached: boolean): void {
    const { state, reason } = takeRecord(graph, task, record, cached);
    this.finish(graph, task, state, reason);
  }

  /** Records a task's outcome, then releases or stops its dependents. A failed documentation task stops no others. */
  private finish(graph: TaskGraph, task: number, state: TaskResult['state'], reason: string): void {
    const ended: (Ending & { task: number })[] = [{ task, state, reason }];
    for (const end of ended) {
      const t = graph.results[end.task];
      if (t?.state !== 'waiting') continue;
      Object.assign(t, { state: end.state, reason: redacted(end.reason), finished: this.options.now() });
      this.options.progress.finished(t);
      const failed = end.state === 'failed';
      if (failed && this.options.failFast) this.stopped = true;
      if (isDone(end.state) || (failed && t.kind === 'docs')) this.resolveDependents(graph, end.task);
      else {
        const why = stopReason(t, end.state);
        for (const d of this.dependentTasks(graph, end.task)) ended.push({ task: d, state: 'stopped', reason: why });
      }
    }
  }

  /** Resolves tasks that waited only for this one. */
  private resolveDependents(graph: TaskGraph, task: number): void {
    const { pending: left, dependents } = this.readinessOf(graph);
    const done = [task];
    for (const n of done) {
      for (const d of dependents(n)) {
        if (left.add(d, -1) > 0) continue;
        if (d >= graph.results.length) done.push(d);
        else if (graph.results[d]?.state === 'waiting') this.resolve(graph, d);
      }
    }
  }

  /** The tasks that wait for a task, directly or through a set that it is part of. */
  private dependentTasks(graph: TaskGraph, task: number): number[] {
    const { dependents } = this.readinessOf(graph);
    const found = new Set([task]);
    for (const n of found) if (n === task || n >= graph.results.length) for (const d of dependents(n)) found.add(d);
    found.delete(task);
    return [...found].filter((n) => n < graph.results.length);
  }

  private async runTask(graph: TaskGraph, task: number, resolved: ResolvedTask): Promise<void> {
    const { options } = this;
    const t = resultOf(graph, task);
    const outcome = await this.runner.run(graph, task, resolved, (log) => {
      t.started = options.now();
      t.log = log;
      options.progress.started(t);
    });
    if (outcome.kind !== 'failed') return this.finishWith(graph, task, outcome, outcome.another);
    const stopped = options.signal.aborted;
    this.finish(graph, task, stopped ? 'stopped' : 'failed', stopped ? 'the run was stopped' : outcome.reason);
  }
}

/** What each task of a graph waits for. `testsStop`: also for the tests of its dependencies. */
function whatTasksWaitFor(graph: TaskGraph, testsStop: boolean): Readiness {
  if (testsStop) return readiness(tasksBefore(graph, true));
  return packageReadiness(graph.closures, (task) => graph.results[task] !== undefined);
}

/** Why a task was stopped by a dependency. */
function stopReason(t: TaskResult, state: Ending['state']): string {
  if (t.kind === 'test') return `the tests of '${t.name}' failed`;
  if (state === 'failed') return `'${t.name}' failed`;
  return `'${t.name}' ${state === 'blocked' ? 'is blocked' : 'was stopped'}`;
}
