import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cache, execute, lintian, mirrorOf, root } from './helpers.ts';

/** The command as people install it. */
describe('slipway as an installed command', () => {
  const folder = mkdtempSync(join(cache, 'installed-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

  it('comes with npm install --global from the repository', () => {
    const prefix = join(folder, 'npm');
    const installed = spawnSync('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', '.'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(installed.status, installed.stderr).toBe(0);
    const ran = spawnSync(join(prefix, 'bin/slipway'), ['--version'], { cwd: '/', encoding: 'utf8' });
    expect([ran.stdout, ran.stderr]).toEqual([`slipway ${version}\n`, '']);
  });

  it('comes as a Debian package, the same bytes each time, which lintian finds no error in', () => {
    const pack = (name: string) =>
      execFileSync('node', [join(root, 'scripts/deb.mjs'), join(folder, name)], { encoding: 'utf8' }).trim();
    const [first, second] = [pack('one'), pack('two')];
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    copyFileSync(first, join(folder, 'slipway.deb'));
    const told = lintian(['--fail-on', 'error', join(folder, 'slipway.deb')]);
    expect(told.stdout.split('\n').filter((l) => l.startsWith('E:'))).toEqual([]);
  });

  it('runs where apt installed that package on Debian 12: manual, completion, a distro repository of its own', async () => {
    const script = `set -e
slipway --version
man=$(zcat /usr/share/man/man1/slipway.1.gz | head -c 3); echo "$man"
. /usr/share/bash-completion/completions/slipway; complete -p slipway
cd /tmp && slipway init own --organization acme > /dev/null && cd own && slipway validate && slipway plan`;
    const made = await execute('mmdebstrap', [
      '--variant=apt',
      '--quiet',
      '--include=nodejs,git,ca-certificates',
      `--customize-hook=cp ${join(folder, 'slipway.deb')} "$1/slipway.deb"`,
      '--customize-hook=chroot "$1" apt-get install -y --no-install-recommends /slipway.deb > /dev/null',
      `--customize-hook=chroot "$1" bash -c '${script}' > ${join(folder, 'output')} 2>&1`,
      'bookworm',
      '/dev/null',
      ...mirrorOf('bookworm'),
    ]);
    const output = readFileSync(join(folder, 'output'), 'utf8');
    expect(made.code, `${made.stderr}${output}`).toBe(0);
    expect(output).toContain(`slipway ${version}\n`);
    expect(output).toContain('complete -F _slipway slipway');
    expect(output).toContain('distro.yaml is valid: 1 build');
    expect(output).toMatch(/hello_robot +0\.1\.0/);
  });
});
