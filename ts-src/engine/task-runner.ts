import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockPatience, withMutex } from '../io/mutex.ts';
import { inNamespace } from '../model/digest.ts';
import type { Scope, Target } from '../model/plan.ts';
import { docsRecordName, type DocRecord } from '../model/docs.ts';
import type { BriefTest, BuildRecord, Hints, TestRecord } from '../model/result.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import type { PackageBuilder } from './build/package-builder.ts';
import { readDocRecord } from './docs/stored-record.ts';
import { StoreRepair } from './store-repair.ts';
import { kindOf, packageOf, type TaskGraph } from './task-graph.ts';
import type { ResolvedTask, TaskKeys } from './task-keys.ts';
import type { TaskRecord } from './task-records.ts';

export interface TaskRunnerOptions {
  driver: Driver;
  state: string;
  store: Store;
  taskKeys: TaskKeys;
  builder: PackageBuilder;
  /** Folder of logs: `logs/` below it. */
  output: string;
  /** Which packages to build, and which failed tests to run, even if cached. */
  rebuild: (name: string) => boolean;
  retest: (record: BriefTest) => boolean;
  /** Which documentation to make even if cached. */
  redocument: (name: string) => boolean;
  /** Version in the channel, by Debian package. */
  channelVersion: (scope: Scope, target: Target, debian: string) => string | undefined;
  /** Brief records by key, from the last run's index. */
  hints: Hints;
}

/** The store's answer for a key: a result to use, or the reason to run the task. */
export type Found = TaskRecord | { kind: 'failed'; reason: string } | { kind: 'todo'; reason: string };

/** How a task ended. `another`: another slipway process on this machine ran it meanwhile. */
export type TaskOutcome = (TaskRecord & { another: boolean }) | { kind: 'failed'; reason: string };

/** Callbacks of a running task. */
export interface TaskReports {
  /** The task begins; `log` is a path below the output. */
  started: (log: string) => void;
  note: (text: string) => void;
  /** A package that the store had lost was rebuilt. */
  restored: (graph: TaskGraph, n: number, record: BuildRecord) => void;
}

/** Runs one task: looks it up, runs it, and stores the result. Does not know about dependents. */
export class TaskRunner {
  private readonly repair: StoreRepair;
  constructor(
    private readonly options: TaskRunnerOptions,
    private readonly reports: Pick<TaskReports, 'note' | 'restored'>,
  ) {
    this.repair = new StoreRepair({ ...options, ...reports });
  }

  /** Looks up a key, first in the hints. */
  async find(graph: TaskGraph, task: number, key: string): Promise<Found> {
    if (kindOf(graph, task) === 'docs') return this.findDocs(graph, task, key);
    return kindOf(graph, task) === 'test' ? this.findTest(graph, task, key) : this.findBuild(graph, task, key);
  }

  private async findDocs(graph: TaskGraph, task: number, key: string): Promise<Found> {
    const record = await readDocRecord(this.options.store, key);
    if (record && !this.options.redocument(packageOf(graph, task).name)) return { kind: 'docs', record };
    return { kind: 'todo', reason: record ? 'forced' : 'new or changed inputs' };
  }

  private async findTest(graph: TaskGraph, task: number, key: string): Promise<Found> {
    const { options } = this;
    const hint = options.hints.tests.get(key);
    // A failed test may have passed in another run since.
    const there = hint && hint.outcome !== 'failed' ? hint : await options.store.getTest(key);
    if (there && !options.rebuild(packageOf(graph, task).name) && !options.retest(there))
      return { kind: 'test', record: there };
    return { kind: 'todo', reason: there ? 'forced' : 'new or changed inputs' };
  }

  private async findBuild(graph: TaskGraph, task: number, key: string): Promise<Found> {
    const { options } = this;
    const p = packageOf(graph, task);
    const hint = options.hints.builds.get(key);
    const record = hint && options.store.holds(hint.debs) ? hint : await options.store.get(key);
    const held = options.channelVersion(graph.scope, graph.target, p.debian);
    const goesDown = record && held !== undefined && compareDebianVersions(record.version, held) < 0;
    if (record && !goesDown && !options.rebuild(p.name)) return { kind: 'build', record };
    if (p.mustBeCached)
      return { kind: 'failed', reason: 'it was not built before: leave out --only, or build it first' };
    if (goesDown) return { kind: 'todo', reason: `repacked: the channel has ${held}` };
    return { kind: 'todo', reason: record ? 'forced' : 'new or changed inputs' };
  }

  /** Runs a task whose key is known, unless another slipway process on this machine ran it meanwhile. */
  async run(
    graph: TaskGraph,
    task: number,
    resolved: ResolvedTask,
    started: TaskReports['started'],
  ): Promise<TaskOutcome> {
    const { options } = this;
    const p = packageOf(graph, task);
    // Trusted runs use no result of an untrusted one, and wait for none.
    const lock = join(options.state, 'locks', inNamespace(resolved.key, options.store.namespace));
    const outcome = await withMutex(
      lock,
      async () => {
        const another = await this.doneMeanwhile(graph, task, resolved.key);
        if (another) return another;
        const kind = kindOf(graph, task);
        const log = join('logs', graph.id, `${p.name}${kind === 'build' ? '' : `.${kind}`}.log`);
        started(log);
        return this.doNow(graph, task, resolved, join(options.output, log));
      },
      { waiting: () => this.reports.note(`${p.name}: another slipway does it; waiting`), most: lockPatience.task },
    );
    rmSync(lock, { force: true });
    return outcome;
  }

  /** Waits until work folders of ended tasks are removed. */
  foldersRemoved(): Promise<void> {
    return this.repair.foldersRemoved();
  }

  private async doneMeanwhile(graph: TaskGraph, task: number, key: string): Promise<TaskOutcome | undefined> {
    const { options } = this;
    const p = packageOf(graph, task);
    if (kindOf(graph, task) === 'docs') {
      const docs = options.redocument(p.name) ? undefined : await readDocRecord(options.store, key);
      return docs && { kind: 'docs', record: docs, another: true };
    }
    if (options.rebuild(p.name)) return undefined;
    if (kindOf(graph, task) === 'test') {
      const record = await options.store.getTest(key);
      return record && !options.retest(record) ? { kind: 'test', record, another: true } : undefined;
    }
    const record = await options.store.get(key);
    const held = options.channelVersion(graph.scope, graph.target, p.debian);
    if (!record || (held !== undefined && compareDebianVersions(record.version, held) < 0)) return undefined;
    return { kind: 'build', record, another: true };
  }

  private async doNow(graph: TaskGraph, task: number, resolved: ResolvedTask, log: string): Promise<TaskOutcome> {
    const { options } = this;
    const request = { graph, number: task % graph.count, package: packageOf(graph, task), resolved, log };
    if (kindOf(graph, task) === 'build') {
      const outcome = await this.repair.build(graph, request);
      if (outcome.state === 'failed') return { kind: 'failed', reason: outcome.reason };
      return { kind: 'build', record: outcome.value, another: false };
    }
    if (kindOf(graph, task) === 'docs') {
      const docs = await this.repair.run<DocRecord>(graph, (work) => options.builder.document({ ...request, work }));
      if (docs.state === 'failed') return { kind: 'failed', reason: docs.reason };
      await options.store.writeJson(docsRecordName(resolved.key), docs.value);
      return { kind: 'docs', record: docs.value, another: false };
    }
    const outcome = await this.repair.run<TestRecord>(graph, (work) => options.builder.test({ ...request, work }));
    if (outcome.state === 'failed') return { kind: 'failed', reason: outcome.reason };
    await options.store.putTest(outcome.value);
    return { kind: 'test', record: outcome.value, another: false };
  }
}
