import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope, Target } from '../model/plan.ts';
import { isDone, type BriefRecord, type BriefTest, type Hints, type TaskResult } from '../model/result.ts';
import { withLock } from '../io/mutex.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { usableWaits, waits, type Waits } from './readiness.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import { newWork } from '../sandbox/scratch.ts';
import type { Builder } from './build/package-builder.ts';
import { kindOf, needsOfTask, packageOf, type ScopeRun } from './task-graph.ts';
import type { Settled, Settler } from './task-keys.ts';

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

export interface EngineOptions {
  driver: Driver;
  state: string;
  store: Store;
  settler: Settler;
  builder: Builder;
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
  held: (scope: Scope, target: Target, debian: string) => string | undefined;
  /** Brief records by key, as the last run's index has them. */
  hints: Hints;
  progress: Progress;
  signal: AbortSignal;
  now: () => number;
}

interface Ready {
  run: ScopeRun;
  task: number;
  settled: Settled;
}

/** Where each task is asked for. */
const nobodyWaits: Waits = { left: new Uint32Array(), dependents: () => new Uint32Array() };

/** All in a task's root, and the tests of these where they are run. */
function withTests(r: ScopeRun, task: number, isTask: (task: number) => boolean): number[] {
  const needs = needsOfTask(r, task);
  return [...needs, ...needs.map((d) => d + r.count).filter((d) => d !== task && isTask(d))];
}

/**
 * How a task stands before anything runs: its key is in the store, it must be done, or that depends on what is built
 * before it.
 */
export interface Outlook {
  kept: number;
  todo: number;
  open: number;
}

/**
 * Settles tasks and does them. A task is settled as soon as all in its root is known: then its key is, and so whether
 * the store has it. `start` tells what is known before anything runs; `run` runs all to the end, on one machine;
 * `runTask` does one task, for whoever schedules. A failure stops what depends on it and nothing else.
 */
export class Engine {
  private readonly ready: Ready[] = [];
  private readonly waits = new Map<ScopeRun, Waits>();
  private settling = 0;
  private working = 0;
  private stopped = false;
  private failure: unknown;
  private wake: () => void = () => undefined;

  /** `alone`: nothing is scheduled here, each task is asked for. */
  constructor(
    private readonly options: EngineOptions,
    readonly runs: ScopeRun[],
    alone = false,
  ) {
    for (const r of runs) {
      const isTask = (task: number) => r.results[task] !== undefined;
      this.waits.set(
        r,
        alone
          ? nobodyWaits
          : options.testsStop
            ? waits(r.results.map((t, task) => (t ? withTests(r, task, isTask) : [])))
            : usableWaits(r.closures, isTask),
      );
    }
  }

  /** Settles all that can be settled without doing anything. */
  async start(): Promise<Outlook> {
    for (const r of this.runs) {
      r.scope.packages.forEach((p, n) => {
        if (!p.blocked) return;
        this.finish(r, n, 'blocked', p.blocked);
      });
      r.results.forEach((t, task) => {
        if (t?.state === 'waiting' && this.waits.get(r)!.left[task] === 0) this.settle(r, task);
      });
    }
    await new Promise<void>((resolve) => {
      this.wake = () => {
        if (!this.settling) resolve();
      };
      this.wake();
    });
    if (this.failure) throw this.failure;
    const tasks = this.runs.flatMap((r) => r.results.filter((t) => t !== undefined));
    const kept = tasks.filter((t) => isDone(t.state)).length;
    return {
      kept,
      todo: this.ready.length,
      open: tasks.filter((t) => t.state === 'waiting').length - this.ready.length,
    };
  }

  /** Does all that is left, those on the longest remaining path first. */
  async run(): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.wake = () => {
        while (!this.stopped && this.working < this.options.workers && this.ready.length) this.startNext();
        if (!this.working && !this.settling && (!this.ready.length || this.stopped)) resolve();
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
    for (const r of this.runs)
      for (const t of r.results)
        if (t?.state === 'waiting') Object.assign(t, { state: 'stopped', reason: 'the run was stopped before it' });
  }

  private startNext(): void {
    let best = 0;
    this.ready.forEach((t, i) => {
      const b = this.ready[best]!;
      if (t.run.priority[t.task]! > b.run.priority[b.task]!) best = i;
    });
    const { run, task, settled } = this.ready.splice(best, 1)[0]!;
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

  private settle(r: ScopeRun, task: number): void {
    this.settling++;
    this.settleNow(r, task)
      .catch((e: unknown) => {
        this.failure ??= e;
        this.stopped = true;
      })
      .finally(() => {
        this.settling--;
        this.wake();
      });
  }

  /** What a task's root holds is now known: its key, and whether the store has it. */
  private async settleNow(r: ScopeRun, task: number): Promise<void> {
    const { options } = this;
    const settled = await options.settler.settle(r, task);
    if (typeof settled === 'string') return this.finish(r, task, 'failed', settled);
    const t = r.results[task]!;
    t.key = settled.key;
    const p = packageOf(r, task);
    if (kindOf(r, task) === 'test') {
      const hint = options.hints.tests.get(settled.key);
      // One that failed may have passed since.
      const there = hint && hint.outcome !== 'failed' ? hint : await options.store.getTest(settled.key);
      if (there && !options.rebuild(p.name) && !options.retest(there)) return this.keepTest(r, task, there, 'kept');
      t.reason = there ? 'asked for' : 'its key is not in the store';
    } else {
      const record = await this.lookUp(settled.key);
      const held = options.held(r.scope, r.target, p.debian);
      const goesDown = record && held !== undefined && compareDebianVersions(record.version, held) < 0;
      if (record && !goesDown && !options.rebuild(p.name)) return this.keep(r, task, record);
      if (p.held) return this.finish(r, task, 'failed', 'it was not built before: leave out --only, or build it first');
      t.reason = record
        ? goesDown
          ? `packed anew: the channel holds ${held}`
          : 'asked for'
        : 'its key is not in the store';
    }
    this.ready.push({ run: r, task, settled });
  }

  /** Settles one task whose root is known and takes it from the store, where it is there: for whoever schedules. */
  async recall(r: ScopeRun, task: number): Promise<boolean> {
    if (r.results[task]?.state === 'waiting') {
      await this.settleNow(r, task);
      this.ready.length = 0;
      return r.results[task].state !== 'waiting';
    }
    return isDone(r.results[task]?.state ?? 'waiting');
  }

  /** Does one task whose root is known, for whoever schedules. */
  async perform(r: ScopeRun, task: number): Promise<void> {
    if (await this.recall(r, task)) return;
    if (r.results[task]?.state !== 'waiting') return;
    const settled = await this.options.settler.settle(r, task);
    if (typeof settled === 'string') this.finish(r, task, 'failed', settled);
    else await this.runTask(r, task, settled);
  }

  private async lookUp(key: string): Promise<BriefRecord | undefined> {
    const hint = this.options.hints.builds.get(key);
    return hint && this.options.store.holds(hint.debs) ? hint : this.options.store.get(key);
  }

  private keep(r: ScopeRun, n: number, record: BriefRecord): void {
    this.know(r, n, record);
    this.finish(r, n, 'kept', 'its key is in the store');
  }

  private know(r: ScopeRun, n: number, record: BriefRecord): void {
    r.records[n] = record;
    Object.assign(r.results[n]!, { version: record.version, debs: record.debs });
  }

  private keepTest(r: ScopeRun, task: number, record: BriefTest, how: 'kept' | 'passed'): void {
    const n = task - r.count;
    r.tests[n] = record;
    const t = r.results[task]!;
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
        r,
        task,
        'failed',
        `${how === 'kept' ? 'kept: ' : ''}${record.failures} of ${record.tests} tests failed${first ? `, ${first.suite}.${first.name} first: ${first.message.trim().split('\n')[0]}` : ''}`,
      );
    } else
      this.finish(
        r,
        task,
        how,
        record.outcome === 'none'
          ? 'it has no tests'
          : record.flaky.length
            ? `flaky: ${record.flaky.map((f) => `${f.suite}.${f.name}`).join(', ')}`
            : t.reason || 'its key is in the store',
      );
  }

  /** What a task came to; who waits for it goes on, or is stopped. */
  private finish(r: ScopeRun, task: number, state: TaskResult['state'], reason: string): void {
    const ended: { task: number; state: TaskResult['state']; reason: string }[] = [{ task, state, reason }];
    for (const end of ended) {
      const t = r.results[end.task];
      if (t?.state !== 'waiting') continue;
      Object.assign(t, { state: end.state, reason: end.reason, finished: this.options.now() });
      this.options.progress.finished(t);
      if (isDone(end.state)) this.letGo(r, end.task);
      else {
        if (end.state === 'failed' && this.options.failFast) this.stopped = true;
        const what = end.state === 'failed' ? 'failed' : end.state === 'blocked' ? 'is blocked' : 'was stopped';
        for (const d of this.tasksAbove(r, end.task))
          ended.push({
            task: d,
            state: 'stopped',
            reason: end.task < r.count ? `'${t.name}' ${what}` : `the tests of '${t.name}' failed`,
          });
      }
    }
  }

  /** Settles those that waited for nothing but this. */
  private letGo(r: ScopeRun, task: number): void {
    const { left, dependents } = this.waits.get(r)!;
    const done = [task];
    for (const n of done) {
      for (const d of dependents(n)) {
        if (--left[d]! > 0) continue;
        if (d >= r.results.length) done.push(d);
        else if (r.results[d]?.state === 'waiting') this.settle(r, d);
      }
    }
  }

  /** The tasks that wait for a task, or for what can't be used without it. */
  private tasksAbove(r: ScopeRun, task: number): number[] {
    const { dependents } = this.waits.get(r)!;
    const found = new Set([task]);
    for (const n of found) if (n === task || n >= r.results.length) for (const d of dependents(n)) found.add(d);
    found.delete(task);
    return [...found].filter((n) => n < r.results.length);
  }

  /** Does one task that was settled, unless another slipway on this machine did it meanwhile. */
  async runTask(r: ScopeRun, task: number, settled: Settled): Promise<void> {
    const { options } = this;
    const p = packageOf(r, task);
    const t = r.results[task]!;
    const test = kindOf(r, task) === 'test';
    const lock = join(options.state, 'locks', settled.key);
    await withLock(
      lock,
      async () => {
        if (!options.rebuild(p.name)) {
          if (test) {
            const already = await options.store.getTest(settled.key);
            if (already && !options.retest(already)) return this.keepTest(r, task, already, 'kept');
          } else {
            const already = await options.store.get(settled.key);
            const held = options.held(r.scope, r.target, p.debian);
            if (already && !(held !== undefined && compareDebianVersions(already.version, held) < 0))
              return this.keep(r, task, already);
          }
        }
        t.started = options.now();
        t.log = join('logs', r.id, `${p.name}${test ? '.test' : ''}.log`);
        options.progress.started(t);
        await (test
          ? this.doTest(r, task, settled, join(options.output, t.log))
          : this.doBuild(r, task, settled, join(options.output, t.log)));
      },
      () => options.progress.note(`${p.name}: another slipway does it; waiting`),
    );
    rmSync(lock, { force: true });
  }

  private async doBuild(r: ScopeRun, n: number, settled: Settled, log: string): Promise<void> {
    const made = await this.healing(r, (work) => this.options.builder.build(r, n, settled, work, log));
    if ('fault' in made) return this.fail(r, n, made.fault);
    await this.options.store.putRecord(made.record);
    this.know(r, n, made.record);
    this.finish(r, n, 'built', r.results[n]!.reason);
  }

  private async doTest(r: ScopeRun, task: number, settled: Settled, log: string): Promise<void> {
    const made = await this.healing(r, (work) => this.options.builder.test(r, task - r.count, settled, work, log));
    if ('fault' in made) return this.fail(r, task, made.fault);
    await this.options.store.putTest(made.record);
    this.keepTest(r, task, made.record, 'passed');
  }

  private fail(r: ScopeRun, task: number, fault: string): void {
    const stopped = this.options.signal.aborted;
    this.finish(r, task, stopped ? 'stopped' : 'failed', stopped ? 'the run was stopped' : fault);
  }

  /** Does a task; what the store lost of its root is built again first, and said. */
  private async healing<T>(
    r: ScopeRun,
    work: (folder: string) => Promise<{ record: T } | { fault: string } | { lost: number[] }>,
  ): Promise<{ record: T } | { fault: string }> {
    const { options } = this;
    for (let attempt = 0; attempt < 3; attempt++) {
      const folder = newWork(options.state);
      let made;
      try {
        made = await work(folder);
      } finally {
        await options.driver.remove(folder);
      }
      if (!('lost' in made)) return made;
      for (const d of made.lost) {
        const fault = await this.restore(r, d);
        if (fault !== undefined) return { fault };
      }
    }
    return { fault: 'the store keeps losing what it needs: is its disk sound?' };
  }

  private readonly restoring = new Map<BriefRecord, Promise<string | undefined>>();
  /** Builds a package again whose files the store lost. */
  private restore(r: ScopeRun, d: number): Promise<string | undefined> {
    const record = r.records[d]!;
    let under = this.restoring.get(record);
    if (!under) this.restoring.set(record, (under = this.restoreNow(r, d)));
    return under;
  }

  private async restoreNow(r: ScopeRun, d: number): Promise<string | undefined> {
    const { options } = this;
    const { name } = packageOf(r, d);
    options.progress.note(`the store lost ${name}, or it was damaged: it is built again`);
    const settled = await options.settler.settle(r, d);
    if (typeof settled === 'string') return settled;
    const log = join(options.output, 'logs', r.id, `${name}.log`);
    const made = await this.healing(r, (work) => options.builder.build(r, d, settled, work, log));
    if ('fault' in made) return `'${name}' was lost, and can't be built again: ${made.fault}`;
    await options.store.putRecord(made.record);
    this.know(r, d, made.record);
    Object.assign(r.results[d]!, { state: 'built', reason: 'the store had lost it' });
    return undefined;
  }
}
