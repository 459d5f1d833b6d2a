import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderChannel } from '../../ts-src/publish/channel.ts';
import { AptClient } from './apt-client.ts';
import { discard, execute, slipway, states, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const folder = workspace('published-sources');
const out = join(folder, 'out');
const patch = `--- a/greeting.txt
+++ b/greeting.txt
@@ -1 +1 @@
-upstream
+patched
`;

/** Serves the repository over plain HTTP. */
let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = join(out, decodeURIComponent(request.url ?? ''));
    if (!existsSync(path)) return void response.writeHead(404).end();
    response.end(readFileSync(path));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const at = server.address();
  address = `http://127.0.0.1:${typeof at === 'object' ? at?.port : ''}/apt`;
  mkdirSync(join(folder, 'patches'));
  writeFileSync(join(folder, 'patches/greeting.patch'), patch);
  describeDistro(false);
});
afterAll(async () => {
  server.close();
  await discard(folder);
});

/** Two packages, one of them patched; upstream has a debian folder of its own. */
function describeDistro(withSources: boolean): void {
  writeTiny(
    folder,
    {
      greeter: { files: { 'greeting.txt': 'upstream\n', 'debian/control': 'Source: upstreams-own\n' } },
      plain: {},
    },
    `package_settings:\n  greeter: { patches: [patches/greeting.patch] }\npublish: { sources: ${withSources} }\n`,
  );
}

async function build(...args: string[]): Promise<Record<string, string>> {
  const ran = await slipway(['build', ...args], folder);
  expect(ran.code, ran.stderr).toBe(0);
  return states(folder);
}

/** An updated client of the served repository, including sources. */
async function client(): Promise<AptClient> {
  const apt = AptClient.below(folder);
  apt.sources(
    `Types: deb deb-src\nURIs: ${address}\nSuites: bookworm-tiny\nComponents: main\nSigned-By: ${join(out, 'apt/key.asc')}\n`,
  );
  const updated = await apt.run('apt-get', 'update');
  expect(updated.code, updated.stderr).toBe(0);
  expect(updated.stderr).not.toMatch(/^[WE]:/m);
  return apt;
}

/** Downloads and unpacks a source package like a user; returns the folder. */
async function unpacked(apt: AptClient, name: string): Promise<string> {
  const at = join(apt.root, `got-${name}`);
  mkdirSync(at);
  const got = await execute('apt-get', ['-q', 'source', name], {
    cwd: at,
    env: { APT_CONFIG: join(apt.root, 'apt.conf') },
  });
  expect(got.code, got.stderr).toBe(0);
  const found = readdirSync(at, { withFileTypes: true }).find((e) => e.isDirectory());
  return join(at, found?.name ?? '');
}

const policy = async (apt: AptClient, name: string): Promise<string> =>
  /Candidate: (\S+)/.exec((await apt.run('apt-cache', 'policy', name)).stdout)?.[1] ?? '';

const poolFiles = (): string[] =>
  readdirSync(join(out, 'apt/pool'), { recursive: true })
    .map(String)
    .filter((f) => /\.(dsc|tar\.gz)$/.test(f))
    .sort();

describe('published sources', () => {
  it('cost nothing while disabled, and need no builds once enabled', async () => {
    expect(await build()).toEqual({ greeter: 'built', plain: 'built' });
    expect(poolFiles()).toEqual([]);
    expect(readFileSync(join(out, 'apt/dists/bookworm-tiny/Release'), 'utf8')).not.toContain('Sources');
    describeDistro(true);
    expect(await build()).toEqual({ greeter: 'cached', plain: 'cached' });
    expect(poolFiles().map((f) => f.replace(/.*\//, '').replace(/_.*?(\.dsc|\.tar)/, '$1'))).toHaveLength(4);
    const release = readFileSync(join(out, 'apt/dists/bookworm-tiny/InRelease'), 'utf8');
    for (const form of ['', '.gz', '.xz']) expect(release).toContain(` main/source/Sources${form}\n`);
    expect(release).toContain('Architectures: amd64\n');
  });

  it('can be unpacked by apt-get source: the installed version, with patches', async () => {
    const apt = await client();
    const at = await unpacked(apt, 'acme-tiny-greeter');
    expect(readFileSync(join(at, 'greeting.txt'), 'utf8')).toBe('patched\n');
    expect(readFileSync(join(at, 'debian/patches/0001-greeting.patch'), 'utf8')).toBe(patch);
    expect(readFileSync(join(at, 'debian/patches/series'), 'utf8')).toBe('0001-greeting.patch\n');
    expect(readFileSync(join(at, 'debian.upstream/control'), 'utf8')).toBe('Source: upstreams-own\n');
    const [first] = readFileSync(join(at, 'debian/changelog'), 'utf8').split('\n');
    expect(first).toContain(`acme-tiny-greeter (${await policy(apt, 'acme-tiny-greeter')})`);
    for (const file of ['control', 'rules', 'copyright', 'slipway.sh', 'build-type.sh', 'source/format'])
      expect(existsSync(join(at, 'debian', file)), file).toBe(true);
    expect(existsSync(join(await unpacked(apt, 'acme-tiny-plain'), 'debian/patches'))).toBe(false);
  });

  it('have the same bytes wherever they are made', async () => {
    const before = poolFiles();
    await build('--output', 'other');
    const other = readdirSync(join(folder, 'other/apt/pool'), { recursive: true }).map(String);
    expect(other).toEqual(expect.arrayContaining(before));
    for (const file of before)
      expect(readFileSync(join(folder, 'other/apt/pool', file)).equals(readFileSync(join(out, 'apt/pool', file)))).toBe(
        true,
      );
  });

  it('stay those of a repacked package after a rollback, and survive a clean-up', async () => {
    const former = await policy(await client(), 'acme-tiny-greeter');
    appendFileSync(join(folder, 'src/greeter/CMakeLists.txt'), '# changed\n');
    await build();
    const channel = folderChannel(out);
    const back = await slipway(['rollback', channel], folder);
    expect(back.code, back.stderr).toBe(0);
    const swept = await slipway(['channel', 'gc', channel], folder);
    expect(swept.code, swept.stderr).toBe(0);
    const apt = await client();
    const now = await policy(apt, 'acme-tiny-greeter');
    expect(now).not.toBe(former);
    const at = await unpacked(apt, 'acme-tiny-greeter');
    expect(readFileSync(join(at, 'debian/changelog'), 'utf8')).toContain(`(${former})`);
    expect(readFileSync(join(at, 'CMakeLists.txt'), 'utf8')).not.toContain('# changed');
    execFileSync('sh', ['-c', `test "$(find ${join(out, 'apt/pool')} -name '*greeter*.dsc' | wc -l)" = 2`]);
  });

  it('are published for packages built before, by an agent without access to the repositories', async () => {
    const store = `file:${folder}/.slipway/store`;
    const prepared = await slipway(
      ['prepare', '--store', store, '--state', '.slipway', '--channel', 'nightly', '--no-test', '--output', 'schedule'],
      folder,
    );
    expect(prepared.code, prepared.stderr).toBe(0);
    expect(prepared.stderr).toContain('2 cached, 0 to do');
    const gpg = ['--batch', '--homedir', join(folder, 'gpg'), '--pinentry-mode', 'loopback', '--passphrase', ''];
    mkdirSync(join(folder, 'gpg'), { mode: 0o700 });
    execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'ed25519', 'sign', 'never'], { stdio: 'ignore' });
    const secret = execFileSync('gpg', [...gpg, '--export-secret-keys']);
    execFileSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
    writeFileSync(join(folder, 'key'), secret, { mode: 0o600 });
    renameSync(join(folder, 'src'), join(folder, 'gone'));
    const agent = join(folder, 'agent');
    mkdirSync(agent);
    const id = /run (\S+) for the channel nightly/.exec(prepared.stderr)?.[1] ?? '';
    const args = ['--run', id, '--store', store, '--state', join(agent, 'state'), '--output', join(agent, 'out')];
    const published = await slipway(['publish', ...args], agent, {
      env: { SLIPWAY_SIGNING_KEY_FILE: join(folder, 'key') },
    });
    renameSync(join(folder, 'gone'), join(folder, 'src'));
    expect(published.code, published.stderr).toBe(0);
    const pool = readdirSync(join(agent, 'out/apt/pool'), { recursive: true }).map(String);
    expect(pool.filter((f) => f.endsWith('.dsc'))).toHaveLength(2);
  });

  it('disappear when disabled', async () => {
    describeDistro(false);
    await build();
    const release = readFileSync(join(out, 'apt/dists/bookworm-tiny/Release'), 'utf8');
    expect(release).not.toContain('Sources');
  });
});
