/**
 * Of each task's needs those that no other of its needs has itself: to wait for these is to wait for all. `needs(t)`
 * are numbers of tasks, closed (a need's needs are needs too). With bit sets, O(tasks · needs · tasks / 32).
 */
export function reduceNeeds(count: number, needs: (task: number) => readonly number[]): number[][] {
  const words = (count + 31) >> 5;
  const sets: (Uint32Array | undefined)[] = new Array<Uint32Array | undefined>(count).fill(undefined);
  const setOf = (t: number): Uint32Array => {
    let set = sets[t];
    if (!set) {
      sets[t] = set = new Uint32Array(words);
      for (const d of needs(t)) set[d >> 5]! |= 1 << (d & 31);
    }
    return set;
  };
  return Array.from({ length: count }, (_, t) => {
    // Those with most needs first: they cover most.
    const list = [...needs(t)].sort((a, b) => needs(b).length - needs(a).length || b - a);
    const covered = new Uint32Array(words);
    const kept: number[] = [];
    for (const d of list) {
      if (covered[d >> 5]! & (1 << (d & 31))) continue;
      kept.push(d);
      const set = setOf(d);
      for (let i = 0; i < words; i++) covered[i]! |= set[i]!;
      covered[d >> 5]! |= 1 << (d & 31);
    }
    return kept.sort((a, b) => a - b);
  });
}
