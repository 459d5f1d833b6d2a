import { describe, expect, it } from 'vitest';
import { planSystemFile } from '../../ts-src/model/system-files.ts';
import { systemFileFault } from '../../ts-src/model/system-file-faults.ts';

const tmpfiles = (text: string) => systemFileFault('/usr/lib/tmpfiles.d/x.conf', text);
const sysusers = (text: string) => systemFileFault('/usr/lib/sysusers.d/x.conf', text);

describe('system files', () => {
  it('lie in no folder that controls permissions, regardless of names', () => {
    for (const name of [
      'apt',
      'ssh',
      'security',
      'systemd',
      'polkit_1',
      'dpkg',
      'profile',
      'network',
      'cron',
      'sudo',
    ]) {
      const to = `${name.replaceAll('_', '-')}/conf`;
      expect(planSystemFile({ kind: 'etc', path: 'x', to }, 'acme', name), name).toMatch(/no package has files there$/);
      expect(planSystemFile({ kind: 'etc', path: 'x' }, name.replaceAll('_', '-'), 'p'), name).toMatch(
        /no package has/,
      );
    }
    expect(planSystemFile({ kind: 'etc', path: 'x', to: 'security/limits.d/x' }, 'acme', 'p')).toMatchObject({
      target: '/etc/security/limits.d/x',
    });
    expect(planSystemFile({ kind: 'etc', path: 'x', to: 'security/access.conf' }, 'acme', 'security')).toMatch(
      /no pack/,
    );
  });

  it('of tmpfiles create files only in their own folders', () => {
    expect(
      tmpfiles('# a comment\nd /run/declares 0755 root root -\nL+ /var/lib/acme/x - - - - /opt/acme\n'),
    ).toBeUndefined();
    for (const line of [
      'f /etc/sudoers.d/x 0440 root root - robot ALL=(ALL) NOPASSWD: ALL',
      'f "/etc/cron.d/x" - - - - * * * * * root sh',
      'L /root/.ssh/authorized_keys - - - - /opt/acme/k',
      'f /run/../etc/passwd',
      'f /var/lib/./x/../../etc/x',
      'z /var/lib/* 0777',
      'd /var/lib 0777',
      'd /var/lib/ 0777',
      'f /run/\\x2e\\x2e/x',
      'f /run/%h/x',
      'f /var/lib/dpkg/info/x',
      'f /run/systemd/system/x.service',
      'c /run/acme/mem 0666 root root - 1:1',
      'C /run/acme/sh 4755 root root - /bin/sh',
      'd',
    ])
      expect(tmpfiles(line), line).toMatch(/^\/usr\/lib\/tmpfiles\.d\/x\.conf /);
  });

  it('of sysusers create no second root, and grant no powerful group', () => {
    expect(sysusers('u acme - "The robot" /var/lib/acme\nm acme dialout\ng acme 900\n')).toBeUndefined();
    for (const line of [
      'u x 0',
      'u x 00',
      'u x 0:0',
      'u x /',
      'u x -:root',
      'u "x" "0"',
      'm acme sudo',
      'u root -',
      'r - 0-9',
    ])
      expect(sysusers(line), line).toBeDefined();
  });

  it('for the kernel name no program that runs as root', () => {
    expect(systemFileFault('/etc/sysctl.d/x.conf', 'net.core.rmem_max = 1\n')).toBeUndefined();
    for (const line of ['kernel.core_pattern=|/opt/x', '-kernel/modprobe = /opt/x', 'fs.protected_symlinks=0'])
      expect(systemFileFault('/etc/sysctl.d/x.conf', line), line).toMatch(/sets /);
    expect(systemFileFault('/etc/modprobe.d/x.conf', 'options can debug=1\nblacklist pcspkr')).toBeUndefined();
    expect(systemFileFault('/etc/modprobe.d/x.conf', 'install can \\\n /opt/x')).toMatch(/runs a command as root/);
  });
});
