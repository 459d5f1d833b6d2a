import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { withoutKeyring } from '../../ts-src/publish/keyring.ts';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { AptClient, makeDeb } from '../e2e/apt-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-keyring-test-'));
const home = join(folder, 'gpg');
const name = 'acme-archive-keyring';
let store: Store;
let suites: Suites;

const makeKey = (who: string) =>
  execFileSync(
    'gpg',
    [
      '--batch',
      '--homedir',
      home,
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      '--quick-generate-key',
      who,
      'ed25519',
      'sign',
      'never',
    ],
    { stdio: 'ignore' },
  );

beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  makeKey('first');
  store = await openStore('file:store', folder, join(folder, 'state'), undefined);
  suites = {};
  for (const suite of ['bookworm-d/amd64', 'bookworm-d/arm64', 'noble-d/amd64']) {
    const architecture = suite.slice(suite.indexOf('/') + 1);
    const file = await store.put(
      makeDeb(folder, { name: `${suite.split('-')[0]}-tool`, version: '1.0', architecture }),
    );
    suites[suite] = { tool: { version: '1.0', key: file.sha256, files: [file], abi: '', requires: [] } };
  }
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

/** A folder with a public URI. */
class Served extends FolderEndpoint {
  override readonly uri: string;
  constructor(at: string) {
    super(join(folder, at));
    this.uri = `https://apt.example.org/${at}`;
  }
}

async function publish(channel: string, keys: string[], packages: Suites) {
  const moved = await withSigner({ kind: 'keyring', home, keys }, async (signer) =>
    moveChannel(
      await openChannel(store, channel),
      { kind: 'publication', suites: packages, tests: {}, stamp: '20260101000000', who: 'me', verdicts: [] },
      {
        store,
        endpoints: [new Served(channel)],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined, keyring: true },
        now: Date.now(),
      },
    ),
  );
  if (!moved.ok || !moved.value.state) throw new Error(JSON.stringify(moved.diagnostics));
  return { changed: moved.value.changed, suites: moved.value.state.suites };
}

/** Content of a channel's keyring package: files by path. */
function unpacked(channel: string): Record<string, string> {
  const pool = join(folder, channel, 'pool/main/a', name);
  const last = readdirSync(pool).sort().pop() ?? '';
  const at = mkdtempSync(join(folder, 'unpacked-'));
  execFileSync('dpkg-deb', ['-x', join(pool, last), at]);
  const files = execFileSync('find', ['.', '-type', 'f'], { cwd: at, encoding: 'utf8' }).trim().split('\n').sort();
  return Object.fromEntries(files.map((f) => [f.slice(1), readFileSync(join(at, f), 'utf8')]));
}

describe('the package with the keys', () => {
  it('is in each suite, contains keys and sources, and changes only with them', async () => {
    const first = await publish('nightly', ['first'], suites);
    const held = Object.values(first.suites).map((packages) => packages[name]?.version);
    expect(new Set(held).size).toBe(1);
    expect(held).toHaveLength(3);
    const files = unpacked('nightly');
    const keyFile = `/usr/share/keyrings/${name}.asc`;
    expect(Object.keys(files)).toEqual([
      `/usr/share/${name}/bookworm-d.sources`,
      `/usr/share/${name}/noble-d.sources`,
      keyFile,
    ]);
    expect(files[keyFile]).toBe(readFileSync(join(folder, 'nightly/key.asc'), 'utf8'));
    expect(files[`/usr/share/${name}/bookworm-d.sources`]).toBe(
      `Types: deb\nURIs: https://apt.example.org/nightly\nSuites: bookworm-d\nComponents: main\nSigned-By: ${keyFile}\n`,
    );
    expect(await publish('nightly', ['first'], suites)).toMatchObject({ changed: false });
    const pool = join(folder, 'nightly/pool/main/a', name);
    const fields = execFileSync('dpkg-deb', ['-f', join(pool, readdirSync(pool)[0] ?? ''), 'Maintainer']);
    expect(String(fields)).toBe('acme packages <packages@acme.invalid>\n');
    const client = AptClient.below(folder);
    const at = join(folder, 'nightly');
    client.sources(`Types: deb\nURIs: file://${at}\nSuites: bookworm-d\nComponents: main\nSigned-By: ${at}/key.asc\n`);
    expect((await client.run('apt-get', 'update')).code).toBe(0);
    const got = await client.run('apt-get', 'install', '--download-only', name);
    expect(got.code, got.stderr).toBe(0);
  });

  it('gets a higher version when the key changes, and is never promoted', async () => {
    const before = (await publish('nightly', ['first'], suites)).suites['bookworm-d/amd64']?.[name];
    makeKey('second');
    const both = (await publish('nightly', ['first', 'second'], suites)).suites;
    const after = both['bookworm-d/amd64']?.[name];
    expect(after?.version).not.toBe(before?.version);
    execFileSync('dpkg', ['--compare-versions', after?.version ?? '', 'gt', before?.version ?? '']);
    expect(unpacked('nightly')[`/usr/share/keyrings/${name}.asc`]).not.toBe('');
    expect(withoutKeyring(both)).toEqual(suites);
    const promoted = await publish('release', ['second'], both);
    expect(withoutKeyring(promoted.suites)).toEqual(suites);
    expect(unpacked('release')[`/usr/share/${name}/noble-d.sources`]).toContain('https://apt.example.org/release');
  });
});
