import { isUtf8 } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { debFaults } from '../../ts-src/inspect/deb.ts';
import { writeAr } from '../../ts-src/io/ar.ts';
import { writeTar, type TarFile } from '../../ts-src/io/tar.ts';
import { utf8Text } from '../../ts-src/io/utf8.ts';
import { makeContents } from '../../ts-src/publish/contents.ts';
import { controlStanzas } from '../../ts-src/publish/deb.ts';
import { makeIndices } from '../../ts-src/publish/draft.ts';
import { readRelease } from '../../ts-src/publish/indices.ts';
import { brokenPackages } from '../../ts-src/publish/installability.ts';
import { removedByUpgrade, unmetIn } from '../../ts-src/publish/upgrade.ts';
import { readUnderlays } from '../../ts-src/read/underlay.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { containing } from './containing.ts';
import { archiveNames } from '../../ts-src/sandbox/archive-names.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-packages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const head = 'Package: acme-a\nVersion: 1\nArchitecture: amd64\n';
const planned = { package: 'acme-a', version: '1', architecture: 'amd64' };
const file = (name: string) => join(folder, name);

async function packed(name: string, members: TarFile[], pack?: 'xz'): Promise<string> {
  const tar = writeTar(members, 0);
  const data = pack ? execFileSync('xz', ['-0', '-c'], { input: tar, maxBuffer: 1 << 30 }) : tar;
  rmSync(file(name), { force: true });
  const parts = [
    { name: 'debian-binary', data: Buffer.from('2.0\n') },
    { name: pack ? 'control.tar.xz' : 'control.tar', data },
    { name: 'data.tar', data: writeTar([], 0) },
  ];
  await writeAr(file(name), parts, 0);
  return file(name);
}

const faultsOf = async (members: TarFile[]): Promise<string> =>
  (await debFaults(await packed('x.deb', members), planned)).map((f) => f.text).join();

it('control files of megabytes, and lists of them, are refused in a line', async () => {
  const control = { path: 'control', data: head };
  const faults = [
    await faultsOf([{ path: 'control', data: `${head}Depends: ${'a, '.repeat(2_000_000)}\n` }]),
    await faultsOf([control, { path: 'conffiles', data: '/etc/aaaa\n'.repeat(6_000_000) }]),
    await faultsOf([control, { path: 'conffiles', data: '/etc/aaaa\n'.repeat(100_000) }]),
    await faultsOf([control, { path: 'conffiles', data: `/etc/${'a'.repeat(900_000)}` }]),
    await faultsOf([{ path: 'control', data: head + Array.from({ length: 200_000 }, (_, i) => `A${i}:\n`).join('') }]),
    await faultsOf([{ path: 'control', data: `${head.replace('acme-a', 'a'.repeat(1_000_000))}` }]),
    await faultsOf([control, ...Array.from({ length: 20_000 }, (_, i) => ({ path: `x${i}`, data: '' }))]),
  ];
  expect(faults.map((text) => text.length < 2000 && text !== '')).toEqual(faults.map(() => true));
  expect(faults[2]).toBe('its conffiles are not those planned');
});

it('control parts that unpack to gigabytes end in seconds, and others beside them are read', async () => {
  const zeros = execFileSync('xz', ['-0', '-c'], { input: Buffer.alloc(64 << 20), maxBuffer: 1 << 30 });
  const bomb = await packed('bomb.deb', [{ path: 'control', data: head }]);
  const parts = [
    { name: 'debian-binary', data: Buffer.from('2.0\n') },
    { name: 'control.tar.xz', data: Buffer.concat(Array.from({ length: 90 }, () => zeros)) },
    { name: 'data.tar', data: writeTar([], 0) },
  ];
  rmSync(bomb);
  await writeAr(bomb, parts, 0);
  const good = await packed('good.deb', [{ path: 'control', data: head }], 'xz');
  const begun = performance.now();
  const name = 'acme-a_1_amd64.deb';
  expect(
    await controlStanzas([
      { name, path: bomb },
      { name, path: good },
    ]),
  ).toEqual([undefined, head]);
  expect(performance.now() - begun).toBeLessThan(3000);
});

it('an index that would get too large for a text is an error', async () => {
  const store = await openStore('file:store', folder, file('state'), undefined);
  const packages: Parameters<typeof makeIndices>[1][string] = {};
  for (let i = 0; i < 70; i++) {
    const name = `acme-p${i}`;
    const data = `${head.replace('acme-a', name)}Description: x\n${` ${'a'.repeat(4000)}\n`.repeat(1000)}`;
    await packed(`${name}_1_amd64.deb`, [{ path: 'control', data }]);
    const stored = await store.put(file(`${name}_1_amd64.deb`));
    packages[name] = { version: '1', key: 'k', files: [stored], abi: 'x', requires: [] };
    rmSync(file(`${name}_1_amd64.deb`));
  }
  const made = await makeIndices(store, { 'bookworm-x/amd64': packages }, [], { contents: false, sources: false });
  expect(made.ok ? [] : made.diagnostics.map((d) => d.message)).toEqual([
    'the index of bookworm-x/amd64 would have more than 256 MiB',
  ]);
}, 60_000);

it('a Contents index that would get too large is none', async () => {
  const store = await openStore('file:store', folder, file('state'), undefined);
  const long = 'a'.repeat(80);
  const folders = ['opt/', `opt/${long}/`].map((path) => ({ path, data: '' }));
  const paths = Array.from({ length: 20_000 }, (_, i) => ({ path: `opt/${long}/${i}`, data: '' }));
  await writeAr(
    file('many.deb'),
    [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar', data: writeTar([{ path: 'control', data: head }], 0) },
      { name: 'data.tar', data: writeTar([...folders, ...paths], 0) },
    ],
    0,
  );
  const stored = await store.put(file('many.deb'));
  const held = { version: '1', key: 'k', abi: 'x', requires: [], files: Array.from({ length: 160 }, () => stored) };
  expect(await makeContents(store, { 'bookworm-x/amd64': { 'acme-a': held } }, [], new Map())).toBe(
    'the Contents index of bookworm-x/amd64 would have more than 256 MiB',
  );
}, 60_000);

it('dependencies of 30,000 packages are judged in seconds: chains, cycles, one name that all provide', () => {
  const numbers = Array.from({ length: 30_000 }, (_, i) => i);
  const one = (name: string, more: string) => `Package: acme-${name}\nVersion: 1\n${more}`;
  const begun = performance.now();
  const chain = numbers.map((i) => one(`p${i}`, `Depends: acme-p${i + 1}\n`));
  expect(brokenPackages(chain, []).length).toBe(30_000);
  expect(unmetIn(chain, chain).length).toBe(1);
  expect(removedByUpgrade(chain, [one('z', '')]).length).toBe(30_000);
  const cycle = [...chain, one('p30000', 'Depends: acme-p0\n')];
  expect(brokenPackages(cycle, [])).toEqual([]);
  expect(removedByUpgrade(cycle, [one('z', '')])).toEqual([]);
  const shared = numbers.map((i) => one(`p${i}`, 'Provides: acme-v\nDepends: acme-v\n'));
  expect(brokenPackages([one('x', 'Depends: acme-v\n')], shared)).toEqual([]);
  expect(removedByUpgrade(shared, [one('z', 'Conflicts: acme-v\n')]).length).toBe(30_000);
  const provides = [one('x', `Provides: ${'acme-v, '.repeat(100_000)}acme-w\n`)];
  expect(unmetIn(provides, provides)).toEqual([]);
  expect(performance.now() - begun).toBeLessThan(20_000);
  const versions = numbers.slice(0, 10_000).map((i) => one(`p${i}`, `Provides: acme-v\nDepends: acme-v (>= ${i})\n`));
  expect(() => brokenPackages(versions, [])).toThrow(/provide and need too much/);
}, 60_000);

it('a Release file of many lines is read, as before', () => {
  const digest = 'a'.repeat(64);
  const read = (text: string) => [...readRelease(text).files.keys()];
  expect(read('SHA256:\n'.padEnd(60 << 20, ' \n'))).toEqual([]);
  expect(read(`Suite: x\nSHA256:\n ${digest} 1 a\n ${digest} 2 b\nSHA512:\n ${digest} 3 c\n`)).toEqual(['a', 'b']);
  expect(read(`SHA256:\n ${digest} 1 a\n-----BEGIN PGP SIGNATURE-----\n`)).toEqual(['a']);
  expect(read(`SHA256:\nB: 1\n ${digest} 1 a\n`)).toEqual([]);
});

it('an archive with millions of names is not looked up', () => {
  mkdirSync(file('lists'));
  const names = (from: number) => Array.from({ length: 1_000_000 }, (_, i) => (from + i).toString(36)).join(',');
  const text = [0, 1, 2, 3, 4].map((i) => `Package: p${i}\nProvides: ${names(i * 1_000_000)}\n\n`).join('');
  writeFileSync(file('lists/x_Packages'), text);
  const base = { lists: file('lists'), folder, archive: 'a'.repeat(64) };
  expect(archiveNames(base)).toBeUndefined();
  writeFileSync(file('lists/x_Packages'), 'Package: a\nProvides: b (= 1), c:any\n\nPackage: d\n');
  expect([...(archiveNames(base) ?? [])]).toEqual(['a', 'b', 'c', 'd']);
}, 60_000);

it('bytes that are not UTF-8 are marked one by one, however many they are', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((a) => Buffer.from(a));
  const parts = fc.array(
    fc.oneof(
      bytes,
      fc.string({ unit: 'binary' }).map((t) => Buffer.from(t)),
    ),
    { maxLength: 6 },
  );
  const byBytes = (all: Buffer): string => {
    let text = '';
    for (let at = 0; at < all.length;) {
      const length = [1, 2, 3, 4].find((n) => at + n <= all.length && isUtf8(all.subarray(at, at + n)));
      text +=
        length === undefined ? String.fromCharCode(0xdc00 + Number(all[at])) : all.toString('utf8', at, at + length);
      at += length ?? 1;
    }
    return text;
  };
  fc.assert(
    fc.property(parts, (all) => {
      const whole = Buffer.concat(all);
      expect(utf8Text(whole)).toBe(byBytes(whole));
    }),
  );
  const begun = performance.now();
  expect(utf8Text(Buffer.alloc(32 << 20, 0xff)).length).toBe(32 << 20);
  expect(performance.now() - begun).toBeLessThan(5000);
});

it('an underlay with millions of packages is an error', async () => {
  const index = Array.from({ length: 2_000_010 }, (_, i) => `Package: p${i}\nVersion: 1\n\n`).join('');
  const suite = file('archive/dists/x');
  mkdirSync(join(suite, 'main/binary-amd64'), { recursive: true });
  writeFileSync(join(suite, 'main/binary-amd64/Packages'), index);
  writeFileSync(join(suite, 'InRelease'), `SHA256:\n ${sha256(index)} 1 main/binary-amd64/Packages\n`);
  const text =
    'organization: acme\ndistributions: {d: {platforms: [p], folders: [src], ros_version: 2}}\nplatforms:\n' +
    '  p: {os: debian, release: bookworm, underlays: ' +
    `{u: {uri: "file://${file('archive')}", suite: x, trusted: true}}}\n`;
  writeFileSync(file('distro.yaml'), text);
  const workspace = await readWorkspace(file('distro.yaml'), file('underlay-state'));
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  const read = await readUnderlays(workspace.value);
  expect(read.diagnostics.map((d) => d.message)).toEqual([containing('has more than 2000000 packages')]);
}, 60_000);
