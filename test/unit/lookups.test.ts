import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitSet } from '../../ts-src/graph/bit-set.ts';
import { needsOf } from '../../ts-src/graph/graph.ts';
import { Numbers } from '../../ts-src/graph/numbers.ts';
import { at, first, last } from '../../ts-src/model/lists.ts';
import { entry, isKeyOf, keysOf, ownEntry } from '../../ts-src/model/maps.ts';
import { afterLast, before, firstLine } from '../../ts-src/text/cut.ts';

describe('lookups', () => {
  it('return values, including falsy ones', () => {
    expect([at([0, ''], 0), at([0, ''], 1), first('ab'), last([1, 2])]).toEqual([0, '', 'a', 2]);
    expect(entry(new Map([['a', 0]]), 'a')).toBe(0);
    expect(ownEntry({ constructor: 'a package' }, 'constructor')).toBe('a package');
  });

  it('throw with index or name if the value is missing', () => {
    expect(() => at(['a'], 1)).toThrow('the list of 1 has nothing at 1');
    expect(() => first([])).toThrow('the list of 0 has nothing at 0');
    expect(() => last([])).toThrow('the list of 0 has nothing at -1');
    expect(() => entry(new Map([['a', 1]]), 'b')).toThrow('the map has no b');
    expect(() => ownEntry({ a: 1 }, 'toString')).toThrow('there is no toString');
    expect(() => needsOf([[]], 1)).toThrow('the graph has no node 1');
    expect(() => Numbers.filled(2, 7).get(2)).toThrow('there is no number 2 of 2');
    expect(() => BitSet.below(32).has(32)).toThrow('the set ends at 32, before 32');
  });

  it('find only own properties of a table', () => {
    const table = { b: 1, a: 2 };
    expect([isKeyOf(table, 'a'), isKeyOf(table, 'toString')]).toEqual([true, false]);
    expect(keysOf(table)).toEqual(['b', 'a']);
  });
});

it('a bit set behaves like a set of numbers', () => {
  const count = 100;
  const numbers = fc.array(fc.nat(count - 1));
  const setOf = (list: readonly number[]) => {
    const set = BitSet.below(count);
    for (const n of list) set.add(n);
    return set;
  };
  const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b);
  fc.assert(
    fc.property(numbers, numbers, numbers, (some, others, gone) => {
      const set = setOf(some);
      const whole = set.copy();
      whole.join(setOf(others));
      for (const n of gone) whole.delete(n);
      const left = new Set([...some, ...others].filter((n) => !gone.includes(n)));
      expect(whole.numbers()).toEqual(sorted(left));
      expect(Array.from({ length: count }, (_, n) => whole.has(n))).toEqual(
        Array.from({ length: count }, (_, n) => left.has(n)),
      );
      expect(set.numbers()).toEqual(sorted(new Set(some)));
    }),
  );
});

it('numbers are counted up and copied', () => {
  const numbers = Numbers.of(['a', 'bcd'], (text) => text.length);
  const copy = numbers.copy();
  expect([numbers.add(1, 2), numbers.get(1), copy.get(1)]).toEqual([5, 5, 3]);
});

it('texts are split at an existing separator', () => {
  expect([before('a:b:c', ':'), before('abc', ':'), before('', ':')]).toEqual(['a', 'abc', '']);
  expect([afterLast('a/b/c', '/'), afterLast('abc', '/'), afterLast('a/', '/')]).toEqual(['c', 'abc', '']);
  expect([firstLine('one\ntwo'), firstLine('\n'), firstLine('')]).toEqual(['one', '', '']);
});
