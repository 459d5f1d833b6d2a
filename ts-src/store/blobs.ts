/** What is known of one thing in a store. `modified`: milliseconds since 1970. */
export interface BlobInfo {
  name: string;
  size: number;
  modified: number;
  /** Bytes that the disk gets back when it goes: none while it has another name. Left out: its size. */
  disk?: number;
}

/**
 * Where a store's things lie, by name (parts joined by `/`). Each appears whole or not at all. Errors of the place
 * itself (a full disk, a server that keeps refusing) are exceptions.
 */
export interface Blobs {
  /** For people. */
  readonly where: string;
  get(name: string): Promise<Buffer | undefined>;
  put(name: string, data: Buffer): Promise<void>;
  putFile(name: string, file: string): Promise<void>;
  /** Takes a file that is not written again as its own, without a copy; false where it can't. */
  link?(name: string, file: string): Promise<boolean>;
  /** Writes several together: the last one, which may name the others, appears after them. */
  putAll(items: readonly { name: string; data: Buffer }[]): Promise<void>;
  /** Brings it to a file that is not there yet; false where there is no such thing. */
  fetch(name: string, file: string, most: number): Promise<boolean>;
  /**
   * Writes only where it is as it was: `before` is what `getTagged` gave, undefined for nothing. False: another was
   * first.
   */
  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean>;
  getTagged(name: string): Promise<{ data: Buffer; tag: string } | undefined>;
  list(prefix: string): AsyncIterable<BlobInfo>;
  remove(name: string): Promise<void>;
  /** The thing as a file of this machine, where it is one: it is then read in place. */
  local(name: string): string | undefined;
  /** Removes what killed writers left. */
  sweep(): void;
}
