import { allowedPaths, type AllowedPaths } from '../../inspect/members.ts';
import type { OwnPackage } from '../../sandbox/package-layers.ts';
import type { TaskGraph } from '../task-graph.ts';

/** Where a package of the plan may have files, and where its links may lead. */
export const placesOf = ({ scope }: TaskGraph, debian: string): AllowedPaths =>
  allowedPaths(debian, scope.prefix, scope.underlayPrefixes);

/** A package that was built before, and what it may hold. */
export function ownPackage(graph: TaskGraph, n: number): OwnPackage {
  const deb = graph.records[n]?.debs[0];
  const debian = graph.scope.packages[n]?.debian;
  if (!deb || debian === undefined) throw new Error(`package ${n} of ${graph.id} has no record`);
  return { deb, policy: { package: debian, allowed: placesOf(graph, debian) } };
}
