export interface OsTarget {
  os: string;
  release: string;
}

/** rosdep's database, one after another: the first file that has an entry of the key for the OS wins. */
export interface RosdepDatabase {
  files: string[];
  /** key → os → rule as written, and which file it came from. */
  rules: Map<string, Map<string, { rule: unknown; file: number }>>;
  /** All keys that there are; `rules` may have been read for some of them alone. */
  keys: string[];
}

export type RosdepResolution =
  | { kind: 'packages'; installer: string; packages: string[]; depends: string[]; file: string }
  | { kind: 'no-key' }
  /** There is a rule, but none for this OS or release, or it says null. */
  | { kind: 'not-here'; file: string; reason: string };

/** Names that rosdep takes for an installer, where a rule could also name a release. */
export const rosdepInstallers: ReadonlySet<string> = new Set([
  'apt',
  'pip',
  'gem',
  'source',
  'cargo',
  'npm',
  'snap',
  'flatpak',
  'dnf',
  'yum',
  'zypper',
  'pacman',
  'portage',
  'brew',
  'macports',
  'apk',
  'opkg',
  'slackpkg',
  'cygwin',
  'freebsd',
  'nix',
]);
