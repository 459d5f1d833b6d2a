import type { Outcome } from '../io/process.ts';
import type { Limits } from './limits.ts';

export interface Bind {
  from: string;
  to: string;
  readOnly?: boolean;
}

/** A root to run in: folders of files, topmost first; the base is the last. */
export interface Root {
  layers: string[];
  /** Where what is written is kept; left out: thrown away. */
  keep?: string;
}

export interface Entry {
  root: Root;
  command: string[];
  /** `loopback`: nothing but the machine itself, for tests whose processes speak to each other. */
  network: boolean | 'loopback';
  user: 'root' | 'builder';
  binds: Bind[];
  env: Record<string, string>;
  /** Folder of this call alone. */
  work: string;
  log?: string;
  /** Its input and outputs are ours, for a person at a terminal. */
  terminal?: boolean;
  /** What this entry may take of the machine; the defaults where left out. */
  limits?: Limits;
  signal?: AbortSignal | undefined;
}

/**
 * How processes are put into a hermetic root. Two kinds: `unshare` (namespaces and overlay, no daemon) and `docker`.
 */
export interface Driver {
  name: 'unshare' | 'docker';
  /** Runs a command in a root; its processes and mounts are gone when it returns, and when we are killed. */
  enter(entry: Entry): Promise<Outcome>;
  /** Unpacks a root's tar with its owners. */
  unpack(tar: string, folder: string): Promise<Outcome>;
  /** Whether what a folder of a root stands for is still there. */
  ready(folder: string): Promise<boolean>;
  /** Bytes of the disk that a folder takes, whatever owners its files have. */
  size(folder: string): Promise<number>;
  /** Removes a folder whatever owners its files have. */
  remove(folder: string): Promise<void>;
  /** Removes the containers of a run that died, by its name. */
  removeContainers?(run: string): Promise<void>;
  /** Removes a root's folder and what it stands for elsewhere, such as an image. */
  discard(folder: string): Promise<void>;
}
