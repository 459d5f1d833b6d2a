import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runLimited } from '../../ts-src/io/limited.ts';
import { keysOf, largestKey } from '../../ts-src/publish/key-health.ts';
import { signedText } from '../../ts-src/publish/signatures.ts';
import { isClearsigned, releaseText } from '../../ts-src/read/apt-index.ts';

/** Signed files of strangers: OpenPGP messages may hold compressed data, and several texts. */

const root = mkdtempSync(join(tmpdir(), 'slipway-signatures-'));
const home = join(root, 'gpg');
const gpg = (input: string | Buffer, ...args: string[]): Buffer =>
  execFileSync(
    'gpg',
    ['--batch', '--yes', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
    {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 30,
    },
  );
let key = '';
let good = '';
beforeAll(() => {
  mkdirSync(home, { mode: 0o700 });
  gpg('', '--quick-generate-key', 'acme', 'rsa2048', 'sign', 'never');
  key = gpg('', '--armor', '--export').toString();
  good = gpg('{"fine": true}\n- a line\n', '--clearsign').toString();
  writeFileSync(join(root, 'key.asc'), key);
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(root, { recursive: true, force: true });
});

async function release(bytes: string | Buffer): Promise<string> {
  const file = join(root, 'InRelease');
  writeFileSync(file, bytes);
  const read = await releaseText(file, join(root, 'key.asc'), 'x/InRelease');
  expect(existsSync(`${file}.signed`)).toBe(false);
  return read.ok ? read.value : (read.diagnostics[0]?.message ?? '');
}

describe('a signed text', () => {
  it('does not count if its key is revoked or has expired, or if its digest is weak, as for apt', async () => {
    const of = (name: string, ...args: string[]) => gpg('text\n', '--local-user', name, ...args, '--clearsign');
    const make = (name: string, ends: string, ...args: string[]) =>
      gpg('', ...args, '--quick-generate-key', name, 'rsa2048', 'sign', ends);
    const then = ['--faked-system-time', '20240101T000000!'];
    make('expired', '30d', ...then);
    make('revoked', 'never');
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(gpg('', '--with-colons', '--list-keys', 'revoked').toString())?.[1];
    const [expired, revoked] = [of('expired', ...then), of('revoked')];
    const revocation = readFileSync(join(home, `openpgp-revocs.d/${fingerprint}.rev`), 'utf8');
    gpg(revocation.replace(/^:-----/gm, '-----'), '--import');
    writeFileSync(join(root, 'key.asc'), gpg('', '--armor', '--export', 'expired'));
    expect(await release(expired)).toContain('its key has expired');
    writeFileSync(join(root, 'key.asc'), gpg('', '--armor', '--export', 'revoked'));
    expect(await release(revoked)).toContain('its key is revoked');
    expect(await signedText(revoked, readFileSync(join(root, 'key.asc'), 'utf8'))).toBeUndefined();
    writeFileSync(join(root, 'key.asc'), key);
    expect(await release(of('acme', '--digest-algo', 'SHA1'))).toContain('Invalid digest algorithm');
    // Others may have signed, too: the next key, or a former one.
    make('next', 'never');
    expect(await release(of('acme', '--local-user', 'next'))).toBe('text\n');
    expect(await release(of('next'))).toContain('which the file of `key` does not hold');
  });

  it('is what a clear signature covers', async () => {
    expect(await signedText(Buffer.from(good), key)).toBe('{"fine": true}\n- a line\n');
    expect(await release(good)).toBe('{"fine": true}\n- a line\n');
  });

  it('is checked without an agent, which would outlive a slipway that is killed', async () => {
    const agents = new Set<string>();
    const timer = setInterval(() => {
      const running = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
      for (const args of running) if (/gpg-agent .*\/slipway-signed-/.test(args)) agents.add(args);
    }, 5);
    for (let i = 0; i < 3; i++) await signedText(Buffer.from(good), key);
    clearInterval(timer);
    expect([...agents].filter((args) => args.includes(`-${process.pid}-`))).toEqual([]);
  });

  it('is in no other message: a few kilobytes would fill the disk, or another text be taken', async () => {
    const bomb = gpg(Buffer.alloc(64 << 20), '--store', '-z', '9', '--compress-algo', 'bzip2');
    expect(bomb.length).toBeLessThan(10_000);
    const stored = gpg('{"evil": true}\n', '--store', '--armor').toString();
    const signed = gpg('{"fine": true}\n', '--sign');
    for (const message of [
      bomb,
      signed,
      `${stored}${good}`,
      `${good}${stored}`,
      `x\n${good}`,
      `${good}x\n`,
      `${good}${good}`,
    ]) {
      const bytes = Buffer.from(message);
      expect(isClearsigned(bytes)).toBe(false);
      expect(await signedText(bytes, key)).toBeUndefined();
      expect(await release(bytes)).toContain('it is not a text with a signature');
    }
  });

  it('is not unpacked without end where the signature holds compressed data', async () => {
    const packed = gpg(Buffer.alloc(64 << 20), '--store', '-z', '9', '--compress-algo', 'bzip2');
    const armor = packed.toString('base64').replace(/.{64}/g, '$&\n');
    const text = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\n${armor}\n-----END PGP SIGNATURE-----\n`;
    expect(await signedText(Buffer.from(text), key)).toBeUndefined();
    expect(await release(text)).toContain('is invalid');
  });
});

it('programs that read it have limits of time and of what they write', async () => {
  const file = join(root, 'written');
  const ran = await runLimited('sh', ['-c', 'ulimit -t; exec head -c 9000000 /dev/zero > "$1"', 'sh', file], 1 << 20);
  expect(Number(ran.stdout)).toBeLessThanOrEqual(60);
  expect(ran.code).not.toBe(0);
  expect(statSync(file).size).toBeLessThanOrEqual(1 << 20);
  expect(readFileSync(file).length).toBeGreaterThan(0);
});

it('a key of any length is no key', async () => {
  expect(await keysOf('x'.repeat(largestKey + 1))).toMatchObject({ ok: false, diagnostics: [{ code: 'signing-key' }] });
  expect(await keysOf(key)).toMatchObject({ ok: true, value: [{ ends: undefined }] });
});
