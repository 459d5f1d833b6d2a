import type { PackagePolicy } from '../../sandbox/package-file.ts';
import type { OwnPackage } from '../../sandbox/package-layers.ts';
import type { TaskGraph } from '../task-graph.ts';

const prefixOf = (graph: TaskGraph): string => graph.scope.prefix.replace(/^\//, '');

/** What a package that was built before may hold. */
export const ownPackage = (graph: TaskGraph, n: number): OwnPackage => ({
  deb: graph.records[n]!.debs[0]!,
  policy: { package: graph.scope.packages[n]!.debian, prefix: prefixOf(graph) },
});

/** What was planned of a package that was just built. */
export interface Planned {
  debian: string;
  version: string;
  architecture: string;
  provides: readonly string[];
  conflicts: readonly string[];
  replaces: readonly string[];
}

export const plannedPolicy = (graph: TaskGraph, planned: Planned): PackagePolicy => ({
  package: planned.debian,
  version: planned.version,
  architecture: planned.architecture,
  provides: planned.provides,
  conflicts: planned.conflicts,
  replaces: planned.replaces,
  prefix: prefixOf(graph),
});
