import type { BuildType } from './build-types/index.ts';
import type { Manifest } from './manifest.ts';
import type { SystemFile } from './system-files.ts';

/**
 * Origin of a package's files: a repository, or a local folder (without commit and ref). `tree` identifies the content
 * (git's tree object of the package's folder).
 */
export interface PackageSource {
  url: string;
  /** Commit (git) or SHA-256 (archive); undefined if only manifests are known (a cache). */
  commit?: string;
  tree?: string;
  /** Tag of a released package while its commit is unknown. */
  ref?: string;
  /** The package's folder in its repository; '' for the root. */
  path: string;
}

export interface SourcePackage {
  name: string;
  repository: string;
  manifest: Manifest;
  /** Location of package.xml for diagnostics. */
  file: string;
  source: PackageSource;
  /** `build-backend` of pyproject.toml, if the package has no setup.py. */
  buildBackend?: string;
  /** For `release` entries: upstream version with the Debian increment. */
  released?: string;
}

/** Everything known about a distribution, independent of platforms. */
export interface DistributionInput {
  name: string;
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  packages: Map<string, SourcePackage>;
  /** Its repositories, including those without packages. */
  repositories: string[];
  /** Packages that can't be planned because their package.xml has errors. */
  broken?: ReadonlySet<string>;
  /** Repositories that could not be read, for diagnostics: they may contain any package. */
  unread?: readonly string[];
}

/** The system that a task runs on. */
export interface Target {
  platform: string;
  os: 'debian' | 'ubuntu';
  release: string;
  architecture: string;
  variant: string;
}

/** The origin of a dependency. */
export type Origin = 'built' | 'underlay' | 'system';

export interface PlannedPackage {
  name: string;
  repository: string;
  /** Upstream's version. */
  version: string;
  buildType: BuildType;
  source: PackageSource;
  /** Debian name of the binary package. */
  debian: string;
  /** `forTests`: only tests or documentation of the plan's packages need it, directly or indirectly. */
  why: { named: true } | { neededBy: string; forTests?: true };
  /**
   * Packages of this plan, sorted: build dependencies, and run dependencies (including those of users of its headers).
   */
  build: string[];
  run: string[];
  test: string[];
  /** Members of `build` whose programs the build runs (buildtool dependencies, message generators). */
  tools: string[];
  /** System and underlay packages by apt name, sorted. */
  systemBuild: string[];
  systemRun: string[];
  systemTest: string[];
  /**
   * Additional dependencies of its documentation (doc_depend), if planned: packages of the plan, and system packages.
   */
  docs?: string[];
  systemDocs?: string[];
  /** Debian packages that its build type adds, if any: for builds, and for tests. */
  impliedBuild?: string[];
  impliedTest?: string[];
  /** Version bounds on packages of this plan as Debian relations, by package name. */
  bounds: Record<string, string[]>;
  /** Conflicts and replaces as Debian relations, sorted, if any. */
  conflicts?: string[];
  replaces?: string[];
  /** Version bounds on system packages as Debian relations; `run`: needed at run time. */
  systemBounds?: { package: string; bounds: string[]; run: boolean }[];
  /** Files outside of the prefix that distro.yaml allows. */
  systemFiles?: SystemFile[];
  /** Why it can't be built; diagnostics have details. */
  blocked?: string;
  /** Its manifest opts out of documentation. */
  undocumented?: true;
  /** Not built in this run: it must be in the store (`--only`). */
  mustBeCached?: true;
  /** Length of the longest chain of builds below it, in packages. */
  depth: number;
}

/** One distribution on one platform. Tasks: `packages` × `targets`. */
export interface Scope {
  distribution: string;
  platform: string;
  rosVersion: 1 | 2;
  prefix: string;
  /** Prefixes of underlays, nearest first. */
  underlayPrefixes: string[];
  targets: Target[];
  /** Topologically sorted: dependencies come first. With `--only` they are here too, with `mustBeCached`. */
  packages: PlannedPackage[];
}

/** Everything that a run needs; plain data with a published JSON schema. */
export interface Plan {
  schema: 'slipway-plan-1';
  organization: string;
  /** UTC, YYYYMMDDHHMMSS. An input; it becomes part of versions and SOURCE_DATE_EPOCH. */
  stamp: string;
  scopes: Scope[];
}
