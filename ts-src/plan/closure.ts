import { BitSet } from '../graph/bit-set.ts';
import { cycles, needsOf, type Edges } from '../graph/graph.ts';
import { at } from '../model/lists.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';

/** A scope's packages as numbers, and what each needs in its root: all it builds on, with what those need to run. */
export interface Closures {
  index: Map<string, number>;
  /** By package, what it names to be built with, and for its tests: as far as it is in the scope. */
  build: Edges;
  test: Edges;
  /** By package, what it names for its documentation beside. */
  docs: Edges;
  /** By package, what it names to run; and for those on a cycle of these all packages of the cycle. */
  runtimeDependencies: Edges;
  runtimeCycles: ReadonlyMap<number, readonly number[]>;
  /** For each package the packages in its build root, by number in plan order, sorted. Built when asked for. */
  root(n: number): number[];
  /**
   * The packages in the root of its tests: that of its build, what its tests need, and itself, with what they need to
   * run.
   */
  testRoot(n: number): number[];
  /**
   * The packages in the root of its documentation: that of its build, what its documentation needs, and itself, with
   * what they need to run.
   */
  docsRoot(n: number): number[];
  /** What must be installed with a package: its run dependencies, theirs, and so on; itself left out. */
  run(n: number): number[];
}

export function closuresOf(scope: Pick<Scope, 'packages'>): Closures {
  const { packages } = scope;
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const numbers = (names: string[]) => names.flatMap((n) => index.get(n) ?? []);
  const runs = packages.map((p) => numbers(p.run));
  const build = packages.map((p) => numbers(p.build));
  const test = packages.map((p) => numbers(p.test));
  const docs = packages.map((p) => numbers(p.docs ?? []));
  /** What each brings with it, itself left in where it is on a cycle. */
  const brought: (BitSet | undefined)[] = packages.map(() => undefined);
  const reach = (from: readonly number[]): BitSet => {
    const seen = BitSet.below(packages.length);
    const stack = [...from];
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      if (seen.has(n)) continue;
      seen.add(n);
      const known = brought[n];
      if (known) seen.join(known);
      else for (const d of needsOf(runs, n)) stack.push(d);
    }
    return seen;
  };
  runs.forEach((needs, n) => (brought[n] = reach(needs)));
  const roots = new Map<number, number[]>();
  const without = (set: BitSet, n: number): number[] => {
    set.delete(n);
    return set.numbers();
  };
  return {
    index,
    build,
    test,
    docs,
    runtimeDependencies: runs,
    runtimeCycles: new Map(cycles(runs).flatMap((set) => set.map((n) => [n, set] as const))),
    run: (n) => without(at(brought, n).copy(), n),
    root(n) {
      let r = roots.get(n);
      if (!r) roots.set(n, (r = without(reach(needsOf(build, n)), n)));
      return r;
    },
    docsRoot: (n) => reach([n, ...(build[n] ?? []), ...(docs[n] ?? [])]).numbers(),
    testRoot: (n) => reach([n, ...needsOf(build, n), ...needsOf(test, n)]).numbers(),
  };
}

/**
 * For each of some packages, all that are built with it in their root, by name, whatever the scope: what is rebuilt
 * where it shows something else.
 */
export function usersOf(scopes: readonly Scope[], wanted: ReadonlySet<string>): Record<string, string[]> {
  const users = new Map<string, Set<string>>([...wanted].sort().map((name) => [name, new Set()]));
  for (const scope of scopes) {
    const closures = closuresOf(scope);
    scope.packages.forEach((p, n) => {
      for (const d of closures.root(n)) users.get(at(scope.packages, d).name)?.add(p.name);
    });
  }
  return Object.fromEntries([...users].map(([name, all]) => [name, [...all].sort()]));
}

/** For each package the length in milliseconds of the longest chain of builds that waits for it, itself counted. */
export function remainingPaths(
  packages: readonly PlannedPackage[],
  milliseconds: (p: PlannedPackage) => number,
): number[] {
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const longest = packages.map(milliseconds);
  for (let n = packages.length - 1; n >= 0; n--) {
    const { build, run } = at(packages, n);
    const above = at(longest, n);
    for (const name of [...build, ...run]) {
      const d = index.get(name);
      if (d !== undefined && d < n) longest[d] = Math.max(at(longest, d), above + milliseconds(at(packages, d)));
    }
  }
  return longest;
}
