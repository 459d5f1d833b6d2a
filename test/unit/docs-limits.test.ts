import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../ts-src/docs/history.ts';
import { factsOf } from '../../ts-src/engine/docs/facts.ts';
import { History } from '../../ts-src/engine/history.ts';
import type { Installed } from '../../ts-src/inspect/installed.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-limits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the messages of a package', () => {
  const own = join(folder, 'own');
  const factsWith = (count: number, bytes: number) => {
    mkdirSync(own, { recursive: true });
    const messages = Array.from({ length: count }, (_, i) => {
      writeFileSync(join(own, `M${i}.msg`), `int32 x\n#${'x'.repeat(bytes)}\n`);
      return { kind: 'msg' as const, name: `M${i}`, path: `/M${i}.msg` };
    });
    const nothing = {
      includes: [],
      modules: [],
      headers: [],
      launch: [],
      parameters: [],
      executables: [],
      descriptions: [],
    };
    const installed: Installed = { ...nothing, messages };
    return factsOf({ environment: { build: own, own }, installed }, []);
  };

  it('are read up to 16 MiB together', async () => {
    expect((await factsWith(15, 1_000_000)).messages).toHaveLength(15);
    await expect(factsWith(18, 1_000_000)).rejects.toThrow('its messages and plugins are larger than 16 MiB together');
  });

  it('are read up to 1 MiB each', async () => {
    await expect(factsWith(1, 2_000_000)).rejects.toThrow('M0.msg');
  });
});

describe('a damaged history', () => {
  const measured = { stamp: '20260101000000', documented: 1, total: 2, warnings: 0 };

  it.each<[string, unknown, unknown]>([
    ['a text', 'x', {}],
    ['null', null, {}],
    ['no lists', { p: null, q: 5, r: {} }, { p: [], q: [], r: [] }],
    ['others among its entries', { p: [null, 1, [], { ...measured, total: '2' }, measured] }, { p: [measured] }],
  ])('of documentation is read as far as it is one: %s', async (_, value, found) => {
    const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
    await store.writeJson('documentation-history/d.json', value);
    expect(await readHistory(store, 'd')).toEqual(found);
  });

  it.each(['', 'x', 'null', '[]', '{"a":"x","b":null,"c":{},"__proto__":5,"d":7}'])(
    'of durations is read as far as it is one: %s',
    (text) => {
      writeFileSync(join(folder, 'durations.json'), text);
      const history = new History(folder);
      expect(['a', 'b', 'c', 'toString'].map(history.get)).toEqual([undefined, undefined, undefined, undefined]);
      expect(history.get('d')).toBe(text.startsWith('{') ? 7 : undefined);
    },
  );
});
