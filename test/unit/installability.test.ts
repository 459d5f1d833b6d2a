import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { archivePackages } from '../../ts-src/publish/archive-lists.ts';
import { brokenPackages } from '../../ts-src/publish/installability.ts';
import { removedByUpgrade } from '../../ts-src/publish/upgrade.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { AptClient } from '../e2e/apt-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-installability-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stanza = (name: string, version: string, more: Record<string, string> = {}) =>
  [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: amd64',
    ...Object.entries(more).map(([k, v]) => `${k}: ${v}`),
  ].join('\n') + '\n';

/** Packages of `own` that dose-debcheck reports as uninstallable. */
function byDose(own: string[], archive: string[]): string[] {
  const [foreground, background] = [join(folder, 'own'), join(folder, 'archive')];
  writeFileSync(foreground, own.join('\n'));
  writeFileSync(background, archive.join('\n'));
  const ran = spawnSync(
    'dose-debcheck',
    ['--deb-native-arch=amd64', '--failures', '--fg', foreground, '--bg', background],
    { encoding: 'utf8' },
  );
  expect([0, 1], ran.stderr).toContain(ran.status);
  return [...ran.stdout.matchAll(/^ *package: (\S+)$/gm)].map((m) => m[1] ?? '').sort();
}

/** Numbers below 1, the same from the same seed (mulberry32). */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function archiveOf(seed: number): { own: string[]; archive: string[] } {
  const next = random(seed);
  const pick = (n: number) => Math.floor(next() * n);
  const relation = () => {
    const other = () => (pick(2) ? `v${pick(12)}` : `missing${pick(5)}`);
    const name = pick(25) ? `p${pick(120)}` : other();
    const bound =
      !name.startsWith('p') || pick(3) ? '' : ` (${['>=', '<<', '=', '<=', '>>'][pick(5)]} ${1 + pick(4)}.0)`;
    return name + bound;
  };
  const depends = () =>
    Array.from({ length: pick(4) }, () => Array.from({ length: 1 + pick(2) }, relation).join(' | ')).join(', ');
  const all = Array.from({ length: 120 }, (_, i) => {
    const needs = depends();
    return stanza(`p${i}`, `${1 + pick(4)}.0`, {
      ...(needs ? { [pick(6) ? 'Depends' : 'Pre-Depends']: needs } : {}),
      ...(pick(6) ? {} : { Provides: `v${pick(10)}` }),
    });
  });
  return { own: all.slice(0, 50), archive: all.slice(50) };
}

it('fields may be written in lower case, and on several lines', () => {
  const own = stanza('acme-robot', '1', { depends: '\n acme-lib,\n\tacme-none (>= 2) |\n acme-other' });
  const lib = stanza('acme-lib', '1');
  const needs = 'acme-none (>= 2) | acme-other';
  expect(brokenPackages([own], [lib])).toEqual([{ package: 'acme-robot', version: '1', needs, of: 'acme-robot' }]);
  const breaking = stanza('acme-lib', '2', { breaks: '\n acme-some,\n acme-other' });
  expect(removedByUpgrade([own, lib, stanza('acme-other', '1')], [breaking])).toEqual([
    { name: 'acme-other', why: 'is excluded by acme-lib' },
    { name: 'acme-robot', why: `is there no more, and needs ${needs}` },
  ]);
});

describe('installability', () => {
  it('agrees with dose-debcheck', () => {
    let broken = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const { own, archive } = archiveOf(seed);
      const found = brokenPackages(own, archive)
        .map((b) => b.package)
        .sort();
      broken += found.length;
      expect(found, `seed ${seed}`).toEqual(byDose(own, archive));
    }
    expect(broken).toBeGreaterThan(20);
  });

  it('names the unmet dependency at any depth; cycles are allowed', () => {
    const own = [
      stanza('acme-a', '1.0', { Depends: 'acme-b (= 1.0), libc6' }),
      stanza('acme-b', '1.0', { Depends: 'acme-a,\n libdeep' }),
      stanza('acme-c', '1.0', { Depends: 'acme-d | libc6 (>= 3), virtual (>= 2)' }),
      stanza('acme-d', '2.0', { Depends: 'libc6 (>= 2), virtual' }),
    ];
    const archive = [
      stanza('libc6', '2.36', {}),
      stanza('libdeep', '1.0', { Depends: 'libdeeper' }),
      stanza('libdeeper', '1.0', { Depends: 'gone (>= 2) | lost' }),
      stanza('other', '1.0', { Provides: 'virtual (= 2.5)' }),
    ];
    expect(brokenPackages(own, archive)).toEqual([
      { package: 'acme-a', version: '1.0', needs: 'gone (>= 2) | lost', of: 'libdeeper' },
      { package: 'acme-b', version: '1.0', needs: 'gone (>= 2) | lost', of: 'libdeeper' },
    ]);
  });
});

describe('an upgrade', () => {
  it('removes what apt removes', async () => {
    const before = [
      stanza('acme-lib', '1.0', { Provides: 'acme-lib-abi-1' }),
      stanza('acme-app', '1.0', { Depends: 'acme-lib-abi-1' }),
      stanza('acme-old', '1.0', { Depends: 'acme-lib-abi-1' }),
      stanza('acme-older', '1.0', { Depends: 'acme-old' }),
      stanza('acme-alone', '1.0'),
      stanza('acme-name', '1.0'),
    ];
    const after = [
      stanza('acme-lib', '2.0', { Provides: 'acme-lib-abi-2' }),
      stanza('acme-app', '2.0', { Depends: 'acme-lib-abi-2, acme-renamed' }),
      stanza('acme-renamed', '2.0', { Conflicts: 'acme-name', Replaces: 'acme-name' }),
    ];
    const found = removedByUpgrade(before, after);
    const client = AptClient.below(folder);
    const installed = before.map((s) => `${s}Status: install ok installed\nMaintainer: A <a@example.org>\n`);
    writeFileSync(join(client.root, 'status'), installed.join('\n'));
    const served = join(folder, 'served');
    mkdirSync(served);
    const entries = after.map((s) => `${s}Filename: ./x.deb\nSize: 1\nSHA256: ${'0'.repeat(64)}\n`);
    writeFileSync(join(served, 'Packages'), entries.join('\n'));
    client.sources(`Types: deb\nURIs: file://${served}\nSuites: ./\nTrusted: yes\n`);
    expect((await client.run('apt-get', 'update')).code).toBe(0);
    const ran = await client.run('apt-get', '-s', 'dist-upgrade');
    const removed = [...ran.stdout.matchAll(/^Remv (\S+)/gm)].map((m) => m[1] ?? '').sort();
    expect(removed, ran.stdout + ran.stderr).toEqual(['acme-name', 'acme-old', 'acme-older']);
    expect(found.map((r) => r.name).sort()).toEqual(removed);
    expect(removedByUpgrade(before, [...before])).toEqual([]);
  });
});

describe("a platform's archive", () => {
  it('is read from the base on this machine, or the one in the store; no other base is used', async () => {
    const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
    const text = `${stanza('libc6', '2.36')}\n${stanza('libm', '1')}`;
    const lists = join(folder, 'lists');
    execFileSync('mkdir', ['-p', lists, join(folder, 'state/bases/bookworm-amd64')]);
    writeFileSync(join(lists, 'archive_dists_bookworm_main_binary-amd64_Packages'), text);
    const locked = { base: 'a'.repeat(64), archive: 'b'.repeat(64) };
    const read = (archive: string) =>
      archivePackages(store, join(folder, 'state'), 'bookworm-amd64', { ...locked, archive });
    expect(await read(locked.archive)).toBeUndefined();
    const packed = join(folder, 'lists.tar.gz');
    execFileSync('tar', ['-c', '-z', '-f', packed, '-C', lists, '.']);
    await store.writeJson(`bases/${locked.base}-${'b'.repeat(16)}.json`, { lists: await store.put(packed) });
    expect((await read(locked.archive))?.length).toBe(2);
    writeFileSync(
      join(folder, 'state/bases/bookworm-amd64/current.json'),
      JSON.stringify({ digest: locked.base, archive: 'c'.repeat(64), lists }),
    );
    expect((await read('c'.repeat(64)))?.length).toBe(2);
    expect(await read('d'.repeat(64))).toBeUndefined();
    expect(await read('../x')).toBeUndefined();
  });
});
