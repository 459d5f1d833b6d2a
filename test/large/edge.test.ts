// Clients behind a CDN edge that serves InRelease ten seconds late, while the repository is published repeatedly.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../ts-src/store/open-store.ts';
import { AptClient, makeDeb } from '../e2e/apt-client.ts';
import { cache, execute } from '../e2e/helpers.ts';
import { makePublisher } from './publish-driver.ts';

const folder = mkdtempSync(join(cache, 'edge-'));
const driver = join(folder, 'driver.cjs');
const at = join(folder, 'apt');
const generations = 8;
let nginx: ChildProcess;
let edge: number;

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

/**
 * Two nginx servers: one serves the folder, the other is a cache before it, like a CDN. Errors are cached as long as
 * files.
 */
async function serve(): Promise<void> {
  if (!existsSync('/usr/sbin/nginx'))
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'nginx-light'], { stdio: 'ignore' });
  const origin = await freePort();
  edge = await freePort();
  const conf = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/tmp-${name};`)
    .join(' ');
  writeFileSync(
    conf,
    `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; user root; worker_processes 1;
events {}
http {
  access_log off; ${temporary}
  proxy_cache_path ${folder}/cache keys_zone=edge:10m;
  server { listen 127.0.0.1:${origin}; root ${at}; }
  server {
    listen 127.0.0.1:${edge};
    proxy_cache edge; proxy_ignore_headers Cache-Control Expires; proxy_cache_key $uri;
    location / { proxy_pass http://127.0.0.1:${origin}; proxy_cache_valid 200 1h; proxy_cache_valid 404 10s; }
    location ~ /(InRelease|Release|Release\\.gpg|Packages[.a-z]*)$ {
      proxy_pass http://127.0.0.1:${origin}; proxy_cache_valid any 10s;
    }
  }
}
`,
  );
  nginx = spawn('/usr/sbin/nginx', ['-c', conf, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  await sleep(500);
}

beforeAll(async () => {
  await makePublisher(folder);
  const store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  for (let n = 0; n < generations; n++) {
    const list: Record<string, unknown[]> = {};
    for (const architecture of ['amd64', 'i386']) {
      const made = ['acme-tool', 'acme-other'].map((name) =>
        makeDeb(folder, { name, version: `1.${name === 'acme-tool' ? n : 0}`, architecture }),
      );
      list[`bookworm-d/${architecture}`] = await Promise.all(made.map((file) => store.put(file)));
    }
    writeFileSync(join(folder, `g${n}.json`), JSON.stringify(list));
  }
  await publish(0);
  await serve();
});
afterAll(() => {
  nginx.kill('SIGTERM');
  execFileSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

async function publish(n: number): Promise<void> {
  const list = join(folder, `g${n % generations}.json`);
  const ran = await execute(process.execPath, [driver, folder, 'edge', list, at], {});
  expect(ran.code, ran.stderr).toBe(0);
}

function client(architectures: string): AptClient {
  const made = AptClient.below(folder);
  made.sources(
    `Types: deb\nURIs: http://127.0.0.1:${edge}\nSuites: bookworm-d\nComponents: main\nArchitectures: ${architectures}\nSigned-By: ${at}/key.asc\n`,
  );
  return made;
}

const updates = Number(process.env.SLIPWAY_UPDATES ?? '500');

describe('clients behind an edge', () => {
  it('never fail to update, for any of two architectures', async () => {
    let done = 0;
    let going = true;
    let published = 0;
    const failed: string[] = [];
    const publishing = (async () => {
      for (let n = 1; going; n++) {
        await publish(n);
        published++;
        await sleep(1000);
      }
    })();
    try {
      await Promise.all(
        ['amd64 i386', 'amd64', 'i386'].map(async (architectures) => {
          const apt = client(architectures);
          while (done < updates) {
            done++;
            const ran = await apt.run('apt-get', 'update');
            if (ran.code !== 0 || /^[EW]:/m.test(ran.stderr)) failed.push(ran.stderr);
          }
        }),
      );
    } finally {
      going = false;
      await publishing;
    }
    console.log(`publish.client_failures ${failed.length} of ${done} updates, ${published} publications`);
    expect(failed).toEqual([]);
    expect(published).toBeGreaterThan(2);
  });

  it('install from lists that are three publications old', async () => {
    const apt = client('amd64');
    await publish(1);
    // The edge's cache has expired.
    await sleep(11_000);
    expect((await apt.run('apt-get', 'update')).code).toBe(0);
    for (const n of [2, 3, 4]) await publish(n);
    const got = await apt.run('apt-get', 'install', '--download-only', 'acme-tool');
    expect(got.code, got.stderr).toBe(0);
    expect(existsSync(join(apt.root, 'cache/archives/acme-tool_1.1_amd64.deb'))).toBe(true);
  });
});
