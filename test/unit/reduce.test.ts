import fc from 'fast-check';
import { expect, it } from 'vitest';
import { directNeeds } from '../../ts-src/graph/reduce.ts';
import type { TaskResult } from '../../ts-src/model/result.ts';
import { renderNeeds } from '../../ts-src/render/pictures.ts';

/** The nodes that can be reached from each node by at least one edge. */
function reached(edges: readonly (readonly number[])[]): Set<number>[] {
  return edges.map((list) => {
    const all = new Set(list);
    for (const n of all) for (const d of edges[n] ?? []) all.add(d);
    return all;
  });
}

it('an edge that others imply is left out, in any graph, and what is reached stays the same', () => {
  const graphs = fc
    .array(fc.tuple(fc.nat(8), fc.nat(8)), { maxLength: 30 })
    .map((pairs) =>
      Array.from({ length: 9 }, (_, n) => [...new Set(pairs.flatMap(([a, b]) => (a === n && b !== n ? [b] : [])))]),
    );
  fc.assert(
    fc.property(graphs, (edges) => {
      const direct = directNeeds(edges);
      expect(reached(direct)).toEqual(reached(edges));
      const all = reached(edges);
      const isPart = (a: number, b: number) => a === b || (all[a]?.has(b) && all[b]?.has(a)) === true;
      edges.forEach((list, n) => {
        for (const d of list) {
          const implied = list.some((m) => !isPart(m, n) && !isPart(m, d) && all[m]?.has(d));
          expect(direct[n]?.includes(d)).toBe(!implied);
        }
      });
    }),
  );
});

it.each<[string, number, (n: number) => number[]]>([
  ['a chain of 20,000 packages', 20_000, (n) => (n ? [n - 1] : [])],
  ['2,000 packages that need all before them', 2000, (n) => Array.from({ length: n }, (_, d) => d)],
])('the picture of %s takes seconds, and not the memory', (_, count, needs) => {
  const tasks = Array.from({ length: count }, (__, n) => ({
    ...({ id: `d/p/${n}`, name: `p${n}`, kind: 'build', state: 'stopped', reason: '' } satisfies TaskResult),
    needs: needs(n).map((d) => `p${d}`),
  }));
  const begun = performance.now();
  const picture = renderNeeds(tasks);
  expect(performance.now() - begun).toBeLessThan(30_000);
  expect(picture.split('<path').length - 1).toBe(count - 1);
});
