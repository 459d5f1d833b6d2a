import fc from 'fast-check';
import { expect, it } from 'vitest';
import { conditionEvaluator } from '../../ts-src/plan/conditions.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';

it('the value of any condition follows from its parts', () => {
  type Tree = { text: string; value: boolean };
  const context = { A: 'x', B: '2', ROS_VERSION: '2' };
  const term = fc.constantFrom(...(['$A', '$B', '$ROS_VERSION', '$NONE', 'x', '2', '"x y"', "''"] as const));
  const valueOf = (t: string): string =>
    t.startsWith('$') ? ((context as Record<string, string>)[t.slice(1)] ?? '') : t.replace(/^["']|["']$/g, '');
  const compared: Record<string, (a: string, b: string) => boolean> = {
    '==': (a, b) => a === b,
    '!=': (a, b) => a !== b,
    '<': (a, b) => a < b,
    '<=': (a, b) => a <= b,
    '>': (a, b) => a > b,
    '>=': (a, b) => a >= b,
  };
  const leaf = fc
    .tuple(term, fc.constantFrom(...Object.keys(compared)), term, fc.constantFrom('', ' ', '  '))
    .map(([a, o, b, space]): Tree => ({
      text: `${a}${space || ' '}${o}${space || ' '}${b}`,
      value: ownEntry(compared, o)(valueOf(a), valueOf(b)),
    }));
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.tuple(tie('tree'), fc.constantFrom('and', 'or'), tie('tree')).map(([a, o, b]): Tree => ({
        text: `(${a.text}) ${o} (${b.text})`,
        value: o === 'and' ? a.value && b.value : a.value || b.value,
      })),
    ),
  }));
  fc.assert(
    fc.property(tree, ({ text, value }) => {
      expect(conditionEvaluator(context)(text), text).toBe(value);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect([true, false, undefined]).toContain(conditionEvaluator(context)(text));
    }),
    { numRuns: 1000 },
  );
});
