import { PriorityQueue } from './priority-queue.ts';

/** A graph of numbered nodes: `edges[n]` are the nodes that n needs. */
export type Edges = readonly (readonly number[])[];

/**
 * Kahn's order: what a node needs comes before it, and among those that are ready the smallest number first, so equal
 * graphs have one order. What lies on a cycle or above one is left over. O(nodes · log nodes + edges).
 */
export function order(edges: Edges): { order: number[]; left: number[] } {
  const count = edges.length;
  // Who waits for whom, as one list with where each node's part of it begins.
  const missing = new Int32Array(count);
  const begins = new Int32Array(count + 1);
  for (let n = 0; n < count; n++) {
    const needs = edges[n]!;
    missing[n] = needs.length;
    for (let i = 0; i < needs.length; i++) begins[needs[i]! + 1]!++;
  }
  for (let n = 0; n < count; n++) begins[n + 1]! += begins[n]!;
  const dependents = new Int32Array(begins[count]!);
  const filled = begins.slice();
  for (let n = 0; n < count; n++) {
    const needs = edges[n]!;
    for (let i = 0; i < needs.length; i++) dependents[filled[needs[i]!]!++] = n;
  }
  const ready = new PriorityQueue<number>((a, b) => a < b);
  for (let n = 0; n < count; n++) if (missing[n] === 0) ready.push(n);
  const result: number[] = [];
  for (let n = ready.pop(); n !== undefined; n = ready.pop()) {
    result.push(n);
    for (let i = begins[n]!; i < begins[n + 1]!; i++) if (--missing[dependents[i]!]! === 0) ready.push(dependents[i]!);
  }
  const left: number[] = [];
  if (result.length < count) for (let n = 0; n < count; n++) if (missing[n]! > 0) left.push(n);
  return { order: result, left };
}

/**
 * Sets of nodes that need each other, each sorted; single nodes only where they need themselves. Tarjan's algorithm
 * (1972) with a stack of its own, since a chain of packages may be longer than the call stack is deep. O(nodes +
 * edges).
 */
export function cycles(edges: Edges): number[][] {
  const count = edges.length;
  const index = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const next = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  const found: number[][] = [];
  let counter = 0;
  for (let root = 0; root < count; root++) {
    if (index[root] !== -1) continue;
    const path = [root];
    while (path.length) {
      const n = path[path.length - 1]!;
      if (index[n] === -1) {
        index[n] = low[n] = counter++;
        stack.push(n);
        onStack[n] = 1;
      }
      const needs = edges[n]!;
      if (next[n]! < needs.length) {
        const d = needs[next[n]!++]!;
        if (index[d] === -1) path.push(d);
        else if (onStack[d]) low[n] = Math.min(low[n]!, index[d]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[n]!);
      if (low[n] !== index[n]) continue;
      const set: number[] = [];
      for (;;) {
        const d = stack.pop()!;
        onStack[d] = 0;
        set.push(d);
        if (d === n) break;
      }
      if (set.length > 1 || needs.includes(n)) found.push(set.sort((a, b) => a - b));
    }
  }
  return found.sort((a, b) => a[0]! - b[0]!);
}

/**
 * Two nodes for each package: building it (its number), which takes that what it builds on is usable, and being usable
 * (its number and the count of all), which takes that it is built and what it needs to run is usable.
 */
export function doubled(builds: Edges, runs: Edges): number[][] {
  const count = builds.length;
  return [...builds.map((e) => e.map((d) => d + count)), ...runs.map((e, n) => [n, ...e.map((d) => d + count)])];
}

/** The trail of a set of such nodes, by packages, each once in a row. */
export const packageTrail = (edges: Edges, set: readonly number[], count: number): number[] =>
  trail(edges, set)
    .map((n) => n % count)
    .filter((n, i, a) => n !== a[i - 1]);

/** A shortest cycle through the smallest node of the set: the same trail whatever the order of the input. */
export function trail(edges: Edges, set: readonly number[]): number[] {
  const start = Math.min(...set);
  const inside = new Set(set);
  const from = new Map<number, number>();
  let front = [start];
  while (front.length) {
    const next: number[] = [];
    for (const n of front) {
      for (const d of [...edges[n]!].sort((a, b) => a - b)) {
        if (d === start) {
          const path = [n];
          for (let at = n; at !== start; at = from.get(at)!) path.unshift(from.get(at)!);
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

/** The graph the other way round, in one piece: for each number those that name it, in their order. */
export function inverse(edges: Edges): (n: number) => Uint32Array {
  const starts = new Uint32Array(edges.length + 1);
  for (const list of edges) for (const d of list) starts[d + 1]!++;
  for (let n = 0; n < edges.length; n++) starts[n + 1]! += starts[n]!;
  const all = new Uint32Array(starts[edges.length]!);
  const next = starts.slice();
  edges.forEach((list, n) => {
    for (const d of list) all[next[d]!++] = n;
  });
  return (n) => all.subarray(starts[n], starts[n + 1]);
}
