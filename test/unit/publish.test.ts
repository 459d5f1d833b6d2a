import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlStanzas, fieldOf, repackDeb } from '../../ts-src/publish/deb.ts';
import type { Endpoint } from '../../ts-src/publish/endpoint.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { moveChannel, type Draft } from '../../ts-src/publish/publication.ts';
import { raiseVersions } from '../../ts-src/publish/raise.ts';
import { withSigner, type SigningKey } from '../../ts-src/publish/signing.ts';
import { channelFile, openChannel, restoreChannel, shortId } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { AptClient, makeDeb, type MadeDeb } from '../e2e/apt-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-publish-'));

afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

const home = join(folder, 'gpg');

const key: SigningKey = { kind: 'keyring', home, keys: ['acme'] };

let store: Store;

beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  const options = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...options, '--quick-generate-key', 'acme', 'rsa2048', 'sign', 'never'], { stdio: 'ignore' });
  store = await openStore('file:store', folder, join(folder, 'state'), undefined);
});

/** Suites of packages, which are put into the store. */
async function suitesOf(debs: MadeDeb[]): Promise<Suites> {
  const suites: Suites = {};
  for (const deb of debs) {
    const file = await store.put(makeDeb(folder, deb));
    (suites[`bookworm-d/${deb.architecture ?? 'amd64'}`] ??= {})[deb.name] = {
      version: deb.version,
      key: file.sha256,
      files: [file],
      abi: `${deb.name}-abi`,
      requires: [],
    };
  }
  return suites;
}

const draftOf = (suites: Suites): Draft => ({
  kind: 'publication',
  suites,
  tests: {},
  stamp: '20260101000000',
  who: 'me',
  verdicts: [],
});

async function publish(name: string, suites: Suites, endpoint: Endpoint, now = Date.now(), contents = false) {
  const channel = await restoreChannel(store, await openChannel(store, name, true), [endpoint], ['bookworm-d']);
  return withSigner(key, (signer) =>
    moveChannel(channel, draftOf(suites), {
      store,
      endpoints: [endpoint],
      signer,
      settings: { organization: 'acme', sha512: true, validDays: undefined, contents },
      now,
    }),
  );
}

const objectOf = (digest: string): [string, string] => [digest.slice(0, 2), digest];

const sources = (at: string, suite: string) =>
  `Types: deb\nURIs: file://${at}\nSuites: ${suite}\nComponents: main\nSigned-By: ${at}/key.asc\n`;

describe('packages', () => {
  it('are read in one go whatever packs their control files, and what is none is told', async () => {
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

  it('get another version, and keep every file', async () => {
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

/** What a package was made of. */
function readTree(deb: string): string {
  const tree = mkdtempSync(join(folder, 'tree-'));
  rmSync(tree, { recursive: true });
  execFileSync('dpkg-deb', ['-R', deb, tree]);
  return tree;
}

describe('a channel in a folder', () => {
  it('is what apt takes, each of its states as a suite too', async () => {
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

  it('does nothing where all is there, and mends what was lost or damaged', async () => {
    const at = join(folder, 'mended');
    const endpoint = new FolderEndpoint(at);
    const suites = await suitesOf([{ name: 'tool', version: '1.0' }]);
    await publish('m', suites, endpoint);
    const inRelease = join(at, 'dists/bookworm-d/InRelease');
    const before = readFileSync(inRelease, 'utf8');
    expect(await publish('m', suites, endpoint)).toMatchObject({ ok: true, value: { changed: false } });
    expect(readFileSync(inRelease, 'utf8')).toBe(before);
    const client = AptClient.below(folder);
    client.sources(sources(at, 'bookworm-d'));
    const hashed = join(at, 'dists/bookworm-d/main/binary-amd64/by-hash/SHA256');
    const damages = [
      () => rmSync(join(at, 'pool'), { recursive: true }),
      () => truncateSync(inRelease, 100),
      () => rmSync(inRelease),
      () => readdirSync(hashed).forEach((f) => writeFileSync(join(hashed, f), 'x'.repeat(9999))),
      () => rmSync(join(at, 'key.asc')),
      () => truncateSync(join(at, 'dists/bookworm-d/main/binary-amd64/Packages'), 3),
    ];
    for (const damage of damages) {
      damage();
      expect(await publish('m', suites, endpoint)).toMatchObject({ ok: true });
      const got = await client.run('apt-get', 'update');
      expect(got.code, got.stderr).toBe(0);
      expect((await client.run('apt-get', 'install', '--download-only', 'tool')).code).toBe(0);
      rmSync(join(client.root, 'cache/archives'), { recursive: true });
      mkdirSync(join(client.root, 'cache/archives/partial'), { recursive: true });
    }
    expect(
      execFileSync('sh', ['-c', `sha256sum < ${at}/dists/bookworm-d/main/binary-amd64/Packages`], {
        encoding: 'utf8',
      }).split(' ')[0],
    ).toBe(/^ ([0-9a-f]{64}) \d+ main\/binary-amd64\/Packages$/m.exec(readFileSync(inRelease, 'utf8'))![1]);
  });

  it('is whole after the next publication where it was emptied', async () => {
    const at = join(folder, 'emptied');
    const endpoint = new FolderEndpoint(at);
    const base = { name: 'base', version: '1.0' };
    await publish('e', await suitesOf([base, { name: 'tool', version: '1.0' }]), endpoint);
    rmSync(at, { recursive: true });
    const next = await suitesOf([base, { name: 'tool', version: '2.0' }]);
    expect(await publish('e', next, endpoint)).toMatchObject({ ok: true, value: { changed: true } });
    const client = AptClient.below(folder);
    client.sources(sources(at, 'bookworm-d'));
    expect((await client.run('apt-get', 'update')).code).toBe(0);
    const got = await client.run('apt-get', 'install', '--download-only', 'base', 'tool');
    expect(got.code, got.stderr).toBe(0);
  });

  it('reaches clients whatever clock a publication had, once one with the right clock follows', async () => {
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
    // Behind: no client fails, none hears of it, and the run says so.
    expect(await told('2.0', -year)).toEqual(['clock-behind']);
    expect(await candidate()).toEqual([0, '1.0']);
    expect(await told('3.0', 0)).toEqual([]);
    expect(await candidate()).toEqual([0, '3.0']);
    // Ahead: apt takes nothing from the future; the next publication is as if it had never been.
    expect(await told('4.0', year)).toEqual([]);
    expect(await candidate()).toEqual([100, '3.0']);
    expect(await told('5.0', 0)).toEqual(['clock-behind']);
    expect(await candidate()).toEqual([0, '5.0']);
  });

  it('says which package has which file, where that is asked for', async () => {
    const at = join(folder, 'listed');
    const endpoint = new FolderEndpoint(at);
    const debs = (tool: string) => [
      { name: 'base', version: '1.0' },
      { name: 'tool', version: tool },
    ];
    const listing = async () => {
      const client = AptClient.below(folder);
      client.sources(sources(at, 'bookworm-d'));
      // As apt-file's own configuration has it.
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
    // The same packages with the setting: a state of its own.
    const first = await publish('listed', await suitesOf(debs('1.0')), endpoint, Date.now(), true);
    expect(first).toMatchObject({ ok: true, value: { changed: true } });
    expect(await listing()).toEqual(both);
    // What a former state lists is not read again: the package could not be.
    const suites = await suitesOf(debs('2.0'));
    for (const held of Object.values(suites['bookworm-d/amd64'] ?? {}))
      if (held.version === '1.0') rmSync(join(folder, 'store/objects', ...objectOf(held.files[0]?.sha256 ?? '')));
    expect(await publish('listed', suites, endpoint, Date.now(), true)).toMatchObject({ ok: true });
    expect(await listing()).toEqual(both);
    const { head } = await openChannel(store, 'listed');
    const { sha256 = '' } = head?.contents?.['bookworm-d/amd64'] ?? {};
    expect(existsSync(join(at, 'dists/bookworm-d/main/by-hash/SHA256', sha256))).toBe(true);
    // One that the store lost is made again, of packages that are there.
    const again = await suitesOf(debs('2.0'));
    rmSync(join(folder, 'store/objects', ...objectOf(sha256)));
    rmSync(at, { recursive: true });
    expect(await publish('listed', again, endpoint, Date.now(), true)).toMatchObject({ ok: true });
    expect(await listing()).toEqual(both);
  });

  it('is known from what it serves where its file is lost or damaged', async () => {
    const endpoint = new FolderEndpoint(join(folder, 'restored'));
    await publish('r', await suitesOf([{ name: 'tool', version: '1.0' }]), endpoint);
    await publish('r', await suitesOf([{ name: 'tool', version: '2.0' }]), endpoint);
    const known = await openChannel(store, 'r');
    for (const damage of [
      () => truncateSync(join(folder, 'store', channelFile('r')), 5),
      () => rmSync(join(folder, 'store', channelFile('r'))),
    ]) {
      damage();
      const again = await restoreChannel(store, await openChannel(store, 'r', true), [endpoint], ['bookworm-d']);
      expect([again.headId, again.file.states, again.value.versions]).toEqual([
        known.headId,
        known.file.states,
        known.value.versions,
      ]);
      expect(await publish('r', await suitesOf([{ name: 'tool', version: '3.0' }]), endpoint)).toMatchObject({
        ok: true,
      });
      await publish('r', await suitesOf([{ name: 'tool', version: '2.0' }]), endpoint);
      known.file.states = (await openChannel(store, 'r')).file.states;
      known.headId = (await openChannel(store, 'r')).headId;
      known.value.versions = (await openChannel(store, 'r')).value.versions;
    }
  });

  it('refuses other bytes under a version that is there, and a writer that read an older state', async () => {
    const endpoint = new FolderEndpoint(join(folder, 'refused'));
    await publish('f', await suitesOf([{ name: 'tool', version: '1.0' }]), endpoint);
    const stale = await openChannel(store, 'f');
    const other = await suitesOf([{ name: 'tool', version: '1.0', text: 'other' }]);
    expect(await publish('f', other, endpoint)).toMatchObject({ ok: false, diagnostics: [{ code: 'pool-conflict' }] });
    await publish('f', await suitesOf([{ name: 'tool', version: '2.0' }]), endpoint);
    const late = await withSigner(key, async (signer) =>
      moveChannel(stale, draftOf(await suitesOf([{ name: 'tool', version: '3.0' }])), {
        store,
        endpoints: [endpoint],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined },
        now: Date.now(),
      }),
    );
    expect(late).toMatchObject({ ok: false, diagnostics: [{ code: 'channel-moved' }] });
    expect(readFileSync(join(endpoint.folder, 'dists/bookworm-d/main/binary-amd64/Packages'), 'utf8')).toContain(
      'Version: 2.0',
    );
  });

  it('raises what would go down, or change under its version', async () => {
    const endpoint = new FolderEndpoint(join(folder, 'raised'));
    const first = await suitesOf([
      { name: 'tool', version: '2.0-0bookworm.20260101.000000' },
      { name: 'same', version: '1.0' },
    ]);
    await publish('u', first, endpoint);
    const lower = await suitesOf([
      { name: 'tool', version: '1.0-0bookworm.20260102.000000' },
      { name: 'same', version: '1.0', text: 'new' },
    ]);
    const channel = await openChannel(store, 'u');
    const raised = await raiseVersions({
      store,
      scratch: folder,
      suites: lower,
      now: channel.head!.suites,
      versions: channel.value.versions,
      stamp: '20260103000000',
    });
    expect(raised.raised.map((r) => r.to)).toEqual(['1:1.0-0bookworm.20260103.000000', '1.0.20260103.000000']);
    expect(await publish('u', raised.suites, endpoint)).toMatchObject({ ok: true });
    const client = AptClient.below(folder);
    client.sources(sources(endpoint.folder, 'bookworm-d'));
    await client.run('apt-get', 'update');
    expect((await client.run('apt-get', 'install', '--download-only', 'tool', 'same')).code).toBe(0);
  });
});
