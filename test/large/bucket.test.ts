// kill -9 at every request of a publication to a bucket; a full disk under a folder.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import type { Endpoint } from '../../ts-src/publish/endpoint.ts';
import { openEndpoint } from '../../ts-src/publish/endpoints.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { readPackages, readRelease } from '../../ts-src/publish/indices.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { makeDeb } from '../e2e/apt-client.ts';
import { cache, execute } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { makePublisher } from './publish-driver.ts';

const folder = mkdtempSync(join(cache, 'bucket-'));
const driver = join(folder, 'driver.cjs');
const suites = ['bookworm-a', 'bookworm-b'];
let server: { direct: string; stop: () => void };
let proxy: Server;
let port: number;
/** Called before a request is forwarded to the bucket, with its number; true: it is dropped. */
let onRequest: (n: number) => boolean = () => false;
let requests = 0;

beforeAll(async () => {
  await makePublisher(folder);
  server = await s3Server();
  const behind = new URL(server.direct);
  proxy = createServer((from, to) => {
    if (onRequest(++requests)) return void from.socket.destroy();
    const { url: path, method, headers } = from;
    from.pipe(
      request({ host: behind.hostname, port: behind.port, path, method, headers }, (reply) => {
        to.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(to);
      }).on('error', () => to.destroy()),
    );
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  port = typeof address === 'object' && address ? address.port : 0;
});
afterAll(() => {
  proxy.close();
  proxy.closeAllConnections();
  server.stop();
  execFileSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

/** A list for the driver: two suites with two architectures; one package changes with each generation. */
async function listOf(generation: number): Promise<string> {
  const store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  const list: Record<string, unknown[]> = {};
  for (const suite of suites) {
    for (const architecture of ['amd64', 'i386']) {
      const debs = [
        { name: `${suite}-tool`, version: `${generation}.0`, architecture },
        { name: `${suite}-same`, version: '1.0', architecture },
      ];
      list[`${suite}/${architecture}`] = await Promise.all(debs.map((deb) => store.put(makeDeb(folder, deb))));
    }
  }
  const file = join(folder, `g${generation}.json`);
  writeFileSync(file, JSON.stringify(list));
  return file;
}

/** Versions of the tools that a client would get. Checks indices by digest, and every package in them. */
async function served(endpoint: Endpoint): Promise<string[]> {
  const versions: string[] = [];
  const read = async (name: string): Promise<Buffer> => {
    const found = await endpoint.read(name);
    expect(found, name).toBeDefined();
    return found?.data ?? Buffer.alloc(0);
  };
  for (const suite of suites) {
    const release = readRelease((await read(`dists/${suite}/InRelease`)).toString());
    expect(release.whole).toBe(true);
    for (const [path, { sha256: digest }] of release.files) {
      const data = await read(`dists/${suite}/${path.slice(0, path.lastIndexOf('/'))}/by-hash/SHA256/${digest}`);
      expect(sha256(data)).toBe(digest);
      if (!path.endsWith('/Packages')) continue;
      for (const entry of readPackages(data.toString())) expect(sha256(await read(entry.filename))).toBe(entry.sha256);
      versions.push(/Package: \S+-tool\nVersion: (\S+)/.exec(data.toString())?.[1] ?? '');
    }
  }
  return versions;
}

const every = Number(process.env.SLIPWAY_KILL_EVERY ?? '1');

describe('a bucket', () => {
  it('serves a consistent state if the publication is killed at any request; the next run finishes', async () => {
    const uri = `s3://bucket/killed/apt?endpoint=http://127.0.0.1:${port}`;
    const endpoint = await openEndpoint(`s3://bucket/killed/apt?endpoint=${server.direct}`, folder);
    const run = (list: string) => execute(process.execPath, [driver, folder, 'killed', list, uri], {});
    expect(await run(await listOf(1))).toMatchObject({ code: 0 });
    let [generation, kills] = [1, 0];
    for (let at = 1; ; at += every) {
      const list = await listOf(++generation);
      requests = 0;
      const child = spawn(process.execPath, [driver, folder, 'killed', list, uri], { stdio: 'ignore' });
      // Every other request gets through, but its answer is lost.
      onRequest = (n) => {
        if (n < at) return false;
        child.kill('SIGKILL');
        return n > at || at % 2 === 0;
      };
      const code = await new Promise((resolve) => child.once('exit', resolve));
      onRequest = () => false;
      if (code === 0) break;
      kills++;
      const now = await served(endpoint);
      // All architectures of a suite switch together.
      expect(now[0]).toBe(now[1]);
      expect(now[2]).toBe(now[3]);
      for (const version of now) expect([`${generation - 1}.0`, `${generation}.0`]).toContain(version);
      // A killed process leaves its lease, which delays only clean-ups.
      const next = await run(list);
      expect(next.code, next.stderr).toBe(0);
      expect(new Set(await served(endpoint))).toEqual(new Set([`${generation}.0`]));
    }
    console.log(`killed at ${kills} requests of ${requests}`);
    expect(kills).toBeGreaterThan(20 / every);
  });
});

describe('a full disk', () => {
  it('fails the publication with one line and changes nothing for clients; with space it continues', async () => {
    const mount = join(folder, 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount]);
    try {
      const at = join(mount, 'apt');
      const run = (list: string) => execute(process.execPath, [driver, folder, 'full', list, at], {});
      expect(await run(await listOf(101))).toMatchObject({ code: 0 });
      const endpoint = new FolderEndpoint(at);
      const before = readFileSync(join(at, 'dists/bookworm-a/InRelease'), 'utf8');
      const list = await listOf(102);
      const filler = join(mount, 'filler');
      execFileSync('sh', ['-c', 'head -c 4000000 /dev/zero > "$1" 2>/dev/null || true', 'sh', filler]);
      const full = await run(list);
      expect(full.code).not.toBe(0);
      expect(full.stderr).toContain('ENOSPC');
      expect(readFileSync(join(at, 'dists/bookworm-a/InRelease'), 'utf8')).toBe(before);
      expect(new Set(await served(endpoint))).toEqual(new Set(['101.0']));
      rmSync(filler);
      expect(await run(list)).toMatchObject({ code: 0 });
      expect(new Set(await served(endpoint))).toEqual(new Set(['102.0']));
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});
