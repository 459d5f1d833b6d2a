import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishSite, readStates, stateFolder, type SiteState } from '../../ts-src/docs/publication.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { s3Server } from '../e2e/s3.mjs';

const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-publication-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function site(name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), text);
  }
  return join(folder, name);
}
const state = (n: number): SiteState => {
  const digest = String(n).repeat(64);
  const path = stateFolder(`2026112600000${n}`, digest);
  return { path, name: `state ${n}`, digest, packages: n, documented: n, total: n, warnings: 0 };
};
const first = site('one', { 'index.html': '<p>1</p>', 'd/p/a.html': 'a', '_site/site.css': 'p {}' });
const second = site('two', { 'index.html': '<p>2</p>', 'd/p/a.html': 'a' });

it('a folder has complete states, and `latest` is moved atomically', async () => {
  const at = join(folder, 'published');
  mkdirSync(at);
  const endpoint = new FolderEndpoint(at);
  expect(await publishSite(endpoint, first, state(1), 2)).toMatchObject({ ok: true, value: { written: 3 } });
  expect(readFileSync(join(at, 'latest/index.html'), 'utf8')).toBe('<p>1</p>');
  expect(await publishSite(endpoint, second, state(2), 2)).toMatchObject({ ok: true });
  expect(readlinkSync(join(at, 'latest'))).toBe(state(2).path);
  expect(readFileSync(join(at, state(1).path, 'index.html'), 'utf8')).toBe('<p>1</p>');
  expect(await publishSite(endpoint, second, state(3), 2)).toMatchObject({ ok: true, value: { removed: 1 } });
  expect(existsSync(join(at, state(1).path))).toBe(false);
  expect((await readStates(endpoint)).states.map((s) => s.path)).toEqual([state(3).path, state(2).path]);
  expect(readFileSync(join(at, 'states.js'), 'utf8')).toContain(`"path":"${state(3).path}"`);
  // Existing files under a state's name are never overwritten.
  rmSync(join(at, state(3).path, 'index.html'));
  writeFileSync(join(at, state(3).path, 'index.html'), '<p>another, longer one</p>');
  const taken = await publishSite(endpoint, second, state(3), 2);
  expect(taken.ok ? [] : taken.diagnostics.map((d) => d.code)).toEqual(['docs-taken']);
});

it('a damaged list of states counts as empty, and paths that lead out are ignored', async () => {
  const at = join(folder, 'damaged');
  mkdirSync(at);
  writeFileSync(join(at, 'states.json'), JSON.stringify([{ ...state(1), path: '../../one' }, { path: 1 }, 'x']));
  expect((await readStates(new FolderEndpoint(at))).states).toEqual([]);
});

describe('a bucket', () => {
  let server: Awaited<ReturnType<typeof s3Server>>;
  beforeAll(async () => {
    server = await s3Server();
  });
  afterAll(() => server.stop());

  it('has files with their media types, immutable ones, and a page that redirects to the latest state', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    const endpoint = new S3Endpoint(`s3://bucket/docs/nightly?endpoint=${server.endpoint}&region=us-east-1`, env);
    expect(await publishSite(endpoint, first, state(1), 1)).toMatchObject({ ok: true, value: { written: 3 } });
    const latest = await endpoint.read('latest/index.html');
    expect(latest?.data.toString()).toContain(`url=../${state(1).path}/index.html`);
    expect(await publishSite(endpoint, second, state(2), 1)).toMatchObject({ ok: true, value: { removed: 3 } });
    expect(await endpoint.read(`${state(1).path}/index.html`)).toBeUndefined();
    expect((await endpoint.read(`${state(2).path}/index.html`))?.data.toString()).toBe('<p>2</p>');
    const get = await fetch(`${server.direct}/bucket/docs/nightly/${state(2).path}/index.html`, {
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request' },
    });
    expect(get.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(get.headers.get('cache-control')).toContain('immutable');
  });
});
