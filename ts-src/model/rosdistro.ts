/** A source repository of a distribution, from distribution.yaml (REP 143) or a .repos file. */
export interface Repository {
  name: string;
  /** The development source: a branch, tag or commit. */
  source?: SourceEntry;
  /** The release (bloom): packages, version with Debian increment, tag pattern. */
  release?: ReleaseEntry;
  /** The documentation source. */
  doc?: SourceEntry;
  /** File of the entry. */
  file: string;
  line?: number | undefined;
}

/** Location of a repository's entry, for diagnostics. */
export const whereOf = ({ name, file, line }: Repository): string =>
  `'${name}' (${line === undefined ? file : `${file}:${line}`})`;

export interface SourceEntry {
  type: 'git' | 'tar' | 'zip' | 'hg' | 'svn';
  url: string;
  /** Branch, tag or commit; undefined: the remote's HEAD. */
  version?: string;
  /** For an archive: SHA-256 in hex. */
  sha256?: string;
}

/** An archive; its checksum is required. */
export type ArchiveEntry = SourceEntry & { type: 'tar' | 'zip'; sha256: string };

export const isArchive = (entry: SourceEntry): entry is ArchiveEntry =>
  (entry.type === 'tar' || entry.type === 'zip') && entry.sha256 !== undefined;

export interface ReleaseEntry {
  url: string;
  version?: string;
  packages: string[];
  /** A pattern with {package} and {version}. */
  tag?: string;
}

export interface DistributionFile {
  name: string;
  repositories: Repository[];
  /** os → code names. */
  releasePlatforms: Record<string, string[]>;
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  /** Manifests of released packages by name (the rosdistro cache). */
  manifests?: Record<string, string>;
  files: string[];
}
