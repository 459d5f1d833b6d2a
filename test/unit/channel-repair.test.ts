import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { raiseVersions } from '../../ts-src/publish/raise.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { channelFile, openChannel, restoreChannel } from '../../ts-src/publish/state.ts';
import { AptClient } from '../e2e/apt-client.ts';
import { folder, key, store, suitesOf, draftOf, publish, sources } from './published.ts';

describe('a channel in a folder', () => {
  it('is unchanged if complete, and repaired if files were lost or damaged', async () => {
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

  it('is complete after the next publication if it was emptied', async () => {
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

  it('is restored from what it serves if its file is lost or damaged', async () => {
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

  it('refuses other bytes under an existing version, and a writer that read an older state', async () => {
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

  it('raises versions that would decrease, or whose content would change', async () => {
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
