import { Numbers } from '../graph/numbers.ts';
import { inverse, needsOf, type Edges } from '../graph/graph.ts';
import { documentationNeeds } from './task-graph.ts';
import type { Closures } from '../plan/closure.ts';

/**
 * Pending dependencies of a run's tasks. Nodes are tasks (the build of package n is n, its tests are `count + n`, its
 * documentation is `2 * count + n`) and, above them, sets of packages that become usable together: one package, or a
 * cycle of run dependencies. A task waits until its named dependencies are usable; a set waits until its packages are
 * built and their run dependencies are usable. One edge per named dependency suffices; edges for every package of every
 * root would be a hundred times as many.
 */
export interface Readiness {
  /** By node, the number of nodes that it still waits for. */
  pending: Numbers;
  /** By node, the nodes that wait for it. */
  dependents: (node: number) => Int32Array;
}

/** `isTask`: whether a task is part of this run. */
export function packageReadiness(closures: Closures, isTask: (task: number) => boolean): Readiness {
  const { build, test, docs, runtimeDependencies: runs, runtimeCycles: together } = closures;
  const count = build.length;
  const setOf = Numbers.filled(count, -1);
  const sets: (readonly number[])[] = [];
  for (let n = 0; n < count; n++) {
    if (setOf.get(n) >= 0) continue;
    const members = together.get(n) ?? [n];
    for (const m of members) setOf.set(m, 3 * count + sets.length);
    sets.push(members);
  }
  const usable = (packages: readonly number[]) => packages.map((d) => setOf.get(d));
  return readiness([
    ...build.map(usable),
    ...build.map((built, n) =>
      isTask(count + n) ? [setOf.get(n), ...usable(built), ...usable(needsOf(test, n))] : [],
    ),
    ...documentationNeeds(closures).map((needs, n) =>
      isTask(2 * count + n)
        ? [
            ...usable([n, ...(build[n] ?? []), ...(docs[n] ?? [])]),
            ...needs.map((d) => 2 * count + d).filter((task) => isTask(task)),
          ]
        : [],
    ),
    ...sets.map((members, i) =>
      members.flatMap((m) => [m, ...usable(needsOf(runs, m)).filter((s) => s !== 3 * count + i)]),
    ),
  ]);
}

/** `needs`: by node, the nodes that it waits for. */
export const readiness = (needs: Edges): Readiness => ({
  pending: Numbers.of(needs, (n) => n.length),
  dependents: inverse(needs),
});
