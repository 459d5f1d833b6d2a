/** Metadata of a blob. `modified`: milliseconds since 1970. */
export interface BlobInfo {
  name: string;
  size: number;
  modified: number;
  /** Disk space in bytes that removing it frees; 0 while the file has another name. Default: its size. */
  disk?: number;
}

/**
 * Storage of named blobs (parts of names are joined by `/`). Writes are atomic. Errors of the storage (a full disk, a
 * failing server) are exceptions.
 */
export interface Blobs {
  /** Name for people. */
  readonly where: string;
  get(name: string): Promise<Buffer | undefined>;
  put(name: string, data: Buffer): Promise<void>;
  putFile(name: string, file: string): Promise<void>;
  /** Takes over an immutable file by hard link; false if that is not possible. */
  link?(name: string, file: string): Promise<boolean>;
  /** Writes several blobs. The last one, which may refer to the others, appears after them. */
  putAll(items: readonly { name: string; data: Buffer }[]): Promise<void>;
  /** Downloads a blob to a new file; false if there is no such blob. */
  fetch(name: string, file: string, most: number): Promise<boolean>;
  /**
   * Compare-and-swap: `before` is the tag from `getTagged`, undefined for a missing blob. False if another writer was
   * first.
   */
  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean>;
  getTagged(name: string): Promise<{ data: Buffer; tag: string } | undefined>;
  list(prefix: string): AsyncIterable<BlobInfo>;
  remove(name: string): Promise<void>;
  /** The path of a blob that is a local file, to read it in place. */
  local(name: string): string | undefined;
  /** Removes partial files of killed writers. */
  sweep(): void;
}
