export interface OsTarget {
  os: string;
  release: string;
}

/** rosdep's database. The first file with an entry for the key and the OS wins. */
export interface RosdepDatabase {
  files: string[];
  /** key → os → rule as written, and the number of its file. */
  rules: Map<string, Map<string, { rule: unknown; file: number }>>;
  /** All known keys; `rules` may cover only some of them. */
  keys: string[];
}

export type RosdepResolution =
  | { kind: 'packages'; installer: string; packages: string[]; depends: string[]; file: string }
  | { kind: 'no-key' }
  /** There are rules, but none for this OS or release, or the rule is null. */
  | { kind: 'not-here'; file: string; reason: string };

/** Names that rosdep takes for an installer, in places where a rule could also name a release. */
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
