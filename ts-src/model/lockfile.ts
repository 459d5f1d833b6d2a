/**
 * The inputs of a plan, for repeating it: the commit of each repository, the tree of each package, the system of each
 * platform.
 */
export interface Lockfile {
  schema: 'slipway-lock-1';
  /** UTC, YYYYMMDDHHMMSS. */
  stamp: string;
  /** Distribution → repository. */
  distributions: Record<string, Record<string, LockedRepository>>;
  /**
   * Platform and architecture (`bookworm-amd64`) → system packages, as builds found them. Platforms without builds are
   * missing.
   */
  platforms: Record<string, LockedPlatform>;
  /**
   * Scope (`jazzy/bookworm-amd64`) → package → its Debian version with the stamp of the run that built it. Undefined in
   * lockfiles of plans without builds.
   */
  versions?: Record<string, Record<string, string>> | undefined;
}

export interface LockedRepository {
  url: string;
  /** Commit of a `source` entry; for an archive its SHA-256. */
  commit?: string;
  /** Released version of a `release` entry; each package has its own commit. */
  release?: string;
  packages: Record<string, { version: string; path: string; commit?: string; tree?: string }>;
}

export interface LockedPlatform {
  /** SHA-256 of the base system's tar, and of the archive indices that it was made from. */
  base: string;
  archive: string;
  /** System packages of the base and of every root: name → version. */
  packages: Record<string, string>;
}
