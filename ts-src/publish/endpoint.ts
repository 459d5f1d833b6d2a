import type { BlobInfo } from '../store/blobs.ts';

/** Result of writing an immutable file. `other`: a different file has this name. */
export type Placed = 'written' | 'there' | 'other';

export type Purpose = 'publication' | 'clean-up';

/** Size limit in bytes of a file that is read from a place. Several are read at once. */
export function largestServed(name: string): number {
  if (/(^|\/)(key\.asc|leases\.json)$/.test(name)) return 1 << 20;
  return /(^|\/)(InRelease|states\.json)$/.test(name) ? 16 << 20 : 256 << 20;
}

/** A local file, and its expected content. */
export interface LocalFile {
  path: string;
  sha256: string;
  size: number;
}

/**
 * A place that serves a repository. Names are relative to the repository. Files are written atomically. Errors of the
 * place (a full disk, a failing server) are exceptions with a code.
 */
export interface Endpoint {
  /** The URI without secrets. */
  readonly id: string;
  /** Name for people. */
  readonly where: string;
  /** URI for sources.list. */
  readonly uri: string;
  /** Whether apt can read that URI from here, to test what was published. */
  readonly served: boolean;
  /** The folder, if it is on this machine. */
  readonly folder?: string;
  /** Maximum number of parallel requests. */
  readonly width: number;
  /**
   * Runs `work` excluding clean-ups. Concurrent publications that are not excluded here are detected by `replace`.
   * Undefined if a clean-up can't start now.
   */
  during<T>(purpose: Purpose, work: () => Promise<T>): Promise<T | undefined>;
  /**
   * Reads a file. Whoever serves the place may serve anything: of a file that is larger than `most` (default:
   * `largestServed`), the data may be missing, as that of a damaged file.
   */
  read(name: string, most?: number): Promise<{ data: Buffer; tag: string } | undefined>;
  /** Whether a file exists with this size, if that needs no request; otherwise undefined. */
  has(name: string, size: number): boolean | undefined;
  /** Writes an immutable file. */
  placeFile(name: string, file: LocalFile): Promise<Placed>;
  placeAll(files: readonly { name: string; data: Buffer; sha256: string }[]): Promise<Placed[]>;
  /** Writes a file that may be overwritten: plain names besides the by-hash ones. */
  put(name: string, data: Buffer): Promise<void>;
  /** Writes several files. `like`: an already placed file with the same bytes. */
  putAll(files: readonly { name: string; data: Buffer; like?: string }[]): Promise<void>;
  /** Compare-and-swap: writes only if the file is unchanged since it was read. False if another writer was first. */
  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean>;
  list(prefix: string): AsyncIterable<BlobInfo>;
  remove(name: string): Promise<void>;
  /** Called after all files are switched. Purges caches of these names, if the place has any. */
  switched?(names: readonly string[]): Promise<void>;
}
