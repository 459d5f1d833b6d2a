import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { machineNames } from '../../ts-src/images/machine.ts';
import { unarmoured } from '../../ts-src/images/sysupdate.ts';
import { imageSchema } from '../../ts-src/model/images.ts';

describe('a machine that updates itself', () => {
  const packages = (release: string, more: object = {}) =>
    machineNames(
      {
        name: 'robot',
        spec: imageSchema.parse(more),
        distribution: 'mini',
        target: { platform: release, os: 'debian', release, architecture: 'amd64', variant: 'default' },
      },
      true,
    );

  it('has what makes its disk start and grow, and with two slots what updates them, where these are packages', () => {
    expect(packages('trixie')).toEqual(expect.arrayContaining(['systemd-boot-efi', 'systemd-repart']));
    expect(packages('trixie')).not.toContain('systemd-container');
    expect(packages('trixie', { partitions: 'ab' })).toEqual(expect.arrayContaining(['gpg', 'systemd-container']));
    expect(packages('bookworm', { partitions: 'ab' }).filter((p) => /repart|container|gpg/.test(p))).toEqual([]);
  });

  it('has the resolver for the name servers of DHCP, which is a package of its own in later releases', () => {
    const has = (release: string) => packages(release).includes('systemd-resolved');
    expect(['buster', 'bullseye', 'bookworm', 'trixie', 'focal', 'jammy', 'noble'].filter(has)).toEqual([
      'bookworm',
      'trixie',
      'noble',
    ]);
  });

  it('has the keys of the channel as a keyring of gpg', () => {
    const home = mkdtempSync(join(tmpdir(), 'keys-'));
    const gpg = (...args: string[]) => execFileSync('gpg', ['--batch', '--homedir', home, ...args], { stdio: 'pipe' });
    try {
      for (const name of ['acme', 'other'])
        gpg('--passphrase', '', '--quick-gen-key', `${name}@example.org`, 'ed25519', 'sign', 'never');
      const binary = gpg('--export');
      expect(unarmoured(gpg('--armor', '--export').toString()).equals(binary)).toBe(true);
      const two = ['acme', 'other'].map((name) => gpg('--armor', '--export', name).toString()).join('\n');
      expect(unarmoured(two).equals(binary)).toBe(true);
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    }
  });
});
