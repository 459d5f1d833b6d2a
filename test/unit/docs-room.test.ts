import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { beyondRoom, collectPackages } from '../../ts-src/docs/collect.ts';
import { writeSite } from '../../ts-src/docs/site.ts';
import type { TaskGraph } from '../../ts-src/engine/task-graph.ts';
import type { DocRecord } from '../../ts-src/model/docs.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { describedPackage, docRecord, noFacts } from '../doc-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-room-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('facts and symbols of packages have a size together; the largest packages are shown without theirs', async () => {
  const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
  const stored = await store.putText('facts.json', JSON.stringify(noFacts));
  const shown = await store.putText('interface.json', JSON.stringify({ schema: 1, messages: [] }));
  const sized = (name: string, size: number): DocRecord =>
    docRecord(name, stored, { interface: shown, facts: { ...stored, size } });
  const large = ['large', 'larger'].map((name) => sized(name, 300 << 20));
  const records = [...large, sized('small', stored.size)];
  expect([...beyondRoom(records)]).toEqual([large[1]]);
  expect([...beyondRoom(records, 1000)]).toEqual(large);
  const graph = {
    scope: {
      distribution: 'd',
      packages: records.map((r) => ({ ...describedPackage(r.package), systemRun: [], source: { url: 'u', path: '' } })),
    },
    target: {},
    count: 3,
    closures: { index: new Map() },
    results: [...Array<undefined>(6), ...records.map(() => ({ state: 'built', reason: '' }))],
    docs: records,
    records: [],
  };
  const packages = await collectPackages([graph as unknown as TaskGraph], [], store, '20260101000000');
  const [first, second, small] = packages;
  expect(first?.problem).toBe('The store lost it.');
  const why = 'its README, changelog, messages and symbols have 300 MiB: the site has no room for them';
  expect(second).toMatchObject({ refused: why, problem: why });
  expect(small).toMatchObject({ facts: noFacts });
  expect(small?.problem).toBeUndefined();
  const files = new Map<string, string>();
  const plain = packages.map((p) => (delete p.record, p));
  const site = await writeSite({ organization: 'acme', packages: plain }, store, (path, data) => {
    files.set(path, data.toString('utf8'));
  });
  expect(site.refused).toEqual([{ id: 'd/larger', why }]);
  expect(files.get('d/larger/index.html')).toContain(why);
});
