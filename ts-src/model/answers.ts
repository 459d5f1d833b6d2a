export type Change = 'added' | 'removed' | 'up' | 'down' | 'changed' | 'rebuilt';

/** A changed package. `why`: what changed in it, or which change rebuilds it. */
export interface PackageChange {
  name: string;
  change: Change;
  before?: string;
  after?: string;
  why?: string;
}

/** Differences between two plans on one distribution and platform, sorted by change and name. */
export interface ScopeChange {
  distribution: string;
  platform: string;
  packages: PackageChange[];
}

/** A dependency of a package, and where it comes from on this platform. */
export interface NeedExplained {
  name: string;
  for: string[];
  tag: string;
  group?: string;
  line: number;
  from: string;
}

export interface ScopeExplained {
  distribution: string;
  platform: string;
  /** Debian package, if it is built. */
  debian?: string;
  /** Origin of the name. */
  from: string;
  /** Position in the plan's order, from 1, and the number of packages. */
  place?: number;
  count: number;
  blocked?: string;
  held?: true;
  /** A chain from a named package to this one, each depending on the next. Empty if it is not in the plan. */
  why: string[];
  needs: NeedExplained[];
  /** Packages of the plan that depend on it directly, and the number of indirect ones. */
  neededBy: string[];
  neededByAll: number;
  /** The longest chain of builds through it, in order. */
  longest: string[];
}

/** Everything that a plan knows about a name. */
export interface Explanation {
  name: string;
  package?: {
    version: string;
    buildType: string;
    repository: string;
    file: string;
    url: string;
    at: string;
    path: string;
    description: string;
    maintainers: string[];
    licenses: string[];
  };
  /** Dependencies whose condition is false. */
  conditional: { name: string; tag: string; condition: string }[];
  scopes: ScopeExplained[];
}

/** The inputs of a key, and how they differ from an earlier build of the same package. */
export interface KeyExplained {
  scope: string;
  key: string;
  version: string;
  parts: [string, string][];
  before?: { key: string; version: string; changes: string[] };
}
