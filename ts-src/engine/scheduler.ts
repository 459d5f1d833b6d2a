import { PackageFileError } from '../io/deb.ts';
import { LeftBehindError } from '../io/untrusted.ts';
import { redacted } from '../model/urls.ts';
import { environmentFault, reportInternal } from '../io/faults.ts';
import type { DocRecord } from '../model/docs.ts';
import type { BriefRecord, BriefTest, TaskResult } from '../model/result.ts';
import { isDone } from '../model/result.ts';
import { packageReadiness, readiness, type Readiness } from './readiness.ts';
import { tasksBefore, type TaskGraph } from './task-graph.ts';
import type { ResolvedTask } from './task-keys.ts';
import { TaskRunner, type TaskRunnerOptions } from './task-runner.ts';

export interface Progress {
  /** A task began. */
  started(task: TaskResult): void;
  /** A task came to its end (kept ones too). */
  finished(task: TaskResult): void;
  note(text: string): void;
}

/** Notes alone, to a line printer. */
export const notesOnly = (say: (line: string) => void): Progress => ({
  started: () => undefined,
  finished: () => undefined,
  note: say,
});

export interface SchedulerOptions extends TaskRunnerOptions {
  /** Tasks at once. */
  workers: number;
  /** Stop at the first failure. */
  failFast: boolean;
  /** A failing test stops what depends on its package. */
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

/** Where each task is asked for. */
const nobodyWaits: Readiness = { pending: new Uint32Array(), dependents: () => new Uint32Array() };

/**
 * How a task stands before anything runs: its key is in the store, it must be done, or that depends on what is built
 * before it.
 */
export interface Outlook {
  cached: number;
  todo: number;
  open: number;
}

/**
 * Decides when each task is looked up and done. A task is resolved as soon as all in its root is known: then its key is,
 * and so whether the store has it. `start` tells what is known before anything runs; `run` runs all to the end, on one
 * machine; `runScheduled` does one task, where another program schedules. A failure stops what depends on it and nothing
 * else.
 */
export class Scheduler {
  private readonly ready: Ready[] = [];
  private readonly waits = new Map<TaskGraph, Readiness>();
  private readonly runner: TaskRunner;
  private resolving = 0;
  private working = 0;
  private stopped = false;
  private wake: () => void = () => undefined;

  /** `alone`: nothing is scheduled here, each task is asked for. */
  constructor(
    private readonly options: SchedulerOptions,
    readonly graphs: TaskGraph[],
    alone = false,
  ) {
    this.runner = new TaskRunner(options, {
      note: (text) => options.progress.note(text),
      restored: (graph, n, record) => {
        this.setRecord(graph, n, record);
        Object.assign(graph.results[n]!, { state: 'built', reason: 'the store had lost it' });
      },
    });
    for (const graph of graphs) {
      const isTask = (task: number) => graph.results[task] !== undefined;
      this.waits.set(
        graph,
        alone
          ? nobodyWaits
          : options.testsStop
            ? readiness(tasksBefore(graph, true))
            : packageReadiness(graph.closures, isTask),
      );
    }
  }

  /** Settles all that can be settled without doing anything. */
  async start(): Promise<Outlook> {
    for (const graph of this.graphs) {
      graph.scope.packages.forEach((p, n) => {
        const why = p.blocked ?? graph.lacking.get(p.name);
        if (why !== undefined) this.finish(graph, n, 'blocked', why);
      });
      graph.results.forEach((t, task) => {
        if (t?.state === 'waiting' && this.waits.get(graph)!.pending[task] === 0) this.resolve(graph, task);
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

  /** Does all that is left, those on the longest remaining path first. */
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

  private startNext(): void {
    let best = 0;
    this.ready.forEach((t, i) => {
      const b = this.ready[best]!;
      if (t.graph.priority[t.task]! > b.graph.priority[b.task]!) best = i;
    });
    const { graph, task, resolved } = this.ready.splice(best, 1)[0]!;
    this.working++;
    this.runTask(graph, task, resolved)
      .catch((e: unknown) => {
        const left = e instanceof LeftBehindError || e instanceof PackageFileError;
        const why = left ? `it left what can't be taken: ${e.message}` : (environmentFault(e) ?? reportInternal(e));
        this.finish(graph, task, 'failed', why);
      })
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

  /** The packages of a task's root are known: finds its key, and whether the store has it. */
  private async resolveNow(graph: TaskGraph, task: number): Promise<void> {
    const resolved = await this.options.taskKeys.resolveKey(graph, task);
    if (typeof resolved === 'string') return this.finish(graph, task, 'failed', resolved);
    const t = graph.results[task]!;
    t.key = resolved.key;
    const found = await this.runner.find(graph, task, resolved.key);
    switch (found.kind) {
      case 'build':
        return this.useRecord(graph, task, found.record, 'cached');
      case 'test':
        return this.useTestRecord(graph, task, found.record, 'cached');
      case 'docs':
        return this.useDocRecord(graph, task, found.record, 'cached');
      case 'failed':
        return this.finish(graph, task, 'failed', found.reason);
      case 'todo':
        t.reason = found.reason;
        this.ready.push({ graph, task, resolved });
    }
  }

  /** Settles one task whose root is known and takes it from the store, where it is there: for whoever schedules. */
  async resolveTask(graph: TaskGraph, task: number): Promise<boolean> {
    if (graph.results[task]?.state === 'waiting') {
      await this.resolveNow(graph, task);
      this.ready.length = 0;
      return graph.results[task].state !== 'waiting';
    }
    return isDone(graph.results[task]?.state ?? 'waiting');
  }

  /** Does one task whose root is known, for whoever schedules. */
  async runScheduled(graph: TaskGraph, task: number): Promise<void> {
    if (await this.resolveTask(graph, task)) return;
    if (graph.results[task]?.state !== 'waiting') return;
    const settled = await this.options.taskKeys.resolveKey(graph, task);
    if (typeof settled === 'string') this.finish(graph, task, 'failed', settled);
    else await this.runTask(graph, task, settled);
  }

  private useRecord(graph: TaskGraph, n: number, record: BriefRecord, how: 'cached' | 'built'): void {
    this.setRecord(graph, n, record);
    this.finish(graph, n, how, how === 'cached' ? 'unchanged' : graph.results[n]!.reason);
  }

  private setRecord(graph: TaskGraph, n: number, record: BriefRecord): void {
    graph.records[n] = record;
    Object.assign(graph.results[n]!, { version: record.version, debs: record.debs });
  }

  private useTestRecord(graph: TaskGraph, task: number, record: BriefTest, how: 'cached' | 'passed'): void {
    const n = task - graph.count;
    graph.tests[n] = record;
    const t = graph.results[task]!;
    t.tests = {
      tests: record.tests,
      failures: record.failures,
      skipped: record.skipped,
      flaky: record.flaky.length,
      ...(record.junit ? { junit: record.junit.sha256 } : {}),
    };
    if (record.outcome === 'failed') {
      const [first] = record.failed;
      this.finish(
        graph,
        task,
        'failed',
        `${how === 'cached' ? 'cached: ' : ''}${record.failures} of ${record.tests} tests failed${first ? `, ${first.suite}.${first.name} first: ${first.message.trim().split('\n')[0]}` : ''}`,
      );
    } else
      this.finish(
        graph,
        task,
        how,
        record.outcome === 'none'
          ? 'it has no tests'
          : record.flaky.length
            ? `flaky: ${record.flaky.map((f) => `${f.suite}.${f.name}`).join(', ')}`
            : t.reason || 'unchanged',
      );
  }

  private useDocRecord(graph: TaskGraph, task: number, record: DocRecord, how: 'cached' | 'built'): void {
    graph.docs[task % graph.count] = record;
    const t = graph.results[task];
    if (!t) return;
    const [first] = record.faults;
    t.docs = { ...record.coverage, warnings: record.warnings };
    if (first === undefined) return this.finish(graph, task, how, how === 'cached' ? 'unchanged' : t.reason);
    const more = record.faults.length > 1 ? `, and ${record.faults.length - 1} more` : '';
    this.finish(graph, task, 'failed', `${how === 'cached' ? 'cached: ' : ''}${first}${more}`);
  }

  /** What a task came to; who waits for it goes on, or is stopped. Documentation that fails stops no other. */
  private finish(graph: TaskGraph, task: number, state: TaskResult['state'], reason: string): void {
    const ended: { task: number; state: TaskResult['state']; reason: string }[] = [{ task, state, reason }];
    for (const end of ended) {
      const t = graph.results[end.task];
      if (t?.state !== 'waiting') continue;
      Object.assign(t, { state: end.state, reason: redacted(end.reason), finished: this.options.now() });
      this.options.progress.finished(t);
      if (end.state === 'failed' && t.kind === 'docs' && this.options.failFast) this.stopped = true;
      if (isDone(end.state) || (end.state === 'failed' && t.kind === 'docs')) this.resolveDependents(graph, end.task);
      else {
        if (end.state === 'failed' && this.options.failFast) this.stopped = true;
        const what = end.state === 'failed' ? 'failed' : end.state === 'blocked' ? 'is blocked' : 'was stopped';
        for (const d of this.dependentTasks(graph, end.task))
          ended.push({
            task: d,
            state: 'stopped',
            reason: t.kind === 'test' ? `the tests of '${t.name}' failed` : `'${t.name}' ${what}`,
          });
      }
    }
  }

  /** Settles those that waited for nothing but this. */
  private resolveDependents(graph: TaskGraph, task: number): void {
    const { pending: left, dependents } = this.waits.get(graph)!;
    const done = [task];
    for (const n of done) {
      for (const d of dependents(n)) {
        if (--left[d]! > 0) continue;
        if (d >= graph.results.length) done.push(d);
        else if (graph.results[d]?.state === 'waiting') this.resolve(graph, d);
      }
    }
  }

  /** The tasks that wait for a task, or for what can't be used without it. */
  private dependentTasks(graph: TaskGraph, task: number): number[] {
    const { dependents } = this.waits.get(graph)!;
    const found = new Set([task]);
    for (const n of found) if (n === task || n >= graph.results.length) for (const d of dependents(n)) found.add(d);
    found.delete(task);
    return [...found].filter((n) => n < graph.results.length);
  }

  private async runTask(graph: TaskGraph, task: number, resolved: ResolvedTask): Promise<void> {
    const { options } = this;
    const t = graph.results[task]!;
    const outcome = await this.runner.run(graph, task, resolved, (log) => {
      t.started = options.now();
      t.log = log;
      options.progress.started(t);
    });
    if (outcome.kind === 'build')
      return this.useRecord(graph, task, outcome.record, outcome.another ? 'cached' : 'built');
    if (outcome.kind === 'test')
      return this.useTestRecord(graph, task, outcome.record, outcome.another ? 'cached' : 'passed');
    if (outcome.kind === 'docs')
      return this.useDocRecord(graph, task, outcome.record, outcome.another ? 'cached' : 'built');
    const stopped = options.signal.aborted;
    this.finish(graph, task, stopped ? 'stopped' : 'failed', stopped ? 'the run was stopped' : outcome.reason);
  }
}
