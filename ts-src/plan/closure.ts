import { BitSet } from '../graph/bit-set.ts';
import { cycles, needsOf, type Edges } from '../graph/graph.ts';
import { at } from '../model/lists.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';

/** A scope's packages as numbers, and the packages in their roots: build dependencies with their run closures. */
export interface Closures {
  index: Map<string, number>;
  /** By package: its declared build dependencies, and below its test dependencies, within the scope. */
  build: Edges;
  test: Edges;
  /** By package: its declared documentation dependencies. */
  docs: Edges;
  /** By package: its declared run dependencies; for members of a cycle, all members. */
  runtimeDependencies: Edges;
  runtimeCycles: ReadonlyMap<number, readonly number[]>;
  /** Packages in a package's build root, as sorted numbers in plan order. Computed on demand. */
  root(n: number): number[];
  /**
   * Packages in the root of its tests: the build root, test dependencies and the package itself, with their run
   * closures.
   */
  testRoot(n: number): number[];
  /**
   * Packages in the root of its documentation: the build root, documentation dependencies and the package itself, with
   * their run closures.
   */
  docsRoot(n: number): number[];
  /** The transitive run dependencies of a package, without itself. */
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
  /** The run closure of each package, including itself if it is on a cycle. */
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
 * By package: the names of all packages in any scope that have it in their build root, which are rebuilt if its
 * interface changes.
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

/** By package: length in milliseconds of the longest chain of builds from it on, including itself. */
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
