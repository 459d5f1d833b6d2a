import type { PlannedPackage, Scope } from '../model/plan.ts';

/** A scope's packages as numbers, and what each needs in its root: all it builds on, with what those need to run. */
export interface Closures {
  index: Map<string, number>;
  /** For each package the packages in its build root, by number in plan order, sorted. Built when asked for. */
  root(n: number): number[];
  /** The packages in the root of its tests: that of its build, what its tests need, and itself, with what they need to run. */
  testRoot(n: number): number[];
  /** What must be installed with a package: its run dependencies, theirs, and so on; itself left out. */
  run(n: number): number[];
}

export function closuresOf(scope: Pick<Scope, 'packages'>): Closures {
  const { packages } = scope;
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const runs = new Map<number, number[]>();
  const roots = new Map<number, number[]>();
  const numbers = (names: string[]) => names.flatMap((n) => index.get(n) ?? []);
  const reach = (from: number[]): number[] => {
    const seen = new Set<number>();
    const stack = [...from];
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      if (seen.has(n)) continue;
      seen.add(n);
      const known = runs.get(n);
      if (known) for (const d of known) seen.add(d);
      else stack.push(...numbers(packages[n]!.run));
    }
    return [...seen].sort((a, b) => a - b);
  };
  const run = (n: number): number[] => {
    let r = runs.get(n);
    if (!r) {
      r = reach(numbers(packages[n]!.run)).filter((d) => d !== n);
      runs.set(n, r);
    }
    return r;
  };
  packages.forEach((_, n) => run(n));
  return {
    index, run,
    root(n) {
      let r = roots.get(n);
      if (!r) roots.set(n, (r = reach(numbers(packages[n]!.build)).filter((d) => d !== n)));
      return r;
    },
    testRoot: (n) => reach([n, ...numbers(packages[n]!.build), ...numbers(packages[n]!.test)]),
  };
}

/** For each package the length in milliseconds of the longest chain of builds that waits for it, itself counted. */
export function remainingPaths(packages: readonly PlannedPackage[], milliseconds: (p: PlannedPackage) => number): number[] {
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const longest = packages.map(milliseconds);
  for (let n = packages.length - 1; n >= 0; n--) {
    for (const name of [...packages[n]!.build, ...packages[n]!.run]) {
      const d = index.get(name);
      if (d !== undefined && d < n) longest[d] = Math.max(longest[d]!, longest[n]! + milliseconds(packages[d]!));
    }
  }
  return longest;
}
