import { describe, expect, it } from 'vitest';
import { planSystemFile } from '../../ts-src/model/system-files.ts';
import { systemFilesFault } from '../../ts-src/model/system-file-faults.ts';

const owner = { organization: 'robots', name: 'acme' };
const systemFileFault = (target: string, text: string) => systemFilesFault([{ target, text }], owner);
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

  it('have no blanks that their readers take for letters: the words would be others', () => {
    for (const blank of ['\u00a0', '\u1680', '\u2003', '\u2028', '\u202f', '\u3000', '\ufeff']) {
      // For systemd, all until the next space is the path.
      const path = (top: string) => ['/var/lib/acme/x', '-', 'root', 'root', '-', top].join(blank);
      for (const line of [
        `C ${path('/opt/robots')} 4755 root root - /opt/robots/x`,
        `L ${path('/opt/x')} - - - - /etc/shadow`,
        `f+ /var/lib/acme/x${blank}- 4755 root root - text`,
      ])
        expect(tmpfiles(line), line).toMatch(/has a blank that is neither a space nor a tab/);
      expect(sysusers(`u acme${blank}- -:sudo`)).toMatch(/has a blank/);
      expect(tmpfiles(`# a comment${blank}of people\nd /run/acme\n`)).toBeUndefined();
    }
  });

  it('are read at once if a line has millions of blanks', () => {
    const blanks = ' '.repeat(2_000_000);
    expect(tmpfiles(`d /run/acme${blanks}0755`)).toBeUndefined();
    expect(tmpfiles(`${blanks}f /etc/x${blanks}\n${blanks}\n`)).toMatch(/\/etc\/x/);
    expect(sysusers(`u acme${blanks}-:sudo`)).toMatch(/sudo/);
  });

  it('of tmpfiles create files only in their own folders', () => {
    expect(
      tmpfiles('# a comment\nd /run/acme 0755 root root -\nL+ /var/lib/acme/x - - - - /opt/acme\n'),
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

  it('of tmpfiles are read as systemd reads them', () => {
    expect(
      tmpfiles(
        'd /var/lib/acme 2775 root plugdev 10d\r\nf /run/acme/x - - - - a "word" \\n%m\nz /var/lib/acme/data/*/x 0640\n' +
          'L /run/acme/log - - - - /var/log/acme\nC /var/lib/acme/y - - - - /usr/share/acme/y\nR! /run/acme/*\n',
      ),
    ).toBeUndefined();
    for (const text of [
      '# no continued comment \\\nf /etc/sudoers.d/x',
      '# a comment\rf /etc/sudoers.d/x',
      '# a comment\0f /etc/sudoers.d/x',
      'f /run/acme/"x"',
      'C /srv/acme/sh 0004755 root root - /opt/acme/sh',
      'z /srv/acme/sh 4755 root root',
      'z /srv/acme/sh u+s',
      't /srv/acme/sh - - - - security.capability=x',
      'f /run/modprobe.d/x.conf - - - - install x /bin/sh',
      'd /run/extensions/x',
      'C /srv/acme/x 0644 root root - /etc/shadow',
      'L /run/acme/x - - - - /etc/sudoers.d',
      'L /run/acme/x - - - - ../../etc/sudoers.d',
      'L /run/acme/x - - - - /opt/../etc/sudoers.d',
      'L /run/acme/x - - - - /run/acme/\\x2e./\\x2e./etc',
      'L /run/acme - - - - /opt/acme/link\nf /run/acme//x',
      'L /run/acme/x/ - - - - /opt/acme/link\nf /run/acme/x/y',
      'L /run/acme/x - - - - /opt/acme/link\nz /run/acme/?/ssh.service 0666',
      'f /run/acme/x/y\nC /run/acme/x - - - - /opt/acme/tree',
    ])
      expect(tmpfiles(text), text).toMatch(/^\/usr\/lib\/tmpfiles\.d\/x\.conf /);
    const files = ['L /run/acme/x - - - - /opt/acme/link', 'f /run/acme/x/y'].map((text, i) => ({
      target: `/usr/lib/tmpfiles.d/${i}.conf`,
      text,
    }));
    expect(systemFilesFault(files, owner)).toMatch(/lies below the link or copy/);
  });

  it('of tmpfiles are not in folders of other packages, and make no links for them', () => {
    const of = (name: string, text: string) =>
      systemFilesFault([{ target: '/usr/lib/tmpfiles.d/x.conf', text }], { organization: 'robots', name });
    expect(of('my_arm', 'd /run/my_arm\nd /var/lib/my-arm\nf /var/log/robots/x\nL /run/my-arm/x - - - - /opt/x')).toBe(
      undefined,
    );
    for (const [name, line] of [
      ['other', 'w /run/acme/ssl/openssl.cnf - - - - x'],
      ['other', 'd /var/lib/postgresql'],
      ['acme', 'L /run/robots/x - - - - /opt/acme/link'],
      ['acme', 'C /var/lib/robots/ssl - - - - /usr/lib/ssl'],
      ['robots', 'C /var/lib/robots/ssl - - - - /usr/lib/ssl'],
      ['acme', 'L /run/acme/x - - - - /run/other/x'],
    ] as const)
      expect(of(name, line), line).toMatch(/^\/usr\/lib\/tmpfiles\.d\/x\.conf /);
  });

  it('of sysusers are read as systemd reads them', () => {
    expect(sysusers('u! acme 900:plugdev "A \'robot\'" /var/lib/acme /bin/sh\n')).toBeUndefined();
    for (const text of [
      'u x -:27',
      'u x 900:27',
      'm x su"d"o',
      'm %H x',
      'm x %H',
      'm x 27',
      '#\\\nm x sudo',
      '#\rm x sudo',
    ])
      expect(sysusers(text), text).toBeDefined();
  });

  it('for the kernel are read as their readers read them', () => {
    const sysctl = (text: string) => systemFileFault('/etc/sysctl.d/x.conf', text);
    expect(
      sysctl('net.ipv4.conf.*.rp_filter=0\nnet/ipv4/conf/eth0.1/rp_filter = 0\n-net.ipv4.conf.all\nvm.swappiness=1\n'),
    ).toBeUndefined();
    for (const text of [
      'kernel.core_patter? = x',
      '*.core_pattern = x',
      'k?rnel.core_pattern = x',
      'kernel//core_pattern = x',
      'kernel/../kernel/core_pattern = x',
      'kernel.yama.ptrace_scope = 0',
      '# no continued comment \\\nkernel.modprobe = x',
      '# a comment\rkernel.modprobe = x',
    ])
      expect(sysctl(text), text).toBeDefined();
    const modprobe = (text: string) => systemFileFault('/etc/modprobe.d/x.conf', text);
    expect(modprobe('# continued \\\ninstall can x\n')).toBeUndefined();
    expect(modprobe('ins\\\ntall can x\n')).toMatch(/runs a command as root/);
  });
});
