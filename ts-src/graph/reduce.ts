import { BitSet } from './bit-set.ts';

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
