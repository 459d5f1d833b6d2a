import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileOf, openServed } from '../../ts-src/cli/serve.ts';
import { moveChecked } from '../../ts-src/publish/checked.ts';
import type { LocalFile, Placed } from '../../ts-src/publish/endpoint.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { keyHealth, trySigning } from '../../ts-src/publish/key-health.ts';
import { rehearsePublication } from '../../ts-src/publish/rehearsal.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel } from '../../ts-src/publish/state.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { makeDeb } from '../e2e/apt-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-served-'));
const home = join(folder, 'gpg');
const day = 86_400_000;
const gpg = (...args: string[]) =>
  execFileSync('gpg', ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
let store: Store;
beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  gpg('--quick-generate-key', 'ending', 'ed25519', 'sign', '30d');
  gpg('--quick-generate-key', 'acme', 'ed25519', 'sign', 'never');
  gpg('--quick-generate-key', 'short', 'rsa1024', 'sign', 'never');
  store = await openStore('file:store', folder, join(folder, 'state'), undefined);
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

describe('keys', () => {
  it('are reported before they expire, refused afterwards, and reported if weak', async () => {
    const ending = gpg('--armor', '--export', 'ending');
    const codes = async (key: string, now: number) => (await keyHealth(key, now)).map((d) => `${d.severity} ${d.code}`);
    expect(await codes(ending, Date.now())).toEqual(['warning key-expiring']);
    expect(await codes(ending, Date.now() + 31 * day)).toEqual(['error key-expired']);
    expect(await codes(ending, Date.now() - 60 * day)).toEqual([]);
    expect(await codes(gpg('--armor', '--export', 'acme'), Date.now() + 9999 * day)).toEqual([]);
    expect(await codes(gpg('--armor', '--export', 'short'), Date.now())).toEqual(['warning key-weak']);
    expect(await codes('no key', Date.now())).toEqual(['error signing-key']);
    const tried = async (name: string, now: number) =>
      (await trySigning({ kind: 'keyring', home, keys: [name] }, now)).map((d) => d.code);
    expect(await tried('acme', Date.now())).toEqual([]);
    expect(await tried('ending', Date.now() + 31 * day)).toEqual(['key-expired']);
    expect(await tried('nobody', Date.now())).toEqual(['signing-key']);
  });
});

describe('a rehearsal of a publication', () => {
  it('reports all problems of keys and places, and writes nothing that clients read', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const sound = join(folder, 'sound');
    const places = [new FolderEndpoint(join(file, 'apt')), new FolderEndpoint(sound)];
    const told = await rehearsePublication({ kind: 'keyring', home, keys: ['nobody'] }, places, Date.now());
    expect(told.map((d) => `${d.severity} ${d.code}`)).toEqual(['error signing-key', 'error publish-place']);
    expect(told[1]?.message).toContain(`nothing can be published to ${file}`);
    expect(readdirSync(sound)).toEqual(['.slipway']);
    const expiring = await rehearsePublication(
      { kind: 'keyring', home, keys: ['ending'] },
      places.slice(1),
      Date.now(),
    );
    expect(expiring.map((d) => `${d.severity} ${d.code}`)).toEqual(['warning key-expiring']);
  });
});

/** A place that claims to have files that it never got. */
class Losing extends FolderEndpoint {
  override placeFile(name: string, file: LocalFile): Promise<Placed> {
    return name.includes('_2.0_') ? Promise.resolve('written') : super.placeFile(name, file);
  }
}

describe('apt', () => {
  it('tests what is served; the channel is restored if that fails', async () => {
    const endpoint = new Losing(join(folder, 'apt'));
    const publish = async (version: string) => {
      const file = await store.put(makeDeb(folder, { name: 'tool', version }));
      const suites = {
        'bookworm-d/amd64': { tool: { version, key: file.sha256, files: [file], abi: '', requires: [] } },
      };
      return withSigner({ kind: 'keyring', home, keys: ['acme'] }, async (signer) =>
        moveChecked(
          await openChannel(store, 'c'),
          { kind: 'publication', suites, tests: {}, stamp: '20260101000000', who: 'me', verdicts: [] },
          {
            store,
            endpoints: [endpoint],
            signer,
            settings: { organization: 'acme', sha512: false, validDays: undefined },
            now: Date.now(),
          },
        ),
      );
    };
    expect(await publish('1.0')).toMatchObject({ ok: true });
    expect(await publish('2.0')).toMatchObject({ ok: false, diagnostics: [{ code: 'served-wrong' }] });
    const packages = await endpoint.read('dists/bookworm-d/main/binary-amd64/Packages');
    expect(packages!.data.toString('utf8')).toContain('Version: 1.0');
    expect((await openChannel(store, 'c')).head).toMatchObject({ kind: 'rollback' });
  });
});

it('slipway serve tells nothing of the folders above the repository', () => {
  const root = join(folder, 'repository');
  mkdirSync(root);
  writeFileSync(join(root, 'a'), '');
  expect(fileOf(root, '/a')).toBe(join(root, 'a'));
  expect(fileOf(root, '/b/../a')).toBe(join(root, 'a'));
  for (const path of ['/%2e%2e%2frepository%2fa', '/..%2frepository/a', '/../repository/a', '/..%2f..%2fetc/passwd'])
    expect(fileOf(root, path), path).toBeUndefined();
});

it('slipway serve serves nothing elsewhere while a folder of the repository is replaced by a link', async () => {
  const [root, outside] = [join(folder, 'swapped'), join(folder, 'outside')];
  for (const path of [join(root, 'pool'), outside]) mkdirSync(path, { recursive: true });
  writeFileSync(join(root, 'pool/a'), 'served');
  writeFileSync(join(outside, 'a'), 'secret');
  const swap = 'while (1) { rename "pool", "old"; symlink "../outside", "pool"; unlink "pool"; rename "old", "pool" }';
  const swapping = spawn('perl', ['-e', swap], { cwd: root });
  const found = new Set<string>();
  for (const end = Date.now() + 4000; Date.now() < end; await new Promise(setImmediate)) {
    try {
      const opened = openServed(root, '/pool/a');
      if (!opened) continue;
      found.add(readFileSync(opened.handle, 'utf8'));
      closeSync(opened.handle);
    } catch {
      // The folder is away.
    }
  }
  swapping.kill('SIGKILL');
  expect([...found]).toEqual(['served']);
});
