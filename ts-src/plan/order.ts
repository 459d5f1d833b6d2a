import type { Diagnostic } from '../model/diagnostics.ts';
import { at } from '../model/lists.ts';
import { entry } from '../model/maps.ts';
import { Numbers } from '../graph/numbers.ts';
import { cycles, doubled, needsOf, order } from '../graph/graph.ts';
import { Cycles, localNumbers, type Node } from './cycles.ts';
import type { Evaluated } from './needs.ts';

/**
 * Sorts nodes topologically, the smallest number first among ready ones. Test dependencies count where possible.
 * Building and being usable are separate: to build a package, its dependencies must be usable, which includes their run
 * dependencies. So a cycle of run dependencies is allowed, as in Debian.
 *
 * A cycle that only test dependencies or group membership close is a warning. For tests, all test edges of the cycle
 * are left out of the order; for groups, the closing edges are left out of the plan. Any other cycle is an error, and
 * its packages are blocked.
 */
export function ordered(evaluated: Evaluated, nodes: readonly Node[], diagnostics: Diagnostic[]): Node[] {
  const whole =
    nodes.length === evaluated.names.length &&
    nodes.every(({ number, build, run }) => {
      const inside = at(evaluated.inside, number);
      return build === inside.build && run === inside.run;
    });
  if (whole && evaluated.order) return evaluated.order.map((i) => at(nodes, i));
  const local = Numbers.filled(evaluated.names.length, -1);
  nodes.forEach((n, i) => local.set(n.number, i));
  const within = (...lists: (readonly number[])[]) => localNumbers(local, lists);
  const everything = order(nodes.map((n) => within(n.build, n.run, n.test)));
  if (!everything.left.length) {
    if (whole) evaluated.order = everything.order;
    return everything.order.map((i) => at(nodes, i));
  }

  const tested = nodes.map((n) => within(n.test));
  const reach = new Cycles(evaluated, nodes, local, diagnostics);
  const needed = nodes.map((n) => within(n.build, n.run));
  const built = order(needed).left.length ? reach.breakCycles() : needed;
  const kept = reach.withoutTestCycles(built, tested);
  const usable = together(nodes.map((n) => within(n.build, n.run)));
  return order(withTests(usable, kept)).order.map((i) => at(nodes, i));
}

/**
 * Acyclic edges for building and running: members of a cycle of run dependencies are unordered among themselves, and
 * come before their dependents.
 */
function together(needed: readonly number[][]): number[][] {
  const set = new Map<number, readonly number[]>();
  for (const members of cycles(needed)) for (const n of members) set.set(n, members);
  if (!set.size) return [...needed];
  return needed.map((list, n) => {
    const own = set.get(n);
    const all = list.flatMap((d) => {
      const members = set.get(d) ?? [d];
      return members === own ? [] : members;
    });
    return [...new Set(all)];
  });
}

/** Adds test edges that close no cycle. */
function withTests(edges: readonly number[][], tests: readonly number[][]): number[][] {
  const all = edges.map((list, n) => [...list, ...needsOf(tests, n)]);
  const set = new Int32Array(all.length).fill(-1);
  cycles(all).forEach((members, i) => members.forEach((n) => (set[n] = i)));
  return edges.map((list, n) => [...list, ...needsOf(tests, n).filter((d) => set[d] === -1 || set[d] !== set[n])]);
}

/**
 * Cycles that only test edges close, as numbers, each with a shortest trail through such an edge; in the order of the
 * whole distribution.
 */
export function testCycles(evaluated: Evaluated): { packages: number[]; trail: number[] }[] {
  const nodes = evaluated.inside.map((inside, number) => ({
    number,
    planned: {},
    build: inside.build,
    run: inside.run,
    test: inside.test,
  }));
  const count = nodes.length;
  const reach = new Cycles(
    evaluated,
    nodes,
    Numbers.of(nodes, (n) => n.number),
    [],
  );
  const acyclic = reach.breakCycles();
  const tested = nodes.map((n) => n.test);
  const sets = cycles(acyclic.map((list, n) => (n < count ? [...list, ...needsOf(tested, n)] : list)));
  const plain = doubled(
    nodes.map((n) => n.build),
    nodes.map((n) => n.run),
  );
  return sets.map((set) => {
    const members = new Set(set);
    const packages = [...new Set(set.map((n) => n % count))].sort((a, b) => a - b);
    for (const from of set) {
      for (const to of from < count ? needsOf(tested, from) : []) {
        const back = members.has(to) ? shortest(plain, to, from) : undefined;
        if (back) return { packages, trail: [from, ...back.map((n) => n % count)].filter((n, i, a) => n !== a[i - 1]) };
      }
    }
    return { packages, trail: packages };
  });
}

/** The shortest path between two nodes. */
function shortest(edges: readonly (readonly number[])[], from: number, to: number): number[] | undefined {
  const before = new Map([[from, from]]);
  const queue = [from];
  for (const n of queue) {
    if (n === to) {
      const path = [n];
      for (let above = n; above !== from; path.unshift(above)) above = entry(before, above);
      return path;
    }
    for (const d of needsOf(edges, n)) {
      if (before.has(d)) continue;
      before.set(d, n);
      queue.push(d);
    }
  }
  return undefined;
}
