import { Numbers } from '../graph/numbers.ts';
import { inverse, needsOf, type Edges } from '../graph/graph.ts';
import { documentationNeeds } from './task-graph.ts';
import type { Closures } from '../plan/closure.ts';

/**
 * What waits for what. Nodes are a run's tasks (the build of package n is n, its tests are `count + n`, its
 * documentation is `2 * count + n`) and above them
 * sets of packages that become usable together: one package, or those that need each other to run. A task waits until
 * what it names is usable, a set until its packages are built and what they need to run is usable: an edge for each
 * dependency that is named, where an edge for each package of each root would be a hundred times as many.
 */
export interface Readiness {
  /** By node, how many others it still waits for. */
  pending: Numbers;
  /** By node, those that wait for it. */
  dependents: (node: number) => Int32Array;
}

/** `isTask`: tests that are not asked for are none. */
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

/** `needs`: by node those that it waits for. */
export const readiness = (needs: Edges): Readiness => ({
  pending: Numbers.of(needs, (n) => n.length),
  dependents: inverse(needs),
});
