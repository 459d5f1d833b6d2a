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

/** One package to build, test or document. */
export interface BuildRequest {
  graph: TaskGraph;
  /** The package's number. */
  number: number;
  package: PlannedPackage;
  resolved: ResolvedTask;
  /** Work folder of this call, removed afterwards. */
  work: string;
  log: string;
  /** Set for a reproducibility check: builds the package again under conditions that must not matter. */
  repeat?: Repeat;
  /** System packages (`name=version`) shared by many tasks of its kind. */
  common?: readonly string[];
}

/** Values taken from the earlier build: the version, and the time that the build sees as now. */
export interface Repeat {
  version: string;
  stamp: string;
}
