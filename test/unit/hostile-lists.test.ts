import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { differenceOfImages } from '../../ts-src/images/difference.ts';
import { ociConfig } from '../../ts-src/images/docker.ts';
import { simplestreams } from '../../ts-src/images/lxd.ts';
import { reachedByImages } from '../../ts-src/images/reach.ts';
import { addToList, listImages, readRecord, recordName, type ImageRecord } from '../../ts-src/images/record.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { renderImages } from '../../ts-src/render/images.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { each, mutations } from './mutations.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-lists-'));
const digest = 'a'.repeat(64);
let server: Server;
let asked = 0;
let endpoint = '';

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'x';
  process.env.AWS_SECRET_ACCESS_KEY = 'y';
  server = createServer((_, response) => {
    asked++;
    response.end(`<ListBucketResult><NextContinuationToken>${asked}</NextContinuationToken></ListBucketResult>`);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  endpoint = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a list of a bucket that never ends is an error of the store', async () => {
  const store = await openStore(`s3://bucket?endpoint=${endpoint}`, folder, join(folder, 'state'), undefined);
  await expect(store.names('channels')).rejects.toMatchObject({ code: 'ESTORE' });
  expect(asked).toBeLessThan(1000);
}, 60_000);

it('a write that a server refuses in any way has failed', async () => {
  const refusing = createServer((request, response) => {
    request.resume();
    response.writeHead(Number(/\d+$/.exec(request.url ?? '')?.[0]));
    response.end();
  });
  await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
  const address = refusing.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const place = new S3Endpoint(`s3://bucket?endpoint=http://127.0.0.1:${port}`, {});
  const store = await openStore(`s3://bucket?endpoint=http://127.0.0.1:${port}`, folder, join(folder, 's'), undefined);
  for (const status of [400, 403, 404, 405, 409, 412]) {
    await expect(place.put(String(status), Buffer.from('x')), String(status)).rejects.toMatchObject({ code: 'ESTORE' });
    await expect(store.putBlob(String(status), Buffer.from('x'))).rejects.toMatchObject({ code: 'ESTORE' });
  }
  expect(await place.read('404')).toBeUndefined();
  expect(await place.replace('404', Buffer.from('x'), 'tag')).toBe(false);
  refusing.closeAllConnections();
  refusing.close();
}, 60_000);

it('records of images are used only in their form, and name no other place', async () => {
  const store = await openStore(`file:${folder}/a/b/store`, folder, join(folder, 'state'), undefined);
  const file = { name: 'robot.tar', sha256: digest, size: 1 };
  const record: ImageRecord = {
    schema: 1,
    key: digest,
    name: 'robot',
    channel: 'nightly',
    state: digest,
    version: '20260101000000-aaaaaaaa',
    platform: 'bookworm',
    architecture: 'amd64',
    distribution: 'd',
    spec: digest,
    base: digest,
    own: { tool: '1.0' },
    system: {},
    layers: [{ what: 'base', file }],
    artifacts: [{ kind: 'docker', files: [file], id: 'x', bytes: 1, checked: 1 }],
    made: 1,
    milliseconds: 1,
    docker: { command: ['x'], labels: { a: 'b' }, time: 1 },
    published: 1,
  };
  let read = 0;
  for (const { path, value } of each(2, mutations(record))) {
    if (value === undefined) continue;
    await store.writeJson(recordName(digest), value);
    const found = await readRecord(store, digest);
    if (!found) continue;
    read++;
    await addToList(store, found);
    const [listed] = await listImages(store, found.channel);
    if (!listed) throw new Error(`${path} is in no list`);
    differenceOfImages(found, record);
    await reachedByImages(store, new Set(), 1, 1);
    if (found.docker) ociConfig({ ...found, ...found.docker, layers: [] });
    renderImages([{ ...listed, channel: found.channel, record: found }], 1);
  }
  expect(read).toBeGreaterThan(5);
  expect([readdirSync(join(folder, 'a')), readdirSync(join(folder, 'a/b'))]).toEqual([['b'], ['store']]);
});

it("the index for LXD has images with the names of objects' own properties", () => {
  const image = { image: 'constructor', version: 'constructor', architecture: 'amd64', file: 'a.squashfs' };
  const made = simplestreams('nightly', 'acme', [{ ...image, size: 1, sha256: digest }]);
  expect(made['streams/v1/images.json']).toContain('"squashfs"');
});
