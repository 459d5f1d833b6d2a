import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checksums, writeIndex, type IndexEntry } from '../../ts-src/images/image-index.ts';
import { good } from '../../ts-src/model/diagnostics.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-image-index-'));
const homes = ['own', 'foreign'].map((name) => join(folder, name));
const [own = '', foreign = ''] = homes;
beforeAll(() => {
  for (const home of homes) {
    mkdirSync(home, { mode: 0o700 });
    const args = ['--batch', '--homedir', home, '--passphrase', '', '--quick-generate-key', 'x', 'ed25519', 'sign'];
    execFileSync('gpg', args, { stdio: 'ignore' });
  }
});
afterAll(() => {
  for (const home of homes) spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

const entry = (version: string, more: object = {}): IndexEntry => ({
  image: 'robot',
  version,
  architecture: 'amd64',
  state: 'a'.repeat(64),
  kind: 'docker',
  ...more,
});
let place: FolderEndpoint;
let places = 0;
const newPlace = () => (place = new FolderEndpoint(join(folder, `place${places++}`)));
const write = (version: string, home = own, channel = 'nightly') =>
  withSigner({ kind: 'keyring', home, keys: [] }, (signer) =>
    writeIndex(place, channel, 'acme', [entry(version)], signer),
  );
const index = (): unknown => JSON.parse(readFileSync(join(place.folder, 'index.json'), 'utf8'));
const file = () => join(place.folder, 'index.json.asc');
/** Signs an index as another program with our key would. */
const signed = (index: unknown) =>
  withSigner({ kind: 'keyring', home: own, keys: [] }, async (signer) => {
    const text = await signer.sign(`${JSON.stringify(index)}\n`, 'clearsign');
    if (text.ok) writeFileSync(file(), text.value);
    return good(true);
  });

describe("a channel's index of images", () => {
  it('is continued if this key signed it', async () => {
    newPlace();
    expect((await write('1')).ok).toBe(true);
    expect((await write('2')).ok).toBe(true);
    expect(index()).toMatchObject({ images: [{ version: '2' }, { version: '1' }] });
  });

  it('is not signed again if somebody else wrote it', async () => {
    newPlace();
    await write('1');
    const before = readFileSync(file(), 'utf8');
    const refused = { ok: false, diagnostics: [{ code: 'image-index' }] };
    const changed = before.replace('"version": "1"', '"version": "9"');
    expect(changed).not.toBe(before);
    for (const text of [changed, '', 'x', before.replace(/^-----BEGIN PGP SIG[^]*/m, '')]) {
      writeFileSync(file(), text);
      expect(await write('2')).toMatchObject(refused);
      expect(readFileSync(file(), 'utf8')).toBe(text);
    }
    writeFileSync(file(), before);
    expect(await write('2', foreign)).toMatchObject(refused);
    expect(await write('2', own, 'release/1')).toMatchObject(refused);
    expect((await write('2')).ok).toBe(true);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['no list of images', { schema: 1, channel: 'nightly', images: {} }],
    ['an image that is null', { schema: 1, channel: 'nightly', images: [null] }],
    ['a path', { schema: 1, channel: 'nightly', images: [entry('1', { file: '../x' })] }],
    ['__proto__', { schema: 1, channel: 'nightly', images: [entry('__proto__', { kind: 'lxd' })] }],
  ])('with %s is refused', async (_, given) => {
    newPlace();
    await write('1');
    await signed(given);
    expect(await write('2')).toMatchObject({ ok: false, diagnostics: [{ code: 'image-index' }] });
  });
});

/** A place in memory. `before` runs before a file is written. */
function memory(before: (name: string) => Promise<void> = () => Promise.resolve()) {
  const files = new Map<string, string>();
  const place: Parameters<typeof writeIndex>[0] = {
    where: 'memory',
    read: (name: string) => {
      const text = files.get(name);
      return Promise.resolve(text === undefined ? undefined : { data: Buffer.from(text, 'latin1'), tag: sha256(text) });
    },
    put: async (name: string, data: Buffer) => {
      await before(name);
      files.set(name, data.toString('latin1'));
    },
    replace: (name: string, data: Buffer, tag: string | undefined) => {
      const text = files.get(name);
      if ((text === undefined ? undefined : sha256(text)) !== tag) return Promise.resolve(false);
      files.set(name, data.toString('latin1'));
      return Promise.resolve(true);
    },
  };
  return { files, place };
}

describe('the files beside the index', () => {
  const disk = (version: string): IndexEntry =>
    entry(version, { kind: 'disk', file: `robot_${version}_amd64.root.raw.gz`, size: 1, sha256: sha256(version) });
  const put = (at: ReturnType<typeof memory>, entries: IndexEntry[]) =>
    withSigner({ kind: 'keyring', home: own, keys: [] }, (signer) =>
      writeIndex(at.place, 'nightly', 'acme', entries, signer),
    );
  /** Verifies the signature of SHA256SUMS. */
  const verify = ({ files }: ReturnType<typeof memory>) => {
    const at = mkdtempSync(join(folder, 'sums-'));
    for (const name of ['SHA256SUMS', 'SHA256SUMS.gpg']) writeFileSync(join(at, name), files.get(name) ?? '', 'latin1');
    execFileSync('gpg', ['--homedir', own, '--verify', join(at, 'SHA256SUMS.gpg'), join(at, 'SHA256SUMS')], {
      stdio: 'ignore',
    });
  };

  it('are checksums, signed, as systemd-sysupdate reads them', async () => {
    const at = memory();
    expect((await put(at, [disk('2'), { ...disk('2'), kind: 'ami' }])).ok).toBe(true);
    expect(at.files.get('SHA256SUMS')).toBe(`${sha256('2')}  robot_2_amd64.root.raw.gz\n`);
    verify(at);
    expect(checksums([entry('1')])).toBe('');
  });

  it('are those of the newest index, also if two runs write them at once', async () => {
    let other: Promise<unknown> | undefined;
    // The second run writes everything between the first one's index and its copies.
    const at = memory(async (name) => {
      if (name !== 'index.json' || other) return;
      other = put(at, [disk('2')]);
      await other;
    });
    expect((await put(at, [disk('1')])).ok).toBe(true);
    for (const name of ['index.json.asc', 'index.json', 'SHA256SUMS'])
      for (const version of ['1', '2']) expect(at.files.get(name), name).toContain(`robot_${version}_amd64`);
    verify(at);
  });
});
