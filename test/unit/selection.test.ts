import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectPublished, type Fit } from '../../ts-src/publish/selection.ts';
import { entry } from '../../ts-src/model/maps.ts';

const fit = (abi: string, requires: string[] = [], needs: string[] = []): Fit => ({ abi, requires, needs });
const select = (
  former: Record<string, Fit>,
  made: Record<string, Fit>,
  options: { gone?: string[]; partial?: boolean } = {},
) => {
  const selected = selectPublished({
    former: new Map(Object.entries(former)),
    made: new Map(Object.entries(made)),
    belongs: (name) => !options.gone?.includes(name),
    partial: options.partial === true,
  });
  return {
    chosen: Object.fromEntries([...selected.chosen].map(([name, c]) => [name, c.from])),
    reasons: selected.reasons.map((r) => `${r.package} ${r.kind} ${r.by}`),
    holding: selected.holding,
  };
};

describe('what is published', () => {
  const former = {
    lib: fit('lib-1'),
    mid: fit('mid-1', ['lib-1']),
    top: fit('top-1', ['mid-1']),
    other: fit('other-1', ['lib-1']),
    alone: fit('alone-1'),
  };

  it('stays unchanged if a changed library was built without its dependents; unrelated packages are new', () => {
    const made = { lib: fit('lib-2'), mid: fit('mid-2', ['lib-2']), alone: fit('alone-2') };
    expect(select(former, made)).toEqual({
      chosen: { alone: 'made', lib: 'former', mid: 'former', other: 'former', top: 'former' },
      reasons: ['lib former-stays other', 'mid former-stays top'],
      holding: ['other', 'top'],
    });
  });

  it('names everything that must be built, too, including indirect dependents', () => {
    expect(select(former, { lib: fit('lib-2') }).holding).toEqual(['mid', 'other', 'top']);
  });

  it('is completely new if the interface is unchanged, or all dependents were built, too', () => {
    expect(select(former, { lib: fit('lib-1') }).chosen).toMatchObject({ lib: 'made', mid: 'former', top: 'former' });
    const all = {
      lib: fit('lib-2'),
      mid: fit('mid-2', ['lib-2']),
      top: fit('top-2', ['mid-2']),
      other: fit('other-2', ['lib-2']),
    };
    expect(select(former, all)).toEqual({
      chosen: { alone: 'former', lib: 'made', mid: 'made', other: 'made', top: 'made' },
      reasons: [],
      holding: [],
    });
  });

  it('leaves packages out if that is requested', () => {
    const made = { lib: fit('lib-2'), mid: fit('mid-2', ['lib-2']) };
    expect(select(former, made, { partial: true })).toEqual({
      chosen: { alone: 'former', lib: 'made', mid: 'made' },
      reasons: ['other left-out lib-1', 'top left-out mid-1'],
      holding: [],
    });
  });

  it('loses removed packages of the distribution, but not while a remaining one needs them', () => {
    expect(select(former, {}, { gone: ['alone', 'lib'] })).toEqual({
      chosen: { lib: 'former', mid: 'former', other: 'former', top: 'former' },
      reasons: ['alone removed alone'],
      holding: [],
    });
    const without = { mid: fit('mid-2'), other: fit('other-2'), top: fit('top-2', ['mid-2']) };
    expect(select(former, without, { gone: ['lib'] }).chosen).toEqual({
      alone: 'former',
      mid: 'made',
      other: 'made',
      top: 'made',
    });
  });

  it('contains no package without its run dependencies', () => {
    expect(select({}, { app: fit('app-1', [], ['lib']), far: fit('far-1', ['app-1'], ['app']) })).toEqual({
      chosen: {},
      reasons: ['app needs-missing lib', 'far needs-missing app'],
      holding: [],
    });
    expect(select({ lib: fit('lib-1') }, { app: fit('app-1', [], ['lib']) }, { gone: ['lib'] }).chosen).toEqual({
      app: 'made',
      lib: 'former',
    });
  });

  it('is the largest fitting set, as trying every subset confirms', () => {
    const size = 6;
    const name = (i: number) => `p${i}`;
    // Each package depends on some before it. A run rebuilds some of them, with the same or another ABI.
    const worlds = fc.record({
      needs: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 9 }),
      made: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
      same: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
      fresh: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: size, maxLength: size }),
    });
    fc.assert(
      fc.property(worlds, (w) => {
        const below = (i: number) => [...new Set(w.needs.filter(([a, b]) => a === i && b < i).map(([, b]) => b))];
        const abi = (i: number): string => (w.made[i] && !w.same[i] ? `${name(i)}-2` : `${name(i)}-1`);
        const former = new Map<string, Fit>();
        const made = new Map<string, Fit>();
        for (let i = 0; i < size; i++) {
          // Some are published for the first time; their dependencies are published or built.
          const first = w.fresh[i] === 0 || below(i).some((d) => !former.has(name(d)));
          const buildable = below(i).every((d) => made.has(name(d)) || former.has(name(d)));
          if (!first)
            former.set(
              name(i),
              fit(
                `${name(i)}-1`,
                below(i).map((d) => `${name(d)}-1`),
              ),
            );
          if (w.made[i] && buildable)
            made.set(
              name(i),
              fit(
                abi(i),
                below(i).map((d) => (made.has(name(d)) ? abi(d) : `${name(d)}-1`)),
                below(i).map(name),
              ),
            );
        }
        const selected = selectPublished({ former, made, belongs: () => true });
        const fits = (set: Map<string, Fit>) => {
          const provided = new Set([...set.values()].map((f) => f.abi));
          return (
            [...former.keys()].every((n) => set.has(n)) &&
            [...set.values()].every(
              (f) => f.requires.every((r) => provided.has(r)) && (f.needs ?? []).every((n) => set.has(n)),
            )
          );
        };
        const got = new Map([...selected.chosen].map(([n, c]) => [n, c.value]));
        expect(fits(got)).toBe(true);
        let best = -1;
        const names = [...made.keys()];
        for (let bits = 0; bits < 1 << names.length; bits++) {
          const set = new Map(former);
          names.forEach((n, i) => bits & (1 << i) && set.set(n, entry(made, n)));
          if (fits(set)) best = Math.max(best, names.filter((_, i) => bits & (1 << i)).length);
        }
        expect([...selected.chosen.values()].filter((c) => c.from === 'made').length).toBe(best);
        // Every withheld package has a reason.
        for (const n of names)
          if (selected.chosen.get(n)?.from !== 'made') expect(selected.reasons.some((r) => r.package === n)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
