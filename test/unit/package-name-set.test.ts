import fc from 'fast-check';
import { expect, it } from 'vitest';
import { join, NameIndex, type PackageNameSet } from '../../ts-src/plan/package-name-set.ts';

it('joins sets of names like sets, regardless of the order of names', () => {
  const names = fc.array(fc.integer({ min: 0, max: 90 }).map((n) => `n${n}`));
  fc.assert(
    fc.property(names, fc.array(names), (known, lists) => {
      const vocabulary = new NameIndex(known);
      const all: PackageNameSet = [];
      const sets = lists.map((list) => {
        const set: PackageNameSet = [];
        vocabulary.add(set, list);
        join(all, set);
        return set;
      });
      expect(vocabulary.sorted(all)).toEqual([...new Set(lists.flat())].sort());
      expect(sets.map((s) => vocabulary.sorted(s))).toEqual(lists.map((l) => [...new Set(l)].sort()));
    }),
    { numRuns: 300 },
  );
});
