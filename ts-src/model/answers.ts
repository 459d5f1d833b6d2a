export type Change = 'added' | 'removed' | 'up' | 'down' | 'changed' | 'rebuilt';

/** One package that is not as it was. `why`: what of it changed, or for whom it is rebuilt. */
export interface PackageChange {
  name: string;
  change: Change;
  before?: string;
  after?: string;
  why?: string;
}

/** What differs between two plans on one distribution and platform, sorted by change and name. */
export interface ScopeChange {
  distribution: string;
  platform: string;
  packages: PackageChange[];
}

/** One thing that a package needs, and where it comes from here. */
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
  /** Debian package, where it is built. */
  debian?: string;
  /** Where the name comes from. */
  from: string;
  /** Place in the plan's order, from 1, and how many there are. */
  place?: number;
  count: number;
  blocked?: string;
  held?: true;
  /** From a package that was named down to this one; each needs the next. Empty where it is not in the plan. */
  why: string[];
  needs: NeedExplained[];
  /** Packages of the plan that need it directly, and how many do through others. */
  neededBy: string[];
  neededByAll: number;
  /** The longest chain of builds through it, first to last. */
  longest: string[];
}

/** All that a plan says of one name. */
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

/** What a key was made of, and what of it is other than in an earlier build of the same package. */
export interface KeyExplained {
  scope: string;
  key: string;
  version: string;
  parts: [string, string][];
  before?: { key: string; version: string; changes: string[] };
}
