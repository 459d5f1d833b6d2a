import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readStates } from '../../ts-src/docs/publication.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { S3Blobs } from '../../ts-src/store/s3-blobs.ts';
import { portOf } from '../port.mjs';
import { containing } from './containing.ts';

vi.hoisted(() => {
  process.env.SLIPWAY_S3_SILENCE_SECONDS = '0.4';
  process.env.SLIPWAY_S3_REQUEST_SECONDS = '2';
  process.env.AWS_ACCESS_KEY_ID = process.env.AWS_SECRET_ACCESS_KEY = 'test';
});

const folder = mkdtempSync(join(tmpdir(), 'slipway-slow-'));
let answer: (to: ServerResponse) => void = () => undefined;
let asked = 0;
let server: Server;
beforeAll(async () => {
  server = createServer((from, to) => {
    from.resume();
    asked++;
    answer(to);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
});
afterEach(() => server.closeAllConnections());
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a text again and again until the connection ends. */
function drip(to: ServerResponse, text: string, every: number): void {
  const timer = setInterval(() => to.socket?.write(text), every);
  to.on('close', () => clearInterval(timer));
}

const bucket = () =>
  new S3Blobs({ endpoint: `http://127.0.0.1:${portOf(server)}`, bucket: 'bucket', prefix: '', region: 'us-east-1' });

describe('a server of S3', () => {
  it('that has no object for a conditional write has written nothing', async () => {
    answer = (to) => void to.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    expect(await bucket().replace('a', Buffer.from('new'), '"tag"')).toBe(false);
    const refused = { code: 'ESTORE', message: containing('404 NoSuchKey') };
    await expect(bucket().replace('a', Buffer.from('new'), undefined)).rejects.toMatchObject(refused);
    await expect(bucket().create('a', { data: Buffer.from('new') }, '0'.repeat(64), {})).rejects.toMatchObject(refused);
  });

  it('that names no tag of an object is refused, where a later write depends on it', async () => {
    answer = (to) => void to.writeHead(200).end('text');
    expect((await bucket().get('a'))?.toString()).toBe('text');
    await expect(bucket().getTagged('a')).rejects.toMatchObject({ code: 'ESTORE', message: containing('no ETag') });
  });

  it.each<[string, (to: ServerResponse) => void]>([
    [
      'its headers',
      (to) => {
        to.socket?.write('HTTP/1.1 200 OK\r\nx-slow: ');
        drip(to, 'x', 100);
      },
    ],
    ['interim answers', (to) => drip(to, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10), 100)],
    [
      'its answer',
      (to) => {
        to.writeHead(200, { 'content-length': '100000' }).flushHeaders();
        drip(to, 'x', 100);
      },
    ],
  ])('that sends %s bit by bit is given up', async (_, how) => {
    answer = how;
    asked = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => performance.now() + asked * 100_000);
    try {
      await expect(bucket().get('a')).rejects.toMatchObject({ code: 'ESTORE', message: containing('does not answer') });
      await expect(bucket().fetch('a', join(folder, 'a'), 1e6)).rejects.toMatchObject({ code: 'ESTORE' });
    } finally {
      vi.restoreAllMocks();
    }
    expect(asked).toBe(4);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('whose answer has no end is given up, and not asked again', async () => {
    answer = (to) => {
      to.writeHead(200, { 'content-length': '100000000' }).flushHeaders();
      drip(to, 'x'.repeat(1000), 20);
    };
    asked = 0;
    const endless = { code: 'ESTORE', message: containing('took longer than 2 seconds') };
    await expect(bucket().get('a')).rejects.toMatchObject(endless);
    expect(asked).toBe(1);
  });

  it('that answers without an object has not answered', async () => {
    for (const status of [204, 206]) {
      answer = (to) => to.writeHead(status).end();
      const none = { code: 'ESTORE', message: containing(`GET gave ${status}`) };
      await expect(bucket().get('a')).rejects.toMatchObject(none);
      await expect(bucket().getTagged('a')).rejects.toMatchObject(none);
      await expect(bucket().fetch('a', join(folder, 'a'), 10)).rejects.toMatchObject(none);
      // As an empty list of leases, it would let two writers in.
      const endpoint = new S3Endpoint(`s3://bucket/apt?endpoint=http://127.0.0.1:${portOf(server)}`, process.env);
      await expect(endpoint.during('clean-up', () => Promise.resolve())).rejects.toMatchObject(none);
    }
    answer = (to) => to.writeHead(204).end();
    await bucket().remove('a');
  });

  it('takes no memory or time by files of a place that are larger than Slipway writes them', async () => {
    // Empty lists take thirty times the memory of their text.
    const many = Buffer.from(`[${'[],'.repeat(30 << 20)}0]`);
    const written: string[] = [];
    answer = (to) => {
      to.setHeader('etag', '"old"');
      const { method, url, headers } = to.req;
      if (method === 'PUT') written.push(`${url} ${headers['if-match']}`);
      to.end(method === 'GET' ? many : '');
    };
    const endpoint = new S3Endpoint(`s3://bucket/apt?endpoint=http://127.0.0.1:${portOf(server)}`, process.env);
    const begun = performance.now();
    const before = process.memoryUsage().rss;
    expect(await readStates(endpoint)).toEqual({ states: [], tag: '"old"' });
    expect(await endpoint.during('publication', () => Promise.resolve('done'))).toBe('done');
    expect(written[0]).toBe('/bucket/apt/.slipway/leases.json "old"');
    for (const name of ['dists/d/InRelease', 'key.asc'])
      expect(await endpoint.read(name)).toEqual({ data: Buffer.alloc(0), tag: '"old"' });
    expect(await endpoint.read('dists/d/main/Packages', 1000)).toMatchObject({ data: Buffer.alloc(0) });
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(1e9);
  }, 30_000);

  it('whose fault has no end has told it', async () => {
    answer = (to) => {
      to.writeHead(403).write(`<Error><Code>AccessDenied</Code>${'x'.repeat(3 << 20)}`);
      drip(to, 'x'.repeat(1000), 20);
    };
    await expect(bucket().get('a')).rejects.toMatchObject({ code: 'ESTORE', message: containing('AccessDenied') });
  });
});
