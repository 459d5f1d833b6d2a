import { describe, expect, it } from 'vitest';
import { at } from '../../ts-src/model/lists.ts';
import { NearNames } from '../../ts-src/model/diagnostics.ts';
import { likelyName } from '../../ts-src/plan/archive.ts';

describe('a system package that the archive lacks', () => {
  const names = new Set(['vcstool', 'python3-vcs', 'python3-numpy', 'libtinyxml2-dev', 'python3-catkin-pkg', 'zlib1g']);
  const likely = (name: string) => likelyName(name, new NearNames(names), names);

  it.each([
    ['libtinyxml2-dv', 'libtinyxml2-dev'],
    ['python3-vcstool', 'vcstool'],
    ['python-numpy', 'python3-numpy'],
    ['python3-catkin-pkg-modules', 'python3-catkin-pkg'],
    ['no-such-thing-at-all', undefined],
  ])('%s: perhaps %s is meant', (name, expected) => {
    expect(likely(name)).toBe(expected);
  });
});

/** Edits between two words by the whole table. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(at(previous, j) + 1, at(row, j - 1) + 1, change, swapped ? at(before, j - 2) + 1 : change));
    }
    [before, previous] = [previous, row];
  }
  return at(previous, b.length);
}

it('finds just the names within the limit of edits', () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const word = () => Array.from({ length: 1 + random(12) }, () => 'abc_'[random(4)]).join('');
  const known = [...new Set(Array.from({ length: 400 }, word))];
  let found = 0;
  for (const name of Array.from({ length: 200 }, word)) {
    const limit = Math.min(3, Math.max(1, Math.floor(name.length / 3)));
    const expected = known.filter((k) => edits(name, k) <= limit && edits(name, k) < name.length);
    found += expected.length;
    expect(new NearNames(known).of(name, 1000).sort()).toEqual(expected.sort());
  }
  expect(found).toBeGreaterThan(500);
});

it('gives up after millions of comparisons, so that no number of unknown names keeps a plan busy', () => {
  const near = new NearNames(Array.from({ length: 90_000 }, (_, i) => `abcdefghij${10_000 + i}`));
  expect(near.of('abcdefghij1000x', 1)).toEqual(['abcdefghij10000']);
  const begun = performance.now();
  for (let i = 0; i < 20_000; i++) near.of(`zyxwvutsrq${10_000 + i}`, 1);
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(near.of('abcdefghij1000x', 1)).toEqual([]);
}, 60_000);
