import { Numbers } from './numbers.ts';
import { PriorityQueue } from './priority-queue.ts';

/** A graph of numbered nodes: `edges[n]` are the nodes that n needs. */
export type Edges = readonly (readonly number[])[];

function noNode(n: number): never {
  throw new RangeError(`the graph has no node ${n}`);
}

/** The nodes that a node needs. */
export function needsOf(edges: Edges, n: number): readonly number[] {
  return edges[n] ?? noNode(n);
}

/**
 * Topological order (Kahn). Among ready nodes the smallest number comes first, so equal graphs have equal orders.
 * `left`: nodes on a cycle or depending on one. O(nodes · log nodes + edges).
 */
export function order(edges: Edges): { order: number[]; left: number[] } {
  const missing = Numbers.of(edges, (needs) => needs.length);
  const dependents = inverse(edges);
  const ready = new PriorityQueue<number>((a, b) => a < b);
  for (let n = 0; n < edges.length; n++) if (missing.get(n) === 0) ready.push(n);
  const result: number[] = [];
  for (let n = ready.pop(); n !== undefined; n = ready.pop()) {
    result.push(n);
    for (const d of dependents(n)) if (missing.add(d, -1) === 0) ready.push(d);
  }
  const left: number[] = [];
  if (result.length < edges.length) for (let n = 0; n < edges.length; n++) if (missing.get(n) > 0) left.push(n);
  return { order: result, left };
}

/**
 * Strongly connected components with a cycle, each sorted: single nodes only if they need themselves. Tarjan's
 * algorithm (1972) with an explicit stack, since a chain of packages may be longer than the call stack. O(nodes +
 * edges).
 */
export function cycles(edges: Edges): number[][] {
  const count = edges.length;
  const index = Numbers.filled(count, -1);
  const low = Numbers.filled(count, 0);
  const next = Numbers.filled(count, 0);
  const onStack = Numbers.filled(count, 0);
  const stack: number[] = [];
  const found: { first: number; set: number[] }[] = [];
  let counter = 0;
  const take = (n: number): number[] => {
    const set: number[] = [];
    for (let d = stack.pop(); d !== undefined; d = d === n ? undefined : stack.pop()) {
      onStack.set(d, 0);
      set.push(d);
    }
    return set;
  };
  for (let root = 0; root < count; root++) {
    if (index.get(root) !== -1) continue;
    const path = [root];
    for (let n: number | undefined = root; n !== undefined; n = path[path.length - 1]) {
      if (index.get(n) === -1) {
        index.set(n, counter);
        low.set(n, counter++);
        stack.push(n);
        onStack.set(n, 1);
      }
      const needs = needsOf(edges, n);
      const d = needs[next.get(n)];
      if (d !== undefined) {
        next.add(n, 1);
        if (index.get(d) === -1) path.push(d);
        else if (onStack.get(d) === 1) low.set(n, Math.min(low.get(n), index.get(d)));
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent), low.get(n)));
      if (low.get(n) !== index.get(n)) continue;
      const set = take(n).sort((a, b) => a - b);
      if (set.length > 1 || needs.includes(n)) found.push({ first: set[0] ?? n, set });
    }
  }
  return found.sort((a, b) => a.first - b.first).map(({ set }) => set);
}

/**
 * A graph with two nodes per package: building it (its number), which needs usable build dependencies; and using it
 * (its number plus the count), which needs its build and usable run dependencies.
 */
export function doubled(builds: Edges, runs: Edges): number[][] {
  const count = builds.length;
  return [...builds.map((e) => e.map((d) => d + count)), ...runs.map((e, n) => [n, ...e.map((d) => d + count)])];
}

/** The trail of a set of such nodes as packages, without consecutive duplicates. */
export const packageTrail = (edges: Edges, set: readonly number[], count: number): number[] =>
  trail(edges, set)
    .map((n) => n % count)
    .filter((n, i, a) => n !== a[i - 1]);

/** A shortest cycle through the smallest node of the set. The result does not depend on the order of the input. */
export function trail(edges: Edges, set: readonly number[]): number[] {
  const start = Math.min(...set);
  const inside = new Set(set);
  const from = new Map<number, number>();
  let front = [start];
  while (front.length) {
    const next: number[] = [];
    for (const n of front) {
      for (const d of [...needsOf(edges, n)].sort((a, b) => a - b)) {
        if (d === start) {
          const path = [n];
          for (let at = from.get(n); at !== undefined; at = from.get(at)) path.unshift(at);
          return [...path, start];
        }
        if (!inside.has(d) || from.has(d)) continue;
        from.set(d, n);
        next.push(d);
      }
    }
    front = next;
  }
  return [start];
}

/**
 * The reversed graph: for each node the nodes that need it, in ascending order. Uses plain typed arrays, because calls
 * in these loops are slow until the engine has optimized them.
 */
export function inverse(edges: Edges): (n: number) => Int32Array {
  const starts = new Int32Array(edges.length + 1);
  for (const list of edges) for (const d of list) starts[d + 1] = (starts[d + 1] ?? 0) + 1;
  let count = 0;
  starts.forEach((own, n) => (starts[n] = count += own));
  const all = new Int32Array(count);
  const next = starts.slice();
  edges.forEach((list, n) => {
    for (const d of list) {
      const place = next[d] ?? 0;
      all[place] = n;
      next[d] = place + 1;
    }
  });
  return (n) => all.subarray(starts[n], starts[n + 1]);
}
