import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, states, workspace, type Ran } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const settings = `package_settings:
  sensor:
    system_files:
      - { kind: udev, path: config/60-sensor.rules }
      - { kind: systemd, path: share/sensor/sensor.service, installed: true, enable: true }
      - { kind: etc, path: config/sensor.yaml }
      - { kind: bash_completion, path: config/sense }
  declares: { declared_system_files: true }
  lacking: { system_files: [{ kind: udev, path: 70-nowhere.rules }] }
`;

describe('system files that distro.yaml allows', () => {
  let folder: string;
  let ran: Ran;
  beforeAll(async () => {
    folder = workspace('system-files');
    const rules = 'SUBSYSTEM=="tty", GROUP="dialout"\n';
    writeTiny(
      folder,
      {
        sensor: {
          cmake:
            'configure_file(sensor.service.in sensor.service @ONLY)\ninstall(FILES ${CMAKE_CURRENT_BINARY_DIR}/sensor.service DESTINATION share/sensor)',
          files: {
            'config/60-sensor.rules': rules,
            'config/sensor.yaml': 'rate: 10\n',
            'config/sense': 'complete -W "on off" sense\n',
            'sensor.service.in': '[Service]\nExecStart=@CMAKE_INSTALL_PREFIX@/env.sh sense\n',
          },
        },
        above: { manifest: '<depend>sensor</depend>' },
        declares: {
          manifest:
            '<export><system_file kind="tmpfiles" path="declares.conf"/><build_type>cmake</build_type></export>',
          files: { 'declares.conf': 'd /run/declares\n' },
        },
        ignored: {
          manifest: '<export><system_file kind="udev" path="80-ignored.rules"/><build_type>cmake</build_type></export>',
          files: { '80-ignored.rules': rules },
        },
        lacking: {},
        sneaky: { cmake: 'install(FILES package.xml DESTINATION /usr/lib/udev/rules.d RENAME 60-sneaky.rules)' },
      },
      settings,
    );
    // package.xml has only one <export>, and a tiny package already has its build type there.
    for (const name of ['declares', 'ignored']) {
      const file = join(folder, 'src', name, 'package.xml');
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.replace('<export><build_type>cmake</build_type></export></package>', '</package>'));
    }
    ran = await slipway(['build'], folder);
  });
  afterAll(() => discard(folder));
  const listed = (name: string) => {
    const deb = debs(folder).find((d) => d.includes(`/acme-tiny-${name}_`)) ?? '';
    return execFileSync('dpkg-deb', ['-c', deb], { encoding: 'utf8' })
      .split('\n')
      .flatMap(
        (l) =>
          /^(\S{10}) root\/root .* \.(\/(?:usr\/lib|usr\/share\/bash|etc)\S*[^/\s](?: -> \S+)?)$/.exec(l)?.slice(1) ??
          [],
      )
      .join(' ');
  };

  it('are in the package, at the place for their kind, and nothing else is', () => {
    expect(states(folder)).toEqual({
      sensor: 'built',
      above: 'built',
      declares: 'built',
      ignored: 'built',
      lacking: 'failed',
      sneaky: 'failed',
    });
    expect(listed('sensor')).toBe(
      '-rw-r--r-- /etc/acme/sensor.yaml' +
        ' -rw-r--r-- /usr/lib/systemd/system/sensor.service' +
        ' -rw-r--r-- /usr/lib/udev/rules.d/60-sensor.rules' +
        ' -rw-r--r-- /usr/share/bash-completion/completions/sense' +
        ' lrwxrwxrwx /usr/lib/systemd/system/multi-user.target.wants/sensor.service -> ../sensor.service',
    );
    expect(listed('declares')).toBe('-rw-r--r-- /usr/lib/tmpfiles.d/declares.conf');
    expect(listed('ignored')).toBe('');
  });

  it('are kept by dpkg as modified by an administrator, if they are configuration', () => {
    const deb = debs(folder).find((d) => d.includes('/acme-tiny-sensor_')) ?? '';
    expect(execFileSync('dpkg-deb', ['-I', deb, 'conffiles'], { encoding: 'utf8' })).toBe('/etc/acme/sensor.yaml\n');
  });

  it('are in the root of a shell, which has the same files as the build', async () => {
    const asked = 'cat /usr/lib/udev/rules.d/60-sensor.rules; pwd; id -u; printenv CMAKE_PREFIX_PATH; exit 3';
    const inside = await slipway(['shell', 'above', '--', 'sh', '-c', asked], folder);
    expect(inside.stdout).toBe('SUBSYSTEM=="tty", GROUP="dialout"\n/build/above\n2000\n/opt/acme/tiny:/usr\n');
    expect(inside.code, inside.stderr).toBe(3);
    const failed = await slipway(['shell', 'sneaky', '--failed', 'ls', '/build/obj/CMakeCache.txt'], folder);
    expect(failed.stdout).toContain('\n/build/obj/CMakeCache.txt\n');
    const odd = await slipway(['shell', 'nothing'], folder);
    expect(odd.code).toBe(1);
  });

  it('are reached from a terminal of its own', () => {
    const bundle = join(__dirname, '../../resources/slipway.cjs');
    const ran = spawnSync('script', ['-qec', `node ${bundle} shell above`, '/dev/null'], {
      cwd: folder,
      input: 'test -t 0 && tty\nexit 4\n',
      encoding: 'utf8',
    });
    expect(ran.stdout).toMatch(/^\/dev\/pts\/0\r?$/m);
    expect(ran.status).toBe(4);
  });

  it('fail the package if the source has none, or if distro.yaml does not name them', () => {
    const reason = (name: string) => resultOf(folder).find((r) => r.name === name)?.reason;
    expect(reason('lacking')).toBe(
      'its source has no file 70-nowhere.rules, which is to be /usr/lib/udev/rules.d/70-nowhere.rules',
    );
    expect(reason('sneaky')).toContain('/usr/lib/udev/rules.d/60-sneaky.rules is outside the prefix /opt/acme/tiny');
    expect(ran.code).toBe(1);
  });
});
