import { BitSet } from './bit-set.ts';

/**
 * Of each task's needs those that no other of its needs has itself: to wait for these is to wait for all. `needs(t)`
 * are numbers of tasks, closed (a need's needs are needs too). With bit sets, O(tasks · needs · tasks / 32).
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
    // Those with most needs first: they cover most.
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
