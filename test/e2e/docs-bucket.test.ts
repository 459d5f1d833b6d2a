import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishSite, stateFolder, type SiteState } from '../../ts-src/docs/publication.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { s3Server } from './s3.mjs';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-bucket-'));
let bucket: Awaited<ReturnType<typeof s3Server>>;
let endpoint: S3Endpoint;
let web: Server;
let browser: Browser;
let at: string;
beforeAll(async () => {
  bucket = await s3Server();
  const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  endpoint = new S3Endpoint(`s3://bucket/docs/nightly?endpoint=${bucket.endpoint}&region=us-east-1`, env);
  // Serves the bucket like a CDN: files by their exact names.
  web = createServer((from, to) => {
    const name = decodeURIComponent((from.url ?? '').replace(/^\//, '').replace(/\?.*$/, ''));
    void endpoint.read(name).then((found) => {
      const type = name.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8';
      to.writeHead(found ? 200 : 403, { 'content-type': type }).end(from.method === 'HEAD' ? undefined : found?.data);
    });
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const address = web.address();
  at = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser.close();
  web.close();
  bucket.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function publish(n: number, files: Record<string, string>): Promise<SiteState> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, String(n), path)), { recursive: true });
    writeFileSync(join(folder, String(n), path), text);
  }
  const digest = String(n).repeat(64);
  const path = stateFolder(`2026112600000${n}`, digest);
  const state = { path, name: `state ${n}`, digest, packages: 1, documented: 1, total: 1, warnings: 0 };
  expect(await publishSite(endpoint, join(folder, String(n)), state, 5)).toMatchObject({ ok: true });
  return state;
}

it('addresses below latest/ lead to the same page of the newest state, in a browser', async () => {
  const page = '<!DOCTYPE html><title>x</title><h1 id="part">x</h1>';
  const first = await publish(1, { 'index.html': page, 'd/p/api/a b.html': page, 'd/p/gone.html': page });
  const shown = await browser.newPage();
  const leadsTo = async (link: string, target: string) => {
    await shown.goto(`${at}/${link}`);
    await shown.waitForURL(`${at}/${target}`);
  };
  await leadsTo('latest/d/p/api/a%20b.html?x=1#part', `${first.path}/d/p/api/a%20b.html?x=1#part`);
  await leadsTo('latest/d/p/gone.html', `${first.path}/d/p/gone.html`);
  const lead = await endpoint.read('latest/d/p/api/a b.html');
  const second = await publish(2, { 'index.html': page, 'd/p/api/a b.html': page, 'd/p/new.html': page });
  // Only the list of states changed; the redirecting pages did not.
  expect((await endpoint.read('latest/d/p/api/a b.html'))?.tag).toBe(lead?.tag);
  await leadsTo('latest/d/p/api/a%20b.html?x=1#part', `${second.path}/d/p/api/a%20b.html?x=1#part`);
  await leadsTo('latest/d/p/new.html', `${second.path}/d/p/new.html`);
  await leadsTo('latest/d/p/gone.html', `${second.path}/index.html`);
  await leadsTo('latest/index.html', `${second.path}/index.html`);
});
