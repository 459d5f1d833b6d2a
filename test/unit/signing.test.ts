import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSigner, type Signer, type SigningKey } from '../../ts-src/publish/signing.ts';
import { good, type Result } from '../../ts-src/model/diagnostics.ts';
import { containing } from './containing.ts';
import { wrapProgram } from './wrapped-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-signing-test-'));
const keyFile = (name: string) => join(folder, `${name}.asc`);
const passphrase = 'cörrect horse $(false) "battery"';
const message = 'Origin: acme\nSuite: jazzy\n';

/** A secret key in a file, made in a temporary home. */
function makeKey(name: string, secret: string): void {
  const home = mkdtempSync(join(folder, 'h'));
  const gpg = (args: string[]) =>
    execFileSync(
      'gpg',
      ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', secret, ...args],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
  gpg(['--quick-generate-key', name, 'rsa2048', 'sign', 'never']);
  writeFileSync(keyFile(name), gpg(['--armor', '--export-secret-keys']), { mode: 0o644 });
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(home, { recursive: true });
}

beforeAll(() => {
  chmodSync(folder, 0o755);
  mkdirSync(process.env.TMPDIR!, { mode: 0o777 });
  mkdirSync(join(folder, 'no-namespaces'));
  writeFileSync(join(folder, 'no-namespaces/unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  makeKey('plain', '');
  makeKey('locked', passphrase);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** gpgv's output for a signature, with only the signer's public key. */
function verify(signer: Signer, signed: string, text?: string): { code: number | null; good: number } {
  const at = mkdtempSync(join(folder, 'v'));
  writeFileSync(join(at, 'key.asc'), signer.publicKey);
  writeFileSync(join(at, 'signed'), signed);
  if (text !== undefined) writeFileSync(join(at, 'text'), text);
  execFileSync('gpg', ['--batch', '--homedir', at, '--dearmor', '--output', join(at, 'ring'), join(at, 'key.asc')], {
    stdio: 'ignore',
  });
  const files = [join(at, 'signed'), ...(text === undefined ? [] : [join(at, 'text')])];
  const o = spawnSync('gpgv', ['--status-fd', '1', '--keyring', join(at, 'ring'), ...files], { encoding: 'utf8' });
  return { code: o.status, good: [...o.stdout.matchAll(/GOODSIG/g)].length };
}

const both = async (signer: Signer): Promise<Result<Record<string, unknown>>> => {
  const clear = await signer.sign(message, 'clearsign');
  const detached = await signer.sign(message, 'detached');
  if (!clear.ok) return clear;
  if (!detached.ok) return detached;
  return good({
    clear: verify(signer, clear.value),
    text: clear.value.includes(message),
    detached: verify(signer, detached.value, message),
    fingerprints: signer.fingerprints.length,
  });
};

/** Inherited by all child processes, so that they can be distinguished from others on this machine. */
process.env.SLIPWAY_TEST_MARK = folder;
process.env.TMPDIR = join(folder, 'tmp');
const inherited = (pid: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`SLIPWAY_TEST_MARK=${folder}`);
  } catch {
    return false;
  }
};

/** Child processes that still run, and files in temporary folders. */
const traces = () => ({
  agents: readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && inherited(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('gpg-agent'),
  ),
  files: [
    ...readdirSync(process.env.TMPDIR!),
    ...readdirSync('/dev/shm').filter((name) => name === 'g' || name.startsWith('slipway-')),
  ],
});

describe('signing', () => {
  const one = { clear: { code: 0, good: 1 }, text: true, detached: { code: 0, good: 1 }, fingerprints: 1 };

  it.each<[string, SigningKey, number]>([
    ['a key file', { kind: 'files', keys: [{ file: keyFile('plain') }] }, 1],
    ['a key file with a passphrase', { kind: 'files', keys: [{ file: keyFile('locked'), passphrase }] }, 1],
    ['two keys', { kind: 'files', keys: [{ file: keyFile('plain') }, { file: keyFile('locked'), passphrase }] }, 2],
  ])('signs with %s, and leaves nothing', async (_, key, count) => {
    const before = traces();
    const signed = await withSigner(key, both);
    expect(signed).toMatchObject({
      ok: true,
      value: { ...one, clear: { code: 0, good: count }, detached: { code: 0, good: count }, fingerprints: count },
    });
    expect(traces()).toEqual(before);
  });

  it('signs several texts in parallel, except the first one with an imported key', async () => {
    const log = join(folder, 'order');
    const logged = (gpg: string) => `case " $* " in *' --clearsign '*) ;; *) exec ${gpg} "$@" ;; esac
echo begin >> ${log}\n${gpg} "$@"\nset -- $?\necho end >> ${log}\nexit $1`;
    const { PATH } = process.env;
    process.env.PATH = wrapProgram(join(folder, 'programs'), 'gpg', logged);
    try {
      const texts = ['one\n', 'two\n', 'three\n', 'four\n'];
      const key: SigningKey = { kind: 'files', keys: [{ file: keyFile('plain') }] };
      const signed = await withSigner(key, async (signer) => {
        const all = await Promise.all(texts.map((text) => signer.sign(text, 'clearsign')));
        return good(all.map((one) => one.ok && verify(signer, one.value).code));
      });
      expect(signed).toMatchObject({ ok: true, value: [0, 0, 0, 0] });
      const order = readFileSync(log, 'utf8').trim().split('\n');
      expect(order).toHaveLength(8);
      expect(order.slice(0, 3)).toEqual(['begin', 'end', 'begin']);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('refuses a text that not every key signed, for example if one of two has expired', async () => {
    const home = mkdtempSync(join(folder, 'two'));
    const gpg = (...args: string[]) =>
      execFileSync('gpg', ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    gpg('--quick-generate-key', 'now', 'ed25519', 'sign', 'never');
    gpg('--faked-system-time', '20200101T000000', '--quick-generate-key', 'then', 'ed25519', 'sign', '1d');
    const keys = [...gpg('--with-colons', '-K').matchAll(/^sec:.*\nfpr:+([0-9A-F]+):/gm)].flatMap((m) => m[1] ?? []);
    expect(keys).toHaveLength(2);
    const signed = await withSigner({ kind: 'keyring', home, keys }, (signer) => signer.sign(message, 'clearsign'));
    expect(signed).toMatchObject({ ok: false });
    expect(
      signed.diagnostics.map((d) => d.code).filter((c) => !['signing-key', 'signature-missing'].includes(c)),
    ).toEqual([]);
    const one = await withSigner({ kind: 'keyring', home, keys: keys.slice(0, 1) }, both);
    expect(one).toMatchObject({ ok: true, value: { fingerprints: 1 } });
    const unknown = await withSigner({ kind: 'keyring', home, keys: [...keys, 'A'.repeat(40)] }, both);
    expect(unknown).toMatchObject({ ok: false, diagnostics: [{ code: 'signing-key' }] });
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  });

  it('generates a key on first use, and reuses it', async () => {
    const key: SigningKey = { kind: 'made', home: join(folder, 'a/long/way/'.repeat(12), 'gnupg'), name: 'acme' };
    const print = (signer: Signer) => Promise.resolve(good(signer.fingerprints));
    // Two runs of one state may begin at the same time.
    const [first, other] = await Promise.all([withSigner(key, print), withSigner(key, print)]);
    expect(first.ok).toBe(true);
    expect(other).toEqual(first);
    expect(await withSigner(key, print)).toEqual(first);
    expect(await withSigner(key, both)).toMatchObject({ ok: true, value: one });
    expect(readdirSync(key.home).filter((name) => name.startsWith('S.'))).toEqual([]);
    expect(readdirSync(join(key.home, '..')).sort()).toEqual(['gnupg', 'gnupg.lock']);
  });

  it('signs with a program', async () => {
    const home = mkdtempSync(join(folder, 'k'));
    spawnSync('gpg', ['--batch', '--homedir', home, '--import', keyFile('plain')]);
    const publicKey = join(folder, 'public.asc');
    writeFileSync(publicKey, execFileSync('gpg', ['--batch', '--homedir', home, '--armor', '--export']));
    const script = join(folder, 'kms');
    writeFileSync(
      script,
      `#!/bin/sh\ncase $2 in clearsign) set -- --clearsign ;; detached) set -- --armor --detach-sign ;; esac\nexec gpg --batch --homedir '${home}' "$@"\n`,
      { mode: 0o755 },
    );
    expect(await withSigner({ kind: 'command', command: [script, 'sign'], publicKey }, both)).toMatchObject({
      ok: true,
      value: one,
    });
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
    expect(await withSigner({ kind: 'command', command: ['true'], publicKey }, both)).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'signing-key', message: containing('wrote no signature') }],
    });
  });

  it('reports a wrong passphrase, a file that is no key, and a missing file', async () => {
    writeFileSync(keyFile('none'), 'no key\n');
    for (const key of [
      { file: keyFile('locked'), passphrase: 'wrong' },
      { file: keyFile('none') },
      { file: keyFile('missing') },
    ])
      expect(await withSigner({ kind: 'files', keys: [key] }, both)).toMatchObject({
        ok: false,
        diagnostics: [{ code: 'signing-key' }],
      });
  });

  it.each(['root', 'a plain user', 'one without namespaces'])(
    'leaves nothing where it is killed while it signs, as %s',
    async (who) => {
      if (who === 'root' && process.getuid!() !== 0) return;
      const script = join(folder, 'killed.cjs');
      await build({
        stdin: {
          contents: `import { withSigner } from './ts-src/publish/signing.ts';
          void withSigner({ kind: 'files', keys: [{ file: process.argv[2], passphrase: process.argv[3] }] }, async (signer) => {
            for (let i = 0; ; i++) {
              const signed = await signer.sign('x'.repeat(1000), 'clearsign');
              if (!signed.ok) throw new Error(JSON.stringify(signed));
              if (!i) console.log('signing');
            }
          });`,
          resolveDir: join(import.meta.dirname, '../..'),
          loader: 'ts',
        },
        bundle: true,
        platform: 'node',
        outfile: script,
      });
      const before = traces();
      const user =
        who !== 'a plain user' || process.getuid!() !== 0
          ? []
          : ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const [program, ...args] = [...user, process.execPath, script, keyFile('locked'), passphrase];
      const PATH = `${who === 'one without namespaces' ? join(folder, 'no-namespaces:') : ''}${process.env.PATH}`;
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PATH } });
      await new Promise<void>((begun, failed) => {
        child.stdout.once('data', () => begun());
        child.once('exit', (code) => failed(new Error(`it ended with ${code}`)));
      });
      child.removeAllListeners('exit');
      expect(traces().agents.length).toBeGreaterThan(before.agents.length);
      child.kill('SIGKILL');
      await expect.poll(traces, { timeout: 10_000 }).toEqual(before);
    },
  );
});
