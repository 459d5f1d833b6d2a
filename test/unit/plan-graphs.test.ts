import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closuresOf } from '../../ts-src/plan/closure.ts';
import { packageReadiness } from '../../ts-src/engine/readiness.ts';
import { sourcePackage, planOf } from './planned.ts';
import { at, first } from '../../ts-src/model/lists.ts';

describe('any graph', () => {
  const graphs = fc.array(
    fc.tuple(
      fc.nat(11),
      fc.nat(11),
      fc.constantFrom(
        'build_depend',
        'exec_depend',
        'depend',
        'build_export_depend',
        'test_depend',
        'group_depend',
        'buildtool_export_depend',
      ),
    ),
    { maxLength: 30 },
  );
  // A group has three members; a package that depends on it is not one.
  const build = (edges: [number, number, string][]) =>
    Array.from({ length: 12 }, (_, i) => {
      const mine = edges.filter(([a, b]) => a === i && b !== i);
      const groups = new Set(mine.filter(([, , t]) => t === 'group_depend').map(([, b]) => b % 4));
      const tags = [
        ...new Map(
          mine.filter(([, , t]) => t !== 'group_depend').map(([, b, t]) => [`p${b}`, [t, `p${b}`] as [string, string]]),
        ).values(),
      ];
      return sourcePackage(
        `p${i}`,
        [...tags, ...[...groups].map((g) => ['group_depend', `g${g}`] as [string, string])],
        '1.0.0',
        groups.has(i % 4) ? '' : `<member_of_group>g${i % 4}</member_of_group>`,
      );
    });

  it('gives the same plan for any order of the input', () => {
    fc.assert(
      fc.property(graphs, fc.infiniteStream(fc.nat()), (edges, random) => {
        const packages = build(edges);
        const shuffled = packages
          .map((p) => [random.next().value as number, p] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, p]) => p);
        const [a, b] = [planOf(shuffled), planOf(packages)];
        expect(JSON.stringify([a.plan, a.diagnostics])).toBe(JSON.stringify([b.plan, b.diagnostics]));
      }),
      { numRuns: 200 },
    );
  });

  it('is ordered so that each package comes after its whole root', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const { plan, diagnostics } = planOf(build(edges));
        const scope = first(plan.scopes);
        expect(scope.packages.length).toBe(12);
        const closures = closuresOf(scope);
        scope.packages.forEach((p, n) => {
          // Each blocked package has a reason, and only errors block.
          if (p.blocked) expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
          if (!p.blocked)
            for (const d of closures.root(n))
              expect(d, `${at(scope.packages, d).name} before ${p.name}`).toBeLessThan(n);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('starts each task as soon as its whole root is done, and not before', () => {
    fc.assert(
      fc.property(graphs, fc.infiniteStream(fc.nat()), (edges, random) => {
        const { packages } = first(planOf(build(edges)).plan.scopes);
        const closures = closuresOf({ packages });
        const { pending: left, dependents } = packageReadiness(closures, () => true);
        const count = packages.length;
        const done = new Set<number>();
        const rootOf = (t: number) => (t < count ? closures.root(t) : closures.testRoot(t - count));
        // Packages that wait for themselves are blocked, and never built.
        const sound = [...Array(2 * count).keys()].filter((t) =>
          [t % count, ...rootOf(t)].every((d) => !at(packages, d).blocked),
        );
        for (;;) {
          const ready = sound.filter((t) => !done.has(t) && left.get(t) === 0);
          expect(ready).toEqual(sound.filter((t) => !done.has(t) && rootOf(t).every((d) => done.has(d))));
          if (!ready.length) break;
          const queue = [at(ready, (random.next().value as number) % ready.length)];
          done.add(first(queue));
          for (const n of queue)
            for (const d of dependents(n)) if (left.add(d, -1) === 0 && d >= 2 * count) queue.push(d);
        }
        expect(done.size).toBe(sound.length);
      }),
      { numRuns: 200 },
    );
  });
});
