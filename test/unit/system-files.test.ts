import { describe, expect, it } from 'vitest';
import { conffilesOf, planSystemFile, systemFilesOf, type WrittenSystemFile } from '../../ts-src/model/system-files.ts';

const plan = (file: WrittenSystemFile) => planSystemFile(file, 'acme', 'my_sensor');

describe('a system file', () => {
  it.each<[WrittenSystemFile, string]>([
    [{ kind: 'udev', path: 'a/60-x.rules' }, '/usr/lib/udev/rules.d/60-x.rules'],
    [{ kind: 'systemd', path: 'x@.service' }, '/usr/lib/systemd/system/x@.service'],
    [{ kind: 'systemd_user', path: 'x.timer' }, '/usr/lib/systemd/user/x.timer'],
    [{ kind: 'tmpfiles', path: 'x.conf' }, '/usr/lib/tmpfiles.d/x.conf'],
    [{ kind: 'zsh_completion', path: '_x' }, '/usr/share/zsh/vendor-completions/_x'],
    [{ kind: 'etc', path: 'config/x.yaml' }, '/etc/acme/x.yaml'],
    [{ kind: 'etc', path: 'x', to: 'default/my-robot' }, '/etc/default/my-robot'],
    [{ kind: 'etc', path: 'x', to: 'my-sensor/a/x' }, '/etc/my-sensor/a/x'],
  ])('%j lies at %s', (file, target) => {
    expect(plan(file)).toEqual({ path: file.path, installed: false, target });
  });

  it.each<[WrittenSystemFile, string]>([
    [{ kind: 'udev', path: 'x.rules' }, "'x.rules' is no name for udev: it should be like 60-NAME.rules"],
    [{ kind: 'udev', path: '../60-x.rules' }, `'../60-x.rules' is no path of letters`],
    [{ kind: 'udev', path: '60-x.rules', to: 'a' }, `'to' is for files of /etc`],
    [{ kind: 'udev', path: '60-x.rules', enable: true }, `'enable' is for systemd units of the system`],
    [{ kind: 'systemd', path: 'x.conf' }, `'x.conf' is no name for systemd`],
    [{ kind: 'etc', path: 'x', to: 'sudoers.d/x' }, '/etc/sudoers.d decides what runs as root'],
    [{ kind: 'etc', path: 'x', to: 'ld.so.preload' }, '/etc/ld.so.preload decides what runs as root'],
    [{ kind: 'etc', path: 'x', to: 'acme/../passwd' }, `'acme/../passwd' is no path below /etc`],
    [{ kind: 'etc', path: 'a b' }, `'a b' is no path of letters`],
  ])('%j is refused', (file, reason) => expect(plan(file)).toContain(reason));

  it('is started at boot by a symlink', () => {
    expect(plan({ kind: 'systemd', path: 'a/x.service', enable: true })).toMatchObject({
      link: { path: '/usr/lib/systemd/system/multi-user.target.wants/x.service', target: '../x.service' },
    });
  });

  it('is declared in the export of a manifest', () => {
    expect(
      systemFilesOf([
        { name: 'build_type', attributes: {} },
        { name: 'system_file', attributes: { kind: 'etc', path: 'a', to: 'acme/b', installed: 'true' } },
        { name: 'system_file', attributes: { kind: 'cron', path: 'a' } },
        { name: 'system_file', attributes: { kind: 'udev', path: 'a', mode: '777' } },
      ]),
    ).toEqual([
      { kind: 'etc', path: 'a', to: 'acme/b', installed: true, enable: false },
      expect.stringContaining("the kind 'cron'; known are udev, systemd"),
      "<system_file> has the attribute 'mode', which is not known",
    ]);
  });

  it('is protected from being overwritten only in /etc', () => {
    const files = ['/etc/acme/x', '/usr/lib/udev/rules.d/60-x.rules'];
    expect(conffilesOf(files.map((target) => ({ path: 'x', installed: false, target })))).toEqual(['/etc/acme/x']);
  });
});
