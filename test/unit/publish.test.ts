import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controlStanzas, repackDeb } from '../../ts-src/publish/deb.ts';
import { fieldOf } from '../../ts-src/text/stanza.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { openChannel, shortId } from '../../ts-src/publish/state.ts';
import { AptClient, makeDeb } from '../e2e/apt-client.ts';
import { folder, store, suitesOf, publish, sources } from './published.ts';

const objectOf = (digest: string): [string, string] => [digest.slice(0, 2), digest];

describe('packages', () => {
  it('are read in one pass regardless of compression, and invalid ones are reported', async () => {
    const files = ['gzip', 'xz', 'zstd', 'none'].map((z, i) => {
      const path = makeDeb(folder, { name: `packed-${i}`, version: '1.0' });
      execFileSync('dpkg-deb', ['--root-owner-group', '-Z', z, '--uniform-compression', '-b', readTree(path), path], {
        stdio: 'ignore',
      });
      return { name: `packed-${i}_1.0_amd64.deb`, path };
    });
    writeFileSync(join(folder, 'junk_1.0_amd64.deb'), 'junk');
    const stanzas = await controlStanzas([
      ...files,
      { name: 'junk_1.0_amd64.deb', path: join(folder, 'junk_1.0_amd64.deb') },
      { name: 'other_1.0_amd64.deb', path: files[1]!.path },
    ]);
    expect(stanzas.map((s) => s && fieldOf(s, 'Package'))).toEqual([
      'packed-0',
      'packed-1',
      'packed-2',
      'packed-3',
      undefined,
      undefined,
    ]);
  });

  it('get another version with unchanged files', async () => {
    const path = makeDeb(folder, {
      name: 'again',
      version: '1.0-0bookworm.20250101.000000',
      depends: 'x (= 1.0-0bookworm.20250101.000000)',
    });
    const to = join(folder, 'again.deb');
    const changes = { from: '1.0-0bookworm.20250101.000000', to: '1:1.0-1', seconds: 0 };
    expect(await repackDeb(path, to, changes)).toBe(true);
    const field = (file: string, name: string) =>
      execFileSync('dpkg-deb', ['-f', file, name], { encoding: 'utf8' }).trim();
    expect([field(to, 'Version'), field(to, 'Depends')]).toEqual(['1:1.0-1', 'x (= 1:1.0-1)']);
    const list = (file: string) => execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' });
    expect(list(to)).toBe(list(path));
    expect(await repackDeb(path, `${to}.other`, { ...changes, from: '9' })).toBe(false);
  });
});

/** The text that a package was built from. */
function readTree(deb: string): string {
  const tree = mkdtempSync(join(folder, 'tree-'));
  rmSync(tree, { recursive: true });
  execFileSync('dpkg-deb', ['-R', deb, tree]);
  return tree;
}

describe('a channel in a folder', () => {
  it('is what apt gets, with each of its states as a suite, too', async () => {
    const at = join(folder, 'served');
    const endpoint = new FolderEndpoint(at);
    const first = await publish(
      'c',
      await suitesOf([
        { name: 'tool', version: '1.0' },
        { name: 'tool', version: '1.0', architecture: 'arm64' },
        { name: 'libbase', version: '1.0' },
      ]),
      endpoint,
    );
    expect(first).toMatchObject({ ok: true, value: { lost: [], changed: true } });
    const second = await publish(
      'c',
      await suitesOf([
        { name: 'tool', version: '2.0' },
        { name: 'libbase', version: '1.0' },
      ]),
      endpoint,
    );
    if (!first.ok || !second.ok) throw new Error('not published');
    const client = AptClient.below(folder);
    client.sources(sources(at, 'bookworm-d'));
    const update = await client.run('apt-get', 'update');
    expect(update.code, update.stdout + update.stderr).toBe(0);
    expect(update.stderr + update.stdout).not.toMatch(/^[WE]:/m);
    expect((await client.run('apt-cache', 'policy', 'tool')).stdout).toContain('Candidate: 2.0');
    const got = await client.run('apt-get', 'install', '--download-only', 'tool', 'libbase');
    expect(got.code, got.stderr).toBe(0);
    const old = AptClient.below(folder);
    old.sources(sources(at, `states/${shortId(first.value.id!)}/bookworm-d`));
    const updated = await old.run('apt-get', 'update');
    expect(updated.code, updated.stdout + updated.stderr).toBe(0);
    expect(updated.stderr + updated.stdout).not.toMatch(/^[WE]:/m);
    expect((await old.run('apt-cache', 'policy', 'tool')).stdout).toContain('Candidate: 1.0');
    expect(existsSync(join(at, 'pool/main/libb/libbase/libbase_1.0_amd64.deb'))).toBe(true);
  });

  it('reaches clients after a publication with a wrong clock, once the clock is right', async () => {
    const at = join(folder, 'clocks');
    const endpoint = new FolderEndpoint(at);
    const client = AptClient.below(folder);
    client.sources(sources(at, 'bookworm-d'));
    const year = 365 * 86_400_000;
    const told = async (version: string, shift: number) => {
      const moved = await publish('clocks', await suitesOf([{ name: 'tool', version }]), endpoint, Date.now() + shift);
      expect(moved).toMatchObject({ ok: true, value: { changed: true } });
      return moved.diagnostics.map((d) => d.code);
    };
    const candidate = async () => {
      const ran = await client.run('apt-get', 'update');
      const policy = await client.run('apt-cache', 'policy', 'tool');
      return [ran.code, /Candidate: (\S+)/.exec(policy.stdout)?.[1]];
    };
    expect(await told('1.0', 0)).toEqual([]);
    expect(await candidate()).toEqual([0, '1.0']);
    // A late clock: no client fails, none sees the update, and the run reports it.
    expect(await told('2.0', -year)).toEqual(['clock-behind']);
    expect(await candidate()).toEqual([0, '1.0']);
    expect(await told('3.0', 0)).toEqual([]);
    expect(await candidate()).toEqual([0, '3.0']);
    // An early clock: apt ignores the future date; the next publication works as usual.
    expect(await told('4.0', year)).toEqual([]);
    expect(await candidate()).toEqual([100, '3.0']);
    expect(await told('5.0', 0)).toEqual(['clock-behind']);
    expect(await candidate()).toEqual([0, '5.0']);
  });

  it('lists the package of each file, if enabled', async () => {
    const at = join(folder, 'listed');
    const endpoint = new FolderEndpoint(at);
    const debs = (tool: string) => [
      { name: 'base', version: '1.0' },
      { name: 'tool', version: tool },
    ];
    const listing = async () => {
      const client = AptClient.below(folder);
      client.sources(sources(at, 'bookworm-d'));
      // As in apt-file's own configuration.
      appendFileSync(
        join(client.root, 'apt.conf'),
        'Acquire::IndexTargets::deb::Contents-deb { MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)"; ShortDescription "Contents-$(ARCHITECTURE)"; Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents (deb)"; DefaultEnabled "true"; };\n',
      );
      const ran = await client.run('apt-get', 'update');
      expect(ran.code, ran.stderr).toBe(0);
      const found = await client.run('apt-get', 'indextargets', '--format', '$(FILENAME)', 'Created-By: Contents-deb');
      const [file = ''] = found.stdout.split('\n').filter((f) => f.includes('amd64') && existsSync(f));
      const lines = execFileSync('/usr/lib/apt/apt-helper', ['cat-file', file], { encoding: 'utf8' });
      return [...lines.matchAll(/^(\S+) +(\S+)$/gm)].map((m) => [m[1], m[2]]);
    };
    const both = [
      ['opt/acme/base', 'misc/base'],
      ['opt/acme/tool', 'misc/tool'],
    ];
    await publish('listed', await suitesOf(debs('1.0')), endpoint);
    // The same packages with the setting are another state.
    const first = await publish('listed', await suitesOf(debs('1.0')), endpoint, Date.now(), true);
    expect(first).toMatchObject({ ok: true, value: { changed: true } });
    expect(await listing()).toEqual(both);
    // Packages in a former index are not read again; this one could not be.
    const suites = await suitesOf(debs('2.0'));
    for (const held of Object.values(suites['bookworm-d/amd64'] ?? {}))
      if (held.version === '1.0') rmSync(join(folder, 'store/objects', ...objectOf(held.files[0]?.sha256 ?? '')));
    expect(await publish('listed', suites, endpoint, Date.now(), true)).toMatchObject({ ok: true });
    expect(await listing()).toEqual(both);
    const { head } = await openChannel(store, 'listed');
    const { sha256 = '' } = head?.contents?.['bookworm-d/amd64'] ?? {};
    expect(existsSync(join(at, 'dists/bookworm-d/main/by-hash/SHA256', sha256))).toBe(true);
    // A lost index is made again from the packages.
    const again = await suitesOf(debs('2.0'));
    rmSync(join(folder, 'store/objects', ...objectOf(sha256)));
    rmSync(at, { recursive: true });
    expect(await publish('listed', again, endpoint, Date.now(), true)).toMatchObject({ ok: true });
    expect(await listing()).toEqual(both);
  });
});
