// The apt of each Debian release reads what Slipway publishes: gpgv in the older ones, sqv since trixie.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, execute, mirrorOf, slipway, workspace, type Ran } from '../e2e/helpers.ts';
import { writeTiny } from '../e2e/tiny.ts';

const folder = workspace('clients');
// gpg-agent's socket needs a short path.
const home = mkdtempSync(join(tmpdir(), 'gpg-'));
const gpg = (...args: string[]): string =>
  execFileSync('gpg', ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** Makes a key; returns its fingerprint. */
function makeKey(name: string, algorithm: string): string {
  gpg('--quick-generate-key', name, algorithm, 'sign', 'never');
  return /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--with-colons', '--list-keys', `=${name}`))?.[1] ?? '';
}

beforeAll(async () => {
  const keys = { former: makeKey('former', 'rsa3072'), next: makeKey('next', 'ed25519') };
  makeKey('foreign', 'ed25519');
  writeTiny(
    folder,
    { tool: {}, user: { manifest: '<exec_depend>tool</exec_depend>' } },
    `signing_key: [${keys.former}, ${keys.next}]
publish: { sources: true, contents: true, keyring: true, valid_days: 14, sha512: true }
`,
  );
  const ran = await slipway(['build'], folder, { env: { GNUPGHOME: home } });
  expect(ran.code, ran.stderr).toBe(0);
  for (const name of ['former', 'next', 'foreign'])
    writeFileSync(join(folder, `${name}.asc`), gpg('--armor', '--export', `=${name}`));
});
afterAll(async () => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(home, { recursive: true });
  await discard(folder);
});

describe.each(['bullseye', 'bookworm', 'trixie'])('apt of %s', (release) => {
  const root = join(folder, release);

  beforeAll(async () => {
    const made = await execute('mmdebstrap', ['--variant=apt', '--quiet', release, root, ...mirrorOf(release)]);
    expect(made.code, made.stderr).toBe(0);
    chmodSync(root, 0o755);
    rmSync(join(root, 'etc/apt/sources.list'));
    cpSync(join(folder, 'out/apt'), join(root, 'repository'), { recursive: true });
    for (const name of ['former', 'next', 'foreign'])
      cpSync(join(folder, `${name}.asc`), join(root, `etc/apt/${name}.asc`));
  });

  /** Runs a script in the root, with the repository and one of the keys as its only source. */
  const withKey = (key: string, script: string): Promise<Ran> => {
    mkdirSync(join(root, 'etc/apt/sources.list.d'), { recursive: true });
    writeFileSync(
      join(root, 'etc/apt/sources.list.d/slipway.sources'),
      `Types: deb deb-src
URIs: file:/repository
Suites: bookworm-tiny
Components: main
Signed-By: /etc/apt/${key}.asc
`,
    );
    return execute('chroot', [root, 'sh', '-ec', `export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8\n${script}`]);
  };

  it.each(['former', 'next'])('trusts it if it knows the %s key', async (key) => {
    const ran = await withKey(key, 'apt-get -q update');
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout + ran.stderr).not.toMatch(/^[WEN]:/m);
  });

  it('refuses it with another key', async () => {
    const ran = await withKey('foreign', 'apt-get -q update');
    expect(ran.stdout + ran.stderr).toMatch(/not signed|couldn't be verified|Missing key|NO_PUBKEY/);
  });

  it('installs a package with what it needs, and downloads its source', async () => {
    const ran = await withKey(
      'next',
      `apt-get -q update
apt-get -q -y install acme-tiny-user
cat /opt/acme/tiny/share/tool/package.xml
cd /tmp
apt-get -q source --download-only acme-tiny-tool
ls`,
    );
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toContain('<name>tool</name>');
    expect(ran.stdout).toMatch(/^acme-tiny-tool_1\.0\.0.*\.dsc$/m);
  });
});
