import { join } from 'node:path';
import type { BriefRecord, BuildRecord } from '../model/result.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import { failed, type BuildOutcome, type BuildRequest } from './build/outcome.ts';
import type { PackageBuilder } from './build/package-builder.ts';
import { packageOf, recordOf, type TaskGraph } from './task-graph.ts';
import type { TaskKeys } from './task-keys.ts';
import { WorkFolders } from './work-folders.ts';

export interface RepairOptions {
  driver: Driver;
  state: string;
  store: Store;
  taskKeys: TaskKeys;
  builder: PackageBuilder;
  /** Folder of logs: `logs/` below it. */
  output: string;
  note: (text: string) => void;
  restored: (graph: TaskGraph, n: number, record: BuildRecord) => void;
}

/** An outcome after repair: nothing is lost anymore. */
export type Repaired<T> = Exclude<BuildOutcome<T>, { state: 'lost' }>;

/** Runs builds and tests in work folders. First rebuilds packages of the root that the store has lost. */
export class StoreRepair {
  private readonly restoring = new Map<BriefRecord, Promise<string | undefined>>();
  private readonly folders: WorkFolders;
  constructor(private readonly options: RepairOptions) {
    this.folders = new WorkFolders(options);
  }

  async run<T>(graph: TaskGraph, work: (folder: string) => Promise<BuildOutcome<T>>): Promise<Repaired<T>> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const outcome = await this.folders.use(work);
      if (outcome.state !== 'lost') return outcome;
      for (const d of outcome.packages) {
        const fault = await this.restore(graph, d);
        if (fault !== undefined) return failed(fault);
      }
    }
    return failed('the store keeps losing what it needs: is its disk sound?');
  }

  /** Waits until the work folders of ended tasks are removed. */
  foldersRemoved(): Promise<void> {
    return this.folders.removed();
  }

  /** Builds a package and stores its record. */
  async build(graph: TaskGraph, request: Omit<BuildRequest, 'work'>): Promise<Repaired<BuildRecord>> {
    const outcome = await this.run(graph, (work) => this.options.builder.build({ ...request, work }));
    if (outcome.state === 'made') await this.options.store.putRecord(outcome.value);
    return outcome;
  }

  /** Rebuilds a package whose files the store has lost, once for all dependents. */
  private restore(graph: TaskGraph, d: number): Promise<string | undefined> {
    const record = recordOf(graph, d);
    let under = this.restoring.get(record);
    if (!under) this.restoring.set(record, (under = this.restoreNow(graph, d)));
    return under;
  }

  private async restoreNow(graph: TaskGraph, d: number): Promise<string | undefined> {
    const { options } = this;
    const p = packageOf(graph, d);
    options.note(`the store lost ${p.name}, or it was damaged: it is built again`);
    const resolved = await options.taskKeys.resolveKey(graph, d);
    if (typeof resolved === 'string') return resolved;
    const log = join(options.output, 'logs', graph.id, `${p.name}.log`);
    const outcome = await this.build(graph, { graph, number: d, package: p, resolved, log });
    if (outcome.state === 'failed') return `'${p.name}' was lost, and can't be built again: ${outcome.reason}`;
    options.restored(graph, d, outcome.value);
    return undefined;
  }
}
