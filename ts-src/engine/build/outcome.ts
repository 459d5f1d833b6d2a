import type { PlannedPackage } from '../../model/plan.ts';
import type { TaskGraph } from '../task-graph.ts';
import type { ResolvedTask } from '../task-keys.ts';

/**
 * The result of a stage: its value, the reason why there is none, or the packages of the task's root (by number) whose
 * files the store lost.
 */
export type BuildOutcome<T> =
  { state: 'made'; value: T } | { state: 'failed'; reason: string } | { state: 'lost'; packages: number[] };

export const made = <T>(value: T): { state: 'made'; value: T } => ({ state: 'made', value });
export const failed = (reason: string): { state: 'failed'; reason: string } => ({ state: 'failed', reason });
export const lost = (packages: number[]): { state: 'lost'; packages: number[] } => ({ state: 'lost', packages });

/** One package to be built, or to be tested. */
export interface BuildRequest {
  graph: TaskGraph;
  /** The package's number. */
  number: number;
  package: PlannedPackage;
  resolved: ResolvedTask;
  /** Folder of this call alone, removed after it. */
  work: string;
  log: string;
  /** Set where a package is built once more for comparison: as it was, in conditions that must not count. */
  repeat?: Repeat;
  /** System packages (`name=version`) that many tasks of its kind have. */
  common?: readonly string[];
}

/** What of an earlier build stays: what its packages are called, and the time that counts as now. */
export interface Repeat {
  version: string;
  stamp: string;
}
