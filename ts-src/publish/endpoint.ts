import type { BlobInfo } from '../store/blobs.ts';

/** What became of a file that is written once. `other`: one with other bytes is there under its name. */
export type Placed = 'written' | 'there' | 'other';

export type Purpose = 'publication' | 'clean-up';

/** A file on this machine, and what its bytes must be. */
export interface LocalFile {
  path: string;
  sha256: string;
  size: number;
}

/**
 * Where a repository is served from. Names are relative to the repository; each file appears whole or not at all.
 * Faults of the place itself (a full disk, a server that keeps refusing) are exceptions with a code.
 */
export interface Endpoint {
  /** The URI that it was opened by, without secrets. */
  readonly id: string;
  /** For people. */
  readonly where: string;
  /** What a sources.list names. */
  readonly uri: string;
  /** Whether a client may read it there: then a real apt tries what was published. */
  readonly served: boolean;
  /** Where it is a folder of this machine. */
  readonly folder?: string;
  /** Requests at once that it bears. */
  readonly width: number;
  /**
   * Runs `work` so that no clean-up goes on beside a publication. Two publications at once are told apart by `replace`
   * where they are not kept apart here. Undefined where a clean-up must wait for others.
   */
  during<T>(purpose: Purpose, work: () => Promise<T>): Promise<T | undefined>;
  read(name: string): Promise<{ data: Buffer; tag: string } | undefined>;
  /** Whether a file is there with this size, where that can be seen without a request; undefined elsewhere. */
  has(name: string, size: number): boolean | undefined;
  /** Writes what never changes. */
  placeFile(name: string, file: LocalFile): Promise<Placed>;
  placeAll(files: readonly { name: string; data: Buffer; sha256: string }[]): Promise<Placed[]>;
  /** Writes what may be overwritten: plain names beside the by-hash ones. */
  put(name: string, data: Buffer): Promise<void>;
  /** The same for several. `like`: a file that was placed with the same bytes. */
  putAll(files: readonly { name: string; data: Buffer; like?: string }[]): Promise<void>;
  /** Writes only where it is as it was read; false: another writer was first. */
  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean>;
  list(prefix: string): AsyncIterable<BlobInfo>;
  remove(name: string): Promise<void>;
  /** Called once all is switched: clears caches of these names where the place has some. */
  switched?(names: readonly string[]): Promise<void>;
}
