/** A file in the store. */
export interface StoredFile { name: string; sha256: string; size: number }

/** What the store keeps of a finished build, under the task's key. */
export interface BuildRecord {
  schema: 2;
  key: string;
  package: string;
  /** Debian version, with the stamp of the plan that built it. */
  version: string;
  /** Debian packages: the binary package first, its debug symbols after it. */
  debs: StoredFile[];
  /** Paths that the binary package ships, directories left out. */
  files: string[];
  /** Relations of its Depends that the system gives, as names. */
  systemDepends: string[];
  /** What went into the key, by part: what `explain` compares. */
  inputs: Record<string, string>;
  milliseconds: number;
}

export type TaskState = 'kept' | 'built' | 'failed' | 'stopped' | 'blocked' | 'waiting';

/** What became of one task in a run; the report is made of these. */
export interface TaskResult {
  id: string;
  name: string;
  state: TaskState;
  /** Why it is not there, or why it was built. */
  reason: string;
  version?: string;
  key?: string;
  started?: number;
  finished?: number;
  log?: string;
  debs?: StoredFile[];
}
