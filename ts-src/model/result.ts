/** A file in the store. */
export interface StoredFile {
  name: string;
  sha256: string;
  size: number;
}

/**
 * What a package shows to others, as SHA-256 of its files, sorted: `inspect/interface.ts` says what counts and
 * why. `api`: what a dependent's build can see of a library; `tool`: the same for whoever runs the package in its
 * build, all of it but the code in shared libraries; `code`: that code too, sources without comments; `full`: every
 * byte.
 */
export interface Interface {
  api: string;
  tool: string;
  code: string;
  full: string;
  /** It has programs or Python extensions: something that loads shared libraries. */
  loads: boolean;
  /** It has programs that a dependent's build may run though it names it as no tool. */
  offers: boolean;
}

/** What the store keeps of a finished build, under the task's key. */
export interface BuildRecord {
  schema: 4;
  key: string;
  package: string;
  /** Debian version, with the stamp of the plan that built it. */
  version: string;
  /** Debian packages: the binary package first, its debug symbols after it. */
  debs: StoredFile[];
  /** JSON list of the paths that the binary package ships, directories left out. */
  files: StoredFile;
  /** Relations of its Depends that the system gives, as names. */
  systemDepends: string[];
  interface: Interface;
  /** The ABI name that it provides, and those that it requires. */
  abi: string;
  requires: string[];
  /** What went into the key, by part: what `explain` compares. */
  inputs: Record<string, string>;
  /**
   * System packages (`name=version`) of its root beside the base's, and what stood for each package in it: for people.
   */
  system: string[];
  roots: Record<string, string>;
  milliseconds: number;
}

/** The part of a record that others' keys and the channel need; an index holds these, for all packages of a scope. */
export type BriefRecord = Omit<BuildRecord, 'system' | 'roots' | 'inputs'>;

/** One test case, whoever ran it. */
export interface TestCase {
  suite: string;
  name: string;
  seconds: number;
  result: 'passed' | 'failed' | 'skipped';
  message: string;
  output: string;
  flaky?: boolean;
}

/** One test case that did not pass. */
export interface FailedCase {
  suite: string;
  name: string;
  message: string;
}

/** What the store keeps of a package's tests, under the test task's key. */
export interface TestRecord {
  schema: 4;
  key: string;
  package: string;
  outcome: 'passed' | 'failed' | 'none';
  /** Cases by result; `flaky`: they failed and passed at the same key. */
  tests: number;
  failures: number;
  skipped: number;
  failed: FailedCase[];
  flaky: FailedCase[];
  attempts: number;
  /** One JUnit file, and the log. */
  junit?: StoredFile;
  log: StoredFile;
  inputs: Record<string, string>;
  milliseconds: number;
}

/** As much of it as an index holds. */
export type BriefTest = Omit<TestRecord, 'inputs'>;

/** What an index says of a scope's last runs, by key. */
export interface Hints {
  builds: Map<string, BriefRecord>;
  tests: Map<string, BriefTest>;
}

export type TaskKind = 'build' | 'test' | 'docs';
export type TaskState = 'cached' | 'built' | 'passed' | 'failed' | 'stopped' | 'blocked' | 'waiting';

/** What became of one task in a run; the report is made of these. */
export interface TaskResult {
  id: string;
  name: string;
  kind: TaskKind;
  state: TaskState;
  /** Why it is not there, or why it was built. */
  reason: string;
  version?: string;
  key?: string;
  started?: number;
  finished?: number;
  log?: string;
  debs?: StoredFile[];
  /** Of a documentation task: what its pages say of themselves. */
  docs?: { documented: number; total: number; warnings: number };
  /** Of a test task. */
  tests?: { tests: number; failures: number; skipped: number; flaky: number; junit?: string };
}

/** A task is done and what needs it may go on. */
export const isDone = (state: TaskState): boolean => state === 'cached' || state === 'built' || state === 'passed';
