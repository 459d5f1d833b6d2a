import { createServer, request, type Server } from 'node:http';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../ts-src/run/store/store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-s3-'));
const venv = '/var/tmp/slipway-tests/moto';

/** A real S3 API server on loopback (moto, from PyPI in an environment of its own). */
describe('a store in a bucket', () => {
  let moto: ChildProcess;
  let proxy: Server;
  let port = 0;
  let erring = 0;
  beforeAll(async () => {
    if (!existsSync(join(venv, 'bin/moto_server'))) {
      execFileSync('python3', ['-m', 'venv', venv], { stdio: 'ignore' });
      execFileSync(join(venv, 'bin/pip'), ['install', '--quiet', 'moto[server,s3]==5.2.5'], { stdio: ['ignore', 'ignore', 'inherit'] });
    }
    process.env.AWS_ACCESS_KEY_ID = 'test';
    process.env.AWS_SECRET_ACCESS_KEY = 'secret';
    const behind = 20_000 + (process.pid % 20_000);
    moto = spawn(join(venv, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', String(behind)], { stdio: 'ignore' });
    // Between us and it: half of the answers are errors or broken connections, where that is asked for.
    proxy = createServer((from, to) => {
      const dice = Math.random();
      if (dice < erring / 2) return void from.socket.destroy();
      if (dice < erring) {
        from.resume();
        return void to.writeHead(500).end('<Error><Code>InternalError</Code></Error>');
      }
      from.pipe(request({ host: '127.0.0.1', port: behind, path: from.url, method: from.method, headers: from.headers }, (r) => {
        to.writeHead(r.statusCode!, r.headers);
        r.pipe(to);
      }).on('error', () => to.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    port = (proxy.address() as { port: number }).port;
    for (let i = 0; i < 100; i++) {
      try {
        if ((await fetch(`http://127.0.0.1:${behind}/bucket`, { method: 'PUT', headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request' } })).ok) return;
      } catch { /* not there yet */ }
      await sleep(200);
    }
    throw new Error('moto did not start');
  });
  afterAll(() => {
    moto.kill('SIGKILL');
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = (cache: string, untrusted?: string) => openStore(`s3://bucket/farm?endpoint=http://127.0.0.1:${port}`, folder, join(folder, cache), untrusted);

  for (const rate of [0, 0.5]) {
    it(`keeps and gives back what was put, whole and checked, where ${rate * 100} % of the answers are errors`, async () => {
      erring = rate;
      const store = await open(`a${rate}`);
      const file = join(folder, `file${rate}`);
      writeFileSync(file, `content ${rate} ${'x'.repeat(100_000)}`);
      const stored = await store.put(file);
      await store.writeJson(`thing/${rate}.json`, { rate });
      const other = await open(`b${rate}`);
      const path = await other.path(stored);
      expect(readFileSync(path!, 'utf8')).toBe(readFileSync(file, 'utf8'));
      expect(await other.readJson(`thing/${rate}.json`)).toEqual({ rate });
      expect(await other.readJson('thing/none.json')).toBeUndefined();
      expect(await other.names('thing')).toContain(`thing/${rate}.json`);
      truncateSync(path!, 10);
      expect(readFileSync((await (await open(`b${rate}`)).path(stored))!, 'utf8')).toBe(readFileSync(file, 'utf8'));
    });
  }

  it('refuses a writer that did not read the last state', async () => {
    erring = 0;
    const store = await open('c');
    const { tag } = await store.readTagged('channels/x.json');
    expect(await store.replaceJson('channels/x.json', { n: 1 }, tag)).toBe(true);
    expect(await store.replaceJson('channels/x.json', { n: 2 }, tag)).toBe(false);
    const now = await store.readTagged<{ n: number }>('channels/x.json');
    expect(now.value).toEqual({ n: 1 });
    expect(await store.replaceJson('channels/x.json', { n: 3 }, now.tag)).toBe(true);
  });

  it('serves nothing damaged, and an untrusted run reads the trusted place but not the other way round', async () => {
    const store = await open('d');
    const file = join(folder, 'damaged');
    writeFileSync(file, 'what was meant');
    const stored = await store.put(file);
    await store.blobs.put(`objects/${stored.sha256.slice(0, 2)}/${stored.sha256}`, Buffer.from('something else'));
    expect(await (await open('e')).path(stored)).toBeUndefined();
    const stranger = await open('f', 'pr-1');
    await stranger.writeJson('tasks/of.json', { from: 'stranger' });
    expect(await store.readJson('tasks/of.json')).toBeUndefined();
    await store.writeJson('tasks/trusted.json', { from: 'us' });
    expect(await stranger.readJson('tasks/trusted.json')).toEqual({ from: 'us' });
  });
});
