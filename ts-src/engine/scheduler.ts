import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope, Target } from '../model/plan.ts';
import { isDone, type BriefRecord, type BriefTest, type Hints, type TaskResult } from '../model/result.ts';
import { withMutex } from '../io/mutex.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { packageReadiness, readiness, type Readiness } from './readiness.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { PackageBuilder } from './build/package-builder.ts';
import { kindOf, packagesInRoot, packageOf, type TaskGraph } from './task-graph.ts';
import type { ResolvedTask, TaskKeys } from './task-keys.ts';

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

export interface SchedulerOptions {
  driver: Driver;
  state: string;
  store: Store;
  taskKeys: TaskKeys;
  builder: PackageBuilder;
  /** Where logs go: `logs/` below it. */
  output: string;
  /** Tasks at once. */
  workers: number;
  /** Stop at the first failure. */
  failFast: boolean;
  /** A failing test stops what depends on its package. */
  testsStop: boolean;
  /** Do these anew even though the store has them; tests that failed where that was asked for. */
  rebuild: (name: string) => boolean;
  retest: (record: BriefTest) => boolean;
  /** Version that the channel holds, by Debian package. */
  channelVersion: (scope: Scope, target: Target, debian: string) => string | undefined;
  /** Brief records by key, as the last run's index has them. */
  hints: Hints;
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

/** All in a task's root, and the tests of these where they are run. */
function withTests(graph: TaskGraph, task: number, isTask: (task: number) => boolean): number[] {
  const needs = packagesInRoot(graph, task);
  return [...needs, ...needs.map((d) => d + graph.count).filter((d) => d !== task && isTask(d))];
}

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
 * Settles tasks and does them. A task is settled as soon as all in its root is known: then its key is, and so whether
 * the store has it. `start` tells what is known before anything runs; `run` runs all to the end, on one machine;
 * `runTask` does one task, for whoever schedules. A failure stops what depends on it and nothing else.
 */
export class Scheduler {
  private readonly ready: Ready[] = [];
  private readonly waits = new Map<TaskGraph, Readiness>();
  private resolving = 0;
  private working = 0;
  private stopped = false;
  private failure: unknown;
  private wake: () => void = () => undefined;

  /** `alone`: nothing is scheduled here, each task is asked for. */
  constructor(
    private readonly options: SchedulerOptions,
    readonly graphs: TaskGraph[],
    alone = false,
  ) {
    for (const graph of graphs) {
      const isTask = (task: number) => graph.results[task] !== undefined;
      this.waits.set(
        graph,
        alone
          ? nobodyWaits
          : options.testsStop
            ? readiness(graph.results.map((t, task) => (t ? withTests(graph, task, isTask) : [])))
            : packageReadiness(graph.closures, isTask),
      );
    }
  }

  /** Settles all that can be settled without doing anything. */
  async start(): Promise<Outlook> {
    for (const graph of this.graphs) {
      graph.scope.packages.forEach((p, n) => {
        if (!p.blocked) return;
        this.finish(graph, n, 'blocked', p.blocked);
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
    if (this.failure) throw this.failure;
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
    if (this.failure) throw this.failure;
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
    const { graph: run, task, resolved: settled } = this.ready.splice(best, 1)[0]!;
    this.working++;
    this.runTask(run, task, settled)
      .catch((e: NodeJS.ErrnoException) => {
        if (e.code === 'ENOSPC' || e.code === 'EDQUOT')
          this.finish(
            run,
            task,
            'failed',
            'the disk is full: make room and run the same command again, it goes on where it was',
          );
        else if (e.code === 'ESTORE') this.finish(run, task, 'failed', e.message);
        else {
          this.failure ??= e;
          this.stopped = true;
        }
      })
      .finally(() => {
        this.working--;
        this.wake();
      });
  }

  private resolve(graph: TaskGraph, task: number): void {
    this.resolving++;
    this.resolveNow(graph, task)
      .catch((e: unknown) => {
        this.failure ??= e;
        this.stopped = true;
      })
      .finally(() => {
        this.resolving--;
        this.wake();
      });
  }

  /** What a task's root holds is now known: its key, and whether the store has it. */
  private async resolveNow(graph: TaskGraph, task: number): Promise<void> {
    const { options } = this;
    const settled = await options.taskKeys.resolveKey(graph, task);
    if (typeof settled === 'string') return this.finish(graph, task, 'failed', settled);
    const t = graph.results[task]!;
    t.key = settled.key;
    const p = packageOf(graph, task);
    if (kindOf(graph, task) === 'test') {
      const hint = options.hints.tests.get(settled.key);
      // One that failed may have passed since.
      const there = hint && hint.outcome !== 'failed' ? hint : await options.store.getTest(settled.key);
      if (there && !options.rebuild(p.name) && !options.retest(there))
        return this.useTestRecord(graph, task, there, 'cached');
      t.reason = there ? 'forced' : 'new or changed inputs';
    } else {
      const record = await this.lookUp(settled.key);
      const held = options.channelVersion(graph.scope, graph.target, p.debian);
      const goesDown = record && held !== undefined && compareDebianVersions(record.version, held) < 0;
      if (record && !goesDown && !options.rebuild(p.name)) return this.useCached(graph, task, record);
      if (p.mustBeCached)
        return this.finish(graph, task, 'failed', 'it was not built before: leave out --only, or build it first');
      t.reason = record ? (goesDown ? `packed anew: the channel holds ${held}` : 'forced') : 'new or changed inputs';
    }
    this.ready.push({ graph: graph, task, resolved: settled });
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

  private async lookUp(key: string): Promise<BriefRecord | undefined> {
    const hint = this.options.hints.builds.get(key);
    return hint && this.options.store.holds(hint.debs) ? hint : this.options.store.get(key);
  }

  private useCached(graph: TaskGraph, n: number, record: BriefRecord): void {
    this.setRecord(graph, n, record);
    this.finish(graph, n, 'cached', 'unchanged');
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

  /** What a task came to; who waits for it goes on, or is stopped. */
  private finish(graph: TaskGraph, task: number, state: TaskResult['state'], reason: string): void {
    const ended: { task: number; state: TaskResult['state']; reason: string }[] = [{ task, state, reason }];
    for (const end of ended) {
      const t = graph.results[end.task];
      if (t?.state !== 'waiting') continue;
      Object.assign(t, { state: end.state, reason: end.reason, finished: this.options.now() });
      this.options.progress.finished(t);
      if (isDone(end.state)) this.resolveDependents(graph, end.task);
      else {
        if (end.state === 'failed' && this.options.failFast) this.stopped = true;
        const what = end.state === 'failed' ? 'failed' : end.state === 'blocked' ? 'is blocked' : 'was stopped';
        for (const d of this.dependentTasks(graph, end.task))
          ended.push({
            task: d,
            state: 'stopped',
            reason: end.task < graph.count ? `'${t.name}' ${what}` : `the tests of '${t.name}' failed`,
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

  /** Does one task that was settled, unless another slipway on this machine did it meanwhile. */
  async runTask(graph: TaskGraph, task: number, settled: ResolvedTask): Promise<void> {
    const { options } = this;
    const p = packageOf(graph, task);
    const t = graph.results[task]!;
    const test = kindOf(graph, task) === 'test';
    const lock = join(options.state, 'locks', settled.key);
    await withMutex(
      lock,
      async () => {
        if (!options.rebuild(p.name)) {
          if (test) {
            const already = await options.store.getTest(settled.key);
            if (already && !options.retest(already)) return this.useTestRecord(graph, task, already, 'cached');
          } else {
            const already = await options.store.get(settled.key);
            const held = options.channelVersion(graph.scope, graph.target, p.debian);
            if (already && !(held !== undefined && compareDebianVersions(already.version, held) < 0))
              return this.useCached(graph, task, already);
          }
        }
        t.started = options.now();
        t.log = join('logs', graph.id, `${p.name}${test ? '.test' : ''}.log`);
        options.progress.started(t);
        await (test
          ? this.doTest(graph, task, settled, join(options.output, t.log))
          : this.doBuild(graph, task, settled, join(options.output, t.log)));
      },
      () => options.progress.note(`${p.name}: another slipway does it; waiting`),
    );
    rmSync(lock, { force: true });
  }

  private async doBuild(graph: TaskGraph, n: number, settled: ResolvedTask, log: string): Promise<void> {
    const made = await this.healing(graph, (work) => this.options.builder.build(graph, n, settled, work, log));
    if ('fault' in made) return this.fail(graph, n, made.fault);
    await this.options.store.putRecord(made.record);
    this.setRecord(graph, n, made.record);
    this.finish(graph, n, 'built', graph.results[n]!.reason);
  }

  private async doTest(graph: TaskGraph, task: number, settled: ResolvedTask, log: string): Promise<void> {
    const made = await this.healing(graph, (work) =>
      this.options.builder.test(graph, task - graph.count, settled, work, log),
    );
    if ('fault' in made) return this.fail(graph, task, made.fault);
    await this.options.store.putTest(made.record);
    this.useTestRecord(graph, task, made.record, 'passed');
  }

  private fail(graph: TaskGraph, task: number, fault: string): void {
    const stopped = this.options.signal.aborted;
    this.finish(graph, task, stopped ? 'stopped' : 'failed', stopped ? 'the run was stopped' : fault);
  }

  /** Does a task; what the store lost of its root is built again first, and said. */
  private async healing<T>(
    graph: TaskGraph,
    work: (folder: string) => Promise<{ record: T } | { fault: string } | { lost: number[] }>,
  ): Promise<{ record: T } | { fault: string }> {
    const { options } = this;
    for (let attempt = 0; attempt < 3; attempt++) {
      const folder = newScratch(options.state);
      let made;
      try {
        made = await work(folder);
      } finally {
        await options.driver.remove(folder);
      }
      if (!('lost' in made)) return made;
      for (const d of made.lost) {
        const fault = await this.restore(graph, d);
        if (fault !== undefined) return { fault };
      }
    }
    return { fault: 'the store keeps losing what it needs: is its disk sound?' };
  }

  private readonly restoring = new Map<BriefRecord, Promise<string | undefined>>();
  /** Builds a package again whose files the store lost. */
  private restore(graph: TaskGraph, d: number): Promise<string | undefined> {
    const record = graph.records[d]!;
    let under = this.restoring.get(record);
    if (!under) this.restoring.set(record, (under = this.restoreNow(graph, d)));
    return under;
  }

  private async restoreNow(graph: TaskGraph, d: number): Promise<string | undefined> {
    const { options } = this;
    const { name } = packageOf(graph, d);
    options.progress.note(`the store lost ${name}, or it was damaged: it is built again`);
    const settled = await options.taskKeys.resolveKey(graph, d);
    if (typeof settled === 'string') return settled;
    const log = join(options.output, 'logs', graph.id, `${name}.log`);
    const made = await this.healing(graph, (work) => options.builder.build(graph, d, settled, work, log));
    if ('fault' in made) return `'${name}' was lost, and can't be built again: ${made.fault}`;
    await options.store.putRecord(made.record);
    this.setRecord(graph, d, made.record);
    Object.assign(graph.results[d]!, { state: 'built', reason: 'the store had lost it' });
    return undefined;
  }
}
