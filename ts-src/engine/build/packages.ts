import { allowedPaths, type AllowedPaths } from '../../inspect/members.ts';
import type { OwnPackage } from '../../sandbox/package-layers.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import { conffilesOf } from '../../model/system-files.ts';
import type { TaskGraph } from '../task-graph.ts';

/** Where a package may have files, and where its symlinks may lead. */
export const allowedPathsOf = ({ scope }: TaskGraph, p: PlannedPackage): AllowedPaths =>
  allowedPaths(p.debian, scope.prefix, scope.underlayPrefixes, p.systemFiles);

/** A package that was built before, and its allowed paths. */
export function ownPackage(graph: TaskGraph, n: number): OwnPackage {
  const deb = graph.records[n]?.debs[0];
  const p = graph.scope.packages[n];
  if (!deb || !p) throw new Error(`package ${n} of ${graph.id} has no record`);
  return {
    deb,
    policy: { package: p.debian, conffiles: conffilesOf(p.systemFiles ?? []), allowed: allowedPathsOf(graph, p) },
  };
}
