/** One source repository of a distribution, from distribution.yaml (REP 143) or a .repos file. */
export interface Repository {
  name: string;
  /** What is developed: a branch, tag or commit. */
  source?: SourceEntry;
  /** What is released (bloom): packages, version with its Debian increment, the tag of each. */
  release?: ReleaseEntry;
  /** What is documented. */
  doc?: SourceEntry;
  /** Where the entry stands. */
  file: string;
  line?: number | undefined;
}

/** A repository and the line that names it, for diagnostics. */
export const whereOf = ({ name, file, line }: Repository): string =>
  `'${name}' (${line === undefined ? file : `${file}:${line}`})`;

export interface SourceEntry {
  type: 'git' | 'tar' | 'zip' | 'hg' | 'svn';
  url: string;
  /** Branch, tag or commit; undefined: the remote's HEAD. */
  version?: string;
  /** SHA-256 in hex, of an archive. */
  sha256?: string;
}

/** An archive, which none is without its checksum. */
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
  /** Manifests of released packages, as text by package (the rosdistro cache). */
  manifests?: Record<string, string>;
  files: string[];
}
