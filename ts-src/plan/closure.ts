import type { PlannedPackage, Scope } from '../model/plan.ts';
import { cycles, type Edges } from '../graph/graph.ts';

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

/** A set of numbers below a count, a bit for each: what lies below packages is joined a word at a time. */
type Bits = Uint32Array;

const numbersIn = (bits: Bits): number[] => {
  const numbers: number[] = [];
  for (let w = 0; w < bits.length; w++) {
    for (let word = bits[w]!; word !== 0; word &= word - 1) numbers.push(w * 32 + 31 - Math.clz32(word & -word));
  }
  return numbers;
};

export function closuresOf(scope: Pick<Scope, 'packages'>): Closures {
  const { packages } = scope;
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const numbers = (names: string[]) => names.flatMap((n) => index.get(n) ?? []);
  const runs = packages.map((p) => numbers(p.run));
  const build = packages.map((p) => numbers(p.build));
  const test = packages.map((p) => numbers(p.test));
  const docs = packages.map((p) => numbers(p.docs ?? []));
  /** What each brings with it, itself left in where it is on a cycle. */
  const brought: (Bits | undefined)[] = packages.map(() => undefined);
  const reach = (from: readonly number[]): Bits => {
    const seen = new Uint32Array((packages.length + 31) >> 5);
    const stack = [...from];
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      if (seen[n >> 5]! & (1 << (n & 31))) continue;
      seen[n >> 5]! |= 1 << (n & 31);
      const known = brought[n];
      if (known) for (let w = 0; w < seen.length; w++) seen[w]! |= known[w]!;
      else for (const d of runs[n]!) stack.push(d);
    }
    return seen;
  };
  packages.forEach((_, n) => (brought[n] = reach(runs[n]!)));
  const roots = new Map<number, number[]>();
  const without = (bits: Bits, n: number): number[] => {
    bits[n >> 5]! &= ~(1 << (n & 31));
    return numbersIn(bits);
  };
  return {
    index,
    build,
    test,
    docs,
    runtimeDependencies: runs,
    runtimeCycles: new Map(cycles(runs).flatMap((set) => set.map((n) => [n, set] as const))),
    run: (n) => without(brought[n]!.slice(), n),
    root(n) {
      let r = roots.get(n);
      if (!r) roots.set(n, (r = without(reach(build[n]!), n)));
      return r;
    },
    docsRoot: (n) => numbersIn(reach([n, ...(build[n] ?? []), ...(docs[n] ?? [])])),
    testRoot: (n) => numbersIn(reach([n, ...build[n]!, ...test[n]!])),
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
      for (const d of closures.root(n)) users.get(scope.packages[d]!.name)?.add(p.name);
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
    for (const name of [...packages[n]!.build, ...packages[n]!.run]) {
      const d = index.get(name);
      if (d !== undefined && d < n) longest[d] = Math.max(longest[d]!, longest[n]! + milliseconds(packages[d]!));
    }
  }
  return longest;
}
