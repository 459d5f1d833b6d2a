import type { Outcome } from '../io/process.ts';
import type { Limits } from './limits.ts';

export interface Bind {
  from: string;
  to: string;
  readOnly?: boolean;
}

/** A root: folders of files, topmost first; the base is the last. */
export interface Root {
  layers: string[];
  /** Folder for written files; undefined: they are discarded. */
  keep?: string;
}

export interface Entry {
  root: Root;
  command: string[];
  /** `loopback`: only the loopback interface, for tests whose processes communicate. */
  network: boolean | 'loopback';
  user: 'root' | 'builder';
  binds: Bind[];
  env: Record<string, string>;
  /** Folder of this call. */
  work: string;
  log?: string;
  /** Inherits the terminal's input and output. */
  terminal?: boolean;
  /** Resource limits of this entry, with defaults. */
  limits?: Limits;
  signal?: AbortSignal | undefined;
}

/** Runs processes in a hermetic root. Drivers: `unshare` (namespaces and overlayfs, no daemon) and `docker`. */
export interface Driver {
  name: 'unshare' | 'docker';
  /** Runs a command in a root. Its processes and mounts are gone when it returns, or when this process is killed. */
  enter(entry: Entry): Promise<Outcome>;
  /** Unpacks a root's tar, preserving owners. */
  unpack(tar: string, folder: string): Promise<Outcome>;
  /** Whether the data of a root's folder still exists. */
  ready(folder: string): Promise<boolean>;
  /** Disk usage of a folder in bytes, regardless of its files' owners. */
  size(folder: string): Promise<number>;
  /** Removes a folder, regardless of its files' owners. */
  remove(folder: string): Promise<void>;
  /** Removes the containers of a run that died, by the run's name. */
  removeContainers?(run: string): Promise<void>;
  /** Removes a root's folder and its data elsewhere, such as an image. */
  discard(folder: string): Promise<void>;
}
