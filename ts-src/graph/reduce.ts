import { BitSet } from './bit-set.ts';
import { cycles, needsOf, order, type Edges } from './graph.ts';

/**
 * Transitive reduction: the needs of each task without those that another need already includes. `needs(t)` are task
 * numbers and must be transitively closed. Uses bit sets: O(tasks · needs · tasks / 32).
 */
export function reduceNeeds(count: number, needs: (task: number) => readonly number[]): number[][] {
  const sets: (BitSet | undefined)[] = new Array<BitSet | undefined>(count).fill(undefined);
  const setOf = (t: number): BitSet => {
    let set = sets[t];
    if (!set) {
      sets[t] = set = BitSet.below(count);
      for (const d of needs(t)) set.add(d);
    }
    return set;
  };
  return Array.from({ length: count }, (_, t) => {
    // Tasks with the most needs first, since they cover the most.
    const list = [...needs(t)].sort((a, b) => needs(b).length - needs(a).length || b - a);
    const covered = BitSet.below(count);
    const kept: number[] = [];
    for (const d of list) {
      if (covered.has(d)) continue;
      kept.push(d);
      covered.join(setOf(d));
      covered.add(d);
    }
    return kept.sort((a, b) => a - b);
  });
}

/**
 * Transitive reduction of any graph: for each node its needs without those that another need implies. Nodes of a cycle
 * imply none of each other's needs. O(edges · nodes / 32).
 */
export function directNeeds(edges: Edges): number[][] {
  // Each cycle, and each other node, is one part.
  const partOf = new Int32Array(edges.length).fill(-1);
  let count = 0;
  for (const cycle of cycles(edges)) {
    for (const n of cycle) partOf[n] = count;
    count++;
  }
  for (let n = 0; n < edges.length; n++) if (partOf[n] === -1) partOf[n] = count++;
  const part = (n: number): number => partOf[n] ?? -1;
  const outer = Array.from({ length: count }, () => new Set<number>());
  edges.forEach((list, n) => {
    for (const d of list) if (part(d) !== part(n)) outer[part(n)]?.add(part(d));
  });
  const needs = outer.map((set) => [...set]);
  const below: BitSet[] = [];
  const joined = (into: BitSet, parts: Iterable<number>): BitSet => {
    for (const q of parts) {
      const set = below[q];
      if (set) into.join(set);
    }
    return into;
  };
  for (const p of order(needs).order) {
    const own = (below[p] = joined(BitSet.below(count), needsOf(needs, p)));
    for (const q of needsOf(needs, p)) own.add(q);
  }
  return edges.map((list, n) => {
    const parts = new Set(list.map(part));
    parts.delete(part(n));
    const implied = joined(BitSet.below(count), parts);
    return list.filter((d) => !implied.has(part(d)));
  });
}
