import { execFileSync, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { readCache } from '../../ts-src/read/rosdistro-cache.ts';
import { readUnderlays } from '../../ts-src/read/underlay.ts';
import { portOf } from '../port.mjs';
import { readWorkspace } from '../../ts-src/read/workspace.ts';

/** An external apt repository as underlay: attacks by its owner, or by someone in between. */
const folder = mkdtempSync(join(tmpdir(), 'slipway-archives-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const suite = join(folder, 'apt/dists/s');
const binary = 'main/binary-amd64';

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(suite, binary), { recursive: true });
});

const put = (ending: string, data: Buffer | string): void =>
  writeFileSync(join(suite, binary, `Packages${ending}`), data);
const release = (lines: string): string => `Suite: s\nSHA256:\n${lines}`;
const line = (ending: string): string =>
  ` ${sha256(readFileSync(join(suite, binary, `Packages${ending}`)))} 1 ${binary}/Packages${ending}\n`;

async function read(underlay = 'trusted: true', uri = `file://${folder}/apt`) {
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    'organization: acme\ndistributions: {d: {platforms: [p], folders: [src], ros_version: 1, underlay: [u]}}\n' +
      `platforms: {p: {os: debian, release: bookworm, underlays: {u: {uri: "${uri}", suite: s, ${underlay}}}}}\n`,
  );
  const workspace = await readWorkspace(file, join(folder, 'state'));
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  const found = await readUnderlays(workspace.value);
  return found.ok ? Object.fromEntries(found.value.p?.u ?? []) : found.diagnostics.map((d) => d.message).join('\n');
}

const hostile: [string, () => void, RegExp][] = [
  [
    'a digest that is a path',
    () => {
      writeFileSync(join(folder, 'secret'), 'Package: secret\nVersion: 1\n\n');
      writeFileSync(join(suite, 'InRelease'), release(` ../../../secret 1 ${binary}/Packages\n`));
    },
    /has no component 'main' for amd64$/,
  ],
  [
    'an index that unpacks to gigabytes',
    () => {
      put('.gz', gzipSync(Buffer.alloc(300 << 20)));
      writeFileSync(join(suite, 'InRelease'), release(line('.gz')));
    },
    /Packages\.gz: it has more than 256 MiB$/,
  ],
  [
    'the same by xz',
    () => {
      put('.xz', execFileSync('xz', ['-0'], { input: Buffer.alloc(300 << 20) }));
      writeFileSync(join(suite, 'InRelease'), release(line('.xz')));
    },
    /Packages\.xz: it has more than 256 MiB$/,
  ],
  [
    'an index that is not packed as its name says',
    () => {
      put('.gz', 'text');
      writeFileSync(join(suite, 'InRelease'), release(line('.gz')));
    },
    /can't unpack .*Packages\.gz: incorrect header check$/,
  ],
  ['a FIFO', () => execFileSync('mkfifo', [join(suite, 'InRelease')]), /it is no regular file$/],
  ['a device', () => symlinkSync('/dev/zero', join(suite, 'InRelease')), /it is no regular file$/],
  [
    'a large InRelease',
    () => execFileSync('truncate', ['-s', '800M', join(suite, 'InRelease')]),
    /it is larger than 16 MiB$/,
  ],
];

it.each(hostile)('%s is reported as a fault of the repository', async (_, make, message) => {
  make();
  expect(await read()).toMatch(message);
});

it('names of fields in any case, and without a blank after the colon, are read', async () => {
  put('', 'Package:one\nVersion:1\n\npackage: two\nArchitecture: amd64\nVERSION: 2\n\nPackage: three\n\n');
  writeFileSync(join(suite, 'InRelease'), release(line('')));
  expect(await read()).toEqual({ one: '1', two: '2' });
});

it('caches of rosdistro whose addresses differ in a character that no file name has are two', async () => {
  const server = createServer(({ url }, response) => response.end(`of ${url ?? ''}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    'organization: acme\ndistributions: {d: {platforms: [p], folders: [src], ros_version: 1}}\n' +
      'platforms: {p: {os: debian, release: bookworm}}\n',
  );
  const workspace = await readWorkspace(file, join(folder, 'state'));
  const settings = workspace.ok ? workspace.value.distro.distributions.d : undefined;
  if (!workspace.ok || !settings) throw new Error(JSON.stringify(workspace.diagnostics));
  for (const path of ['acme/robots', 'acme_robots'])
    await readCache(workspace.value, settings, { url: `http://127.0.0.1:${portOf(server)}/${path}`, line: 1 });
  server.close();
  const copies = join(folder, 'state/caches');
  const texts = readdirSync(copies).map((name) => readFileSync(join(copies, name), 'utf8'));
  expect(texts.sort()).toEqual(['of /acme/robots', 'of /acme_robots']);
});

it('a server that sends without end is cut off', async () => {
  const block = Buffer.alloc(1 << 20);
  const server = createServer((_, response) => {
    const more = (): void => {
      while (response.write(block));
    };
    response.on('error', () => undefined).on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  try {
    expect(await read('trusted: true', `http://127.0.0.1:${port}`)).toMatch(/it is larger than 16 MiB$/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('an InRelease with text around its signed part is refused, as by apt', async () => {
  put('', 'Package: honest\nVersion: 1\n\n');
  const home = join(folder, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (args: string[], input = '') => {
    const ran = spawnSync('gpg', ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', ...args], {
      input,
    });
    expect(ran.status, ran.stderr.toString()).toBe(0);
    return ran.stdout;
  };
  gpg(['--passphrase', '', '--quick-gen-key', 'A <a@b.org>', 'ed25519', 'sign']);
  writeFileSync(join(folder, 'key.asc'), gpg(['--armor', '--export']));
  const signed = gpg(['--clearsign'], release(line(''))).toString();
  writeFileSync(join(suite, 'InRelease'), signed);
  expect(await read('key: key.asc')).toEqual({ honest: '1' });
  put('', 'Package: forged\nVersion: 1\n\n');
  for (const text of [`${release(line(''))}\n${signed}`, `${signed}\n${release(line(''))}`]) {
    writeFileSync(join(suite, 'InRelease'), text);
    rmSync(join(folder, 'state'), { recursive: true, force: true });
    expect(await read('key: key.asc')).toMatch(/it is not a text with a signature/);
  }
  writeFileSync(join(suite, 'InRelease'), signed);
  // A machine without gpgv, which gnupg does not depend on in Debian 13.
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  for (const name of ['gpg', 'cp', 'flock', 'cat', 'sh']) symlinkSync(`/usr/bin/${name}`, join(programs, name));
  vi.stubEnv('PATH', programs);
  rmSync(join(folder, 'state'), { recursive: true, force: true });
  expect(await read('key: key.asc')).toMatch(/can't be checked: gpgv: not found/);
  vi.unstubAllEnvs();
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
});
