import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { run } from '../../ts-src/io/process.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { checkServed } from '../../ts-src/publish/served-check.ts';
import { AptResolver } from '../../ts-src/sandbox/apt-resolver.ts';
import { prepareBase, type Base } from '../../ts-src/sandbox/base-system.ts';
import type { Driver, Entry } from '../../ts-src/sandbox/driver.ts';
import { downloadsFolder } from '../../ts-src/sandbox/fetched-packages.ts';
import { SystemLayers } from '../../ts-src/sandbox/system-layers.ts';
import { makeLayer } from '../../ts-src/images/layers.ts';
import { systemPackages } from '../../ts-src/images/system.ts';
import { PackageDownloads } from '../../ts-src/sandbox/package-downloads.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { credentials } from '../../ts-src/store/s3-credentials.ts';
import { portOf } from '../port.mjs';
import { roomIn } from './rooms.ts';

vi.hoisted(() => (process.env.SLIPWAY_FETCH_MINUTES = '0.01'));

const folder = mkdtempSync(join(tmpdir(), 'slipway-archives-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('apt is not waited for without end if an archive sends bit by bit', async () => {
  const base = { root: join(folder, 'root'), lists: join(folder, 'lists'), archive: 'a'.repeat(64), folder } as Base;
  const driver: Driver = { ...unshareDriver(), enter: ({ signal }) => run('sleep', ['60'], { signal }) };
  const state = join(folder, 'state');
  mkdirSync(state);
  mkdirSync(base.lists);
  writeFileSync(join(base.lists, 'a_Packages'), `Package: libslow\nVersion: 1\nSHA256: ${'0'.repeat(64)}\n`);
  const room = { driver, state, base, log: join(folder, 'log'), proxy: () => Promise.resolve(undefined) };
  const fetched = await new PackageDownloads(room).fetch(['libslow=1']);
  expect(fetched.diagnostics.map((d) => d.message)).toEqual([
    'apt could not fetch libslow=1: it took longer than 0.01 minutes',
  ]);
});

it('nor are programs of a base, whoever runs them', async () => {
  const driver = { ...unshareDriver(), enter: ({ signal }: Entry) => run('sleep', ['60'], { signal }) };
  const room = await roomIn(folder, driver);
  const { state, base } = room;
  const late = 'it took longer than 0.01 minutes';
  const prepared = await prepareBase(driver, state, base);
  expect(prepared.diagnostics.map((d) => d.message)).toEqual([`can't enter the base ${'b'.repeat(12)}: ${late}`]);
  const asked = await new AptResolver(driver, state, base).resolve(['libslow']);
  expect(asked).toBe(`apt could not be asked: ${late}`);
  writeFileSync(join(downloadsFolder(state, base), 'libslow_1_all.deb'), '');
  const installed = await new SystemLayers(room).root(['libslow=1']);
  expect(installed.diagnostics.map((d) => d.message)).toEqual([`apt could not install libslow=1: ${late}`]);
  const request = { key: 'k', what: 'a layer', below: [], kind: 'install', packages: [], binds: [], epoch: 0 } as const;
  const made = await makeLayer(room, request);
  expect(made.diagnostics.map((d) => d.message)).toEqual([`a layer could not be made: ${late}`]);
  const system = await systemPackages(room, 'robot', [], ['libslow']);
  expect(system.diagnostics.map((d) => d.hint)).toEqual([late]);
});

it('nor if the place that serves a channel does', async () => {
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/apt-get'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${join(folder, 'bin')}:${process.env.PATH}`);
  const state = { id: 'a', kind: 'publication', suites: {}, tests: {}, stamp: '', who: '', verdicts: [] };
  const endpoint = new FolderEndpoint(join(folder, 'apt'));
  const checked = await checkServed(endpoint, state as unknown as Parameters<typeof checkServed>[1], {}, 'key');
  vi.unstubAllEnvs();
  expect(checked.diagnostics.map((d) => d.code)).toEqual(['served-wrong']);
});

it('what a service of credentials answers is checked', async () => {
  let said = '';
  const server = createServer((_, to) => to.end(said));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const env = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${portOf(server)}/`,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  for (said of ['null', '[]', '{}', '{"AccessKeyId":1,"SecretAccessKey":{}}', 'x'.repeat(3 << 20)])
    await expect(credentials(env)).rejects.toMatchObject({ code: 'ESTORE' });
  said = '{"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"no time"}';
  expect(await credentials(env)).toEqual({ accessKeyId: 'a', secretAccessKey: 'b' });
  server.close();
});
