import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryOf } from '../../ts-src/images/build.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { openChannel } from '../../ts-src/publish/state.ts';
import { folder, publish, store, suitesOf } from './published.ts';

it("images trust the channel's key, not the one that its place serves", async () => {
  const place = new FolderEndpoint(join(folder, 'nightly'));
  expect((await publish('nightly', await suitesOf([{ name: 'tool', version: '1' }]), place)).ok).toBe(true);
  const key = readFileSync(join(place.folder, 'key.asc'), 'utf8');
  writeFileSync(join(place.folder, 'key.asc'), 'of somebody else');
  const channel = await openChannel(store, 'nightly');
  const image: Parameters<typeof repositoryOf>[0]['image'] = {
    name: 'robot',
    distribution: 'd',
    target: { os: 'debian', release: 'bookworm', architecture: 'amd64', platform: 'bookworm', variant: '' },
    spec: { apt: 'http://apt.example' },
  };
  const found = await repositoryOf({ image, channel, root: folder, store }, []);
  expect(found).toMatchObject({ ok: true, value: { key, uri: 'http://apt.example' } });
});
