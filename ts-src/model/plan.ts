import type { BuildType } from './build-types/index.ts';
import type { Manifest } from './manifest.ts';
import type { SystemFile } from './system-files.ts';

/**
 * Where a package's files come from: a repository, or a folder of this disk (no commit, no ref). `tree` identifies
 * their content (git's tree object of the package's folder).
 */
export interface PackageSource {
  url: string;
  /** Commit (git) or SHA-256 (archive); undefined where only manifests are known (a cache). */
  commit?: string;
  tree?: string;
  /** Tag of a released package, while no commit is known. */
  ref?: string;
  /** The package's folder in its repository, '' for its root. */
  path: string;
}

export interface SourcePackage {
  name: string;
  repository: string;
  manifest: Manifest;
  /** For diagnostics: where package.xml lies. */
  file: string;
  source: PackageSource;
  /** `build-backend` of its pyproject.toml, where it has one and no setup.py. */
  buildBackend?: string;
  /** Upstream version with the Debian increment, for `release` entries. */
  released?: string;
}

/** All that is known of one distribution before it is planned for a platform. */
export interface DistributionInput {
  name: string;
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  packages: Map<string, SourcePackage>;
  /** Its repositories, those without packages too. */
  repositories: string[];
  /** Names of packages that are there but can't be planned: their package.xml has errors. */
  broken?: ReadonlySet<string>;
  /** Repositories that could not be read, for diagnostics: any package may be in one. */
  unread?: readonly string[];
}

/** System a task runs on. */
export interface Target {
  platform: string;
  os: 'debian' | 'ubuntu';
  release: string;
  architecture: string;
  variant: string;
}

/** Where a dependency comes from. */
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
  /** `forTests`: only tests or documentation of packages of the plan need it, or what these need. */
  why: { named: true } | { neededBy: string; forTests?: true };
  /** Names of packages of this plan, sorted: needed to build it, and at run time (or by whoever builds against it). */
  build: string[];
  run: string[];
  test: string[];
  /** Those of `build` whose programs the build runs (buildtool dependencies, generators of messages). */
  tools: string[];
  /** System (and underlay) packages by apt name, sorted. */
  systemBuild: string[];
  systemRun: string[];
  systemTest: string[];
  /** What its documentation needs beside (doc_depend), where a plan has that: packages of the plan, system packages. */
  docs?: string[];
  systemDocs?: string[];
  /** Debian packages that its build type needs beside those, where it needs some: to build, to test. */
  impliedBuild?: string[];
  impliedTest?: string[];
  /** Version bounds on packages of this plan, as Debian relations by package name. */
  bounds: Record<string, string[]>;
  /** Debian relations of its conflicts and replaces, sorted, where it has some. */
  conflicts?: string[];
  replaces?: string[];
  /** Version bounds on system packages, as Debian relations; `run`: it needs them when it runs. */
  systemBounds?: { package: string; bounds: string[]; run: boolean }[];
  /** Files that it gets outside of the prefix, where distro.yaml says so. */
  systemFiles?: SystemFile[];
  /** Why it can't be built; the diagnostics tell more. */
  blocked?: string;
  /** Its manifest says that it wants no documentation. */
  undocumented?: true;
  /** Not to be built in this run: it must be in the store (`--only`). */
  mustBeCached?: true;
  /** Longest chain of builds below it, in packages. */
  depth: number;
}

/** One distribution on one platform. Its tasks are `packages` × `targets`. */
export interface Scope {
  distribution: string;
  platform: string;
  rosVersion: 1 | 2;
  prefix: string;
  /** Prefixes of the underlays, nearest first. */
  underlayPrefixes: string[];
  targets: Target[];
  /** Sorted so that what a package needs comes before it. */
  packages: PlannedPackage[];
}

/** Everything that a run needs to know; plain data with a published JSON schema. */
export interface Plan {
  schema: 'slipway-plan-1';
  organization: string;
  /** UTC, YYYYMMDDHHMMSS: an input, part of the versions and SOURCE_DATE_EPOCH of what is built. */
  stamp: string;
  scopes: Scope[];
}
