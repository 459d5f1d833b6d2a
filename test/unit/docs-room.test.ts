import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { beyondRoom, collectPackages } from '../../ts-src/docs/collect.ts';
import { writeSite } from '../../ts-src/docs/site.ts';
import type { TaskGraph } from '../../ts-src/engine/task-graph.ts';
import type { DocFacts, DocRecord } from '../../ts-src/model/docs.ts';
import type { StoredFile } from '../../ts-src/model/result.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-room-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const facts: DocFacts = {
  schema: 1,
  python: [],
  headers: [],
  messages: [],
  launch: [],
  parameters: [],
  plugins: [],
  executables: [],
};
const described = (name: string) => ({
  distribution: 'd',
  name,
  version: '1.0.0',
  description: `The package ${name}.`,
  maintainers: [],
  authors: [],
  licenses: [],
  urls: [],
  buildType: 'cmake',
  repository: name,
  url: 'u',
  path: '',
  debian: `acme-d-${name}`,
  build: [],
  run: [],
  test: [],
  system: [],
  dependents: [],
  channels: [],
});

const recordOf = (stored: StoredFile): DocRecord => ({
  schema: 1,
  key: '0'.repeat(64),
  package: 'p',
  faults: [],
  warnings: 0,
  told: [],
  coverage: { documented: 0, total: 0 },
  undocumented: [],
  digest: '0'.repeat(64),
  inputs: {},
  interface: stored,
  facts: stored,
  pages: stored,
  log: stored,
  milliseconds: 0,
});
it('facts and symbols of packages have a size together; the largest packages are shown without theirs', async () => {
  const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
  const stored = await store.putText('facts.json', JSON.stringify(facts));
  const shown = await store.putText('interface.json', JSON.stringify({ schema: 1, messages: [] }));
  const sized = (name: string, size: number): DocRecord => ({
    ...recordOf(stored),
    package: name,
    interface: shown,
    facts: { ...stored, size },
  });
  const large = ['large', 'larger'].map((name) => sized(name, 300 << 20));
  const records = [...large, sized('small', stored.size)];
  expect([...beyondRoom(records)]).toEqual([large[1]]);
  expect([...beyondRoom(records, 1000)]).toEqual(large);
  const graph = {
    scope: {
      distribution: 'd',
      packages: records.map((r) => ({ ...described(r.package), systemRun: [], source: { url: 'u', path: '' } })),
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
  expect(small).toMatchObject({ facts });
  expect(small?.problem).toBeUndefined();
  const files = new Map<string, string>();
  const plain = packages.map((p) => (delete p.record, p));
  const site = await writeSite({ organization: 'acme', packages: plain }, store, (path, data) => {
    files.set(path, data.toString('utf8'));
  });
  expect(site.refused).toEqual([{ id: 'd/larger', why }]);
  expect(files.get('d/larger/index.html')).toContain(why);
});
