/**
 * What a plan was made from, so that it can be made again: each repository's commit, each package's tree, each
 * platform's system.
 */
export interface Lockfile {
  schema: 'slipway-lock-1';
  /** UTC, YYYYMMDDHHMMSS. */
  stamp: string;
  /** Distribution → repository. */
  distributions: Record<string, Record<string, LockedRepository>>;
  /**
   * Platform and architecture (`bookworm-amd64`) → its system, as builds found it; of platforms that nothing was built
   * on nothing is known.
   */
  platforms: Record<string, LockedPlatform>;
  /**
   * Scope (`jazzy/bookworm-amd64`) → package → the Debian version that it has, with the stamp of the run that built it.
   * Undefined in locks of plans, from which nothing was built.
   */
  versions?: Record<string, Record<string, string>> | undefined;
}

export interface LockedRepository {
  url: string;
  /** Of a `source` entry, or of an archive its SHA-256. */
  commit?: string;
  /** Of a `release` entry: the released version; each package has a commit of its own. */
  release?: string;
  packages: Record<string, { version: string; path: string; commit?: string; tree?: string }>;
}

export interface LockedPlatform {
  /** SHA-256 of the base system's tar, and of the archive's indices that it was made from. */
  base: string;
  archive: string;
  /** System packages of the base and of every root: name → version. */
  packages: Record<string, string>;
}
