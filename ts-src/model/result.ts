/** A file in the store. */
export interface StoredFile {
  name: string;
  sha256: string;
  size: number;
}

/**
 * Digests (SHA-256) of a package's files, for dependents; `inspect/interface.ts` defines what counts and why. `api`:
 * what a dependent's build sees of a library; `tool`: what a build that runs the package sees, without the code of
 * shared libraries; `code`: with that code, and sources without comments; `full`: every byte.
 */
export interface Interface {
  api: string;
  tool: string;
  code: string;
  full: string;
  /** It contains programs or Python extensions, which load shared libraries. */
  loads: boolean;
  /** It contains programs that a dependent's build may run without declaring it as a tool. */
  offers: boolean;
}

/** The record of a finished build, stored under the task's key. */
export interface BuildRecord {
  schema: 4;
  key: string;
  package: string;
  /** Debian version, with the stamp of the plan that built it. */
  version: string;
  /** Debian packages: the binary package first, its debug symbols after it. */
  debs: StoredFile[];
  /** JSON list of the binary package's paths, without directories. */
  files: StoredFile;
  /** Names of system packages in its Depends. */
  systemDepends: string[];
  interface: Interface;
  /** The ABI name that it provides, and those that it requires. */
  abi: string;
  requires: string[];
  /** Inputs of the key, by part, for `explain`. */
  inputs: Record<string, string>;
  /** System packages (`name=version`) of its root besides the base's, and digests of the packages in it; for people. */
  system: string[];
  roots: Record<string, string>;
  milliseconds: number;
  /** What its maintainer should know although it was built. */
  warning?: string;
}

/** The part of a record that other keys and the channel need. An index holds these for all packages of a scope. */
export type BriefRecord = Omit<BuildRecord, 'system' | 'roots' | 'inputs'>;

/** A test case of any test framework. */
export interface TestCase {
  suite: string;
  name: string;
  seconds: number;
  result: 'passed' | 'failed' | 'skipped';
  message: string;
  output: string;
  flaky?: boolean;
}

/** A test case that failed. */
export interface FailedCase {
  suite: string;
  name: string;
  message: string;
}

/** The record of a package's tests, stored under the test task's key. */
export interface TestRecord {
  schema: 4;
  key: string;
  package: string;
  outcome: 'passed' | 'failed' | 'none';
  /** Number of cases by result; `flaky`: failed and passed at the same key. */
  tests: number;
  failures: number;
  skipped: number;
  failed: FailedCase[];
  flaky: FailedCase[];
  attempts: number;
  /** A JUnit file, and the log. */
  junit?: StoredFile;
  log: StoredFile;
  inputs: Record<string, string>;
  milliseconds: number;
}

/** The part of a test record in an index. */
export type BriefTest = Omit<TestRecord, 'inputs'>;

/** An index of a scope's last runs, by key. */
export interface Hints {
  builds: Map<string, BriefRecord>;
  tests: Map<string, BriefTest>;
}

export type TaskKind = 'build' | 'test' | 'docs';
export type TaskState = 'cached' | 'built' | 'passed' | 'failed' | 'stopped' | 'blocked' | 'waiting';

/** The result of a task in a run; reports are made of these. */
export interface TaskResult {
  id: string;
  name: string;
  kind: TaskKind;
  state: TaskState;
  /** Why it is missing, or why it was built. */
  reason: string;
  /** Of a build, also of a cached one. */
  warning?: string;
  version?: string;
  key?: string;
  started?: number;
  finished?: number;
  log?: string;
  debs?: StoredFile[];
  /** For a documentation task: statistics of its pages. */
  docs?: { documented: number; total: number; warnings: number };
  /** For a test task: number of cases by result. */
  tests?: { tests: number; failures: number; skipped: number; flaky: number; junit?: string };
}

/** Whether a task is done, so that dependents may start. */
export const isDone = (state: TaskState): boolean => state === 'cached' || state === 'built' || state === 'passed';
