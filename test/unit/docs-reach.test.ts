import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { keepSite } from '../../ts-src/docs/reach.ts';
import { docsRecordName, type DocRecord } from '../../ts-src/model/docs.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { slipway } from '../e2e/helpers.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-reach-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesBelow = (part: string): string[] =>
  readdirSync(join(folder, 'store', part), { recursive: true, encoding: 'utf8' }).filter((f) =>
    statSync(join(folder, 'store', part, f)).isFile(),
  );

it("garbage collection keeps the pages of a channel's newest site, regardless of their age", async () => {
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}
platforms: {bookworm: {os: debian, release: bookworm}}
store: "file:store"
`,
  );
  const store = await openStore('file:store', folder, join(folder, '.slipway'), undefined);
  const record = async (name: string): Promise<DocRecord> => {
    const file = await store.putText(`${name}.json`, name);
    const all = { interface: file, facts: file, pages: file, log: file };
    const key = file.sha256;
    const coverage = { documented: 0, total: 0 };
    const told = { faults: [], warnings: 0, told: [], coverage, undocumented: [], inputs: {}, milliseconds: 1 };
    const made: DocRecord = { schema: 1, key, package: name, digest: key, ...told, ...all };
    await store.writeJson(docsRecordName(key), made);
    return made;
  };
  const [shown, former] = [await record('shown'), await record('former')];
  await keepSite(store, 'release/v1', [{ record: shown }]);
  const old = new Date(Date.now() - 400 * 86_400_000);
  for (const file of filesBelow('')) utimesSync(join(folder, 'store', file), old, old);
  const ran = await slipway(['store', 'gc', '--days', '1'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  expect(filesBelow('docs').map((f) => f.replace(/^.*\//, ''))).toEqual([`${shown.key}.json`]);
  expect(filesBelow('objects').map((f) => f.replace(/^.*\//, ''))).toEqual([shown.key]);
  expect(former.key).not.toBe(shown.key);
  expect(filesBelow('sites')).toEqual(['release/v1.json']);
});
