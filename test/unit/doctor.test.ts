import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import {
  dockerPackages,
  examine,
  keyringFix,
  missingImageTools,
  namespaceFindings,
  roomFindings,
} from '../../ts-src/sandbox/doctor.ts';
import { countsProcesses } from '../../ts-src/sandbox/limits.ts';
import { idProblem } from '../../ts-src/sandbox/subordinate-ids.ts';

const robot = { name: 'robot', id: 1000 };
const users = 'root:x:0:0::/root:/bin/sh\nrobot:x:1000:1000::/home/robot:/bin/sh\nbig:x:200500:200500::/:/bin/sh\n';
const problem = (text: string) => idProblem('/etc/subuid', text, robot, users);

it('doctor finds subordinate ids that are missing, too few, or shared with another user', () => {
  expect(problem('robot:100000:65536\nother:165536:65536\n')).toBeUndefined();
  expect(problem('1000:100000:65536\n')).toBeUndefined();
  expect(problem('')?.what).toBe('robot has no 65536 subordinate ids in /etc/subuid');
  expect(problem('robot:100000:1000\n')?.what).toContain('has no 65536');
  expect(problem('robot:100000:65536\nother:165535:65536\n')).toEqual({
    what: 'robot and other have the same subordinate ids in /etc/subuid',
    free: 231_071,
  });
  expect(problem('robot:200000:65536\n')?.what).toBe('the subordinate ids of robot in /etc/subuid hold the user big');
  expect(problem('not a line\nrobot:x:y\n')?.free).toBe(100_000);
});

it('doctor knows the releases in which the docker client is a separate package', () => {
  expect(dockerPackages((name) => name === 'docker-cli')).toEqual(['docker.io', 'docker-cli']);
  expect(dockerPackages(() => false)).toEqual(['docker.io']);
});

it('checks that run at the same time, as of two agents on one machine, do not disturb each other', async () => {
  const found = await Promise.all(Array.from({ length: 8 }, () => examine('unshare', [])));
  expect(found).toEqual(Array.from({ length: 8 }, () => []));
});

it('doctor suggests only packages that the archive has', async () => {
  const ring = { file: '/usr/share/keyrings/x.gpg', package: 'ubuntu-keyring' };
  const by = (...known: string[]) => keyringFix(ring, () => Promise.resolve(new Set(known)));
  expect(await by('mmdebstrap', 'ubuntu-keyring')).toEqual({ package: 'ubuntu-keyring' });
  expect((await by('mmdebstrap')).fix).toContain('copy /usr/share/keyrings/x.gpg from a machine');
  // apt has no lists.
  expect(await by()).toEqual({ package: 'ubuntu-keyring' });
});

it('processes are counted by namespace since Linux 6.14', () => {
  expect(['6.1.0-18-amd64', '6.13.2', '6.14.0', '7.0.1', '5.15.0'].map((k) => countsProcesses(k))).toEqual([
    false,
    false,
    true,
    true,
    false,
  ]);
});

it('doctor names what prevents unprivileged users from creating namespaces, and the profile for it', async () => {
  const settings: Record<string, string> = { apparmor_restrict_unprivileged_userns: '1\n' };
  const found = (refused: string | undefined) =>
    namespaceFindings(
      (name) => settings[name],
      () => Promise.resolve(refused),
    );
  const [finding, ...more] = await found('write failed /proc/self/uid_map: Operation not permitted');
  expect(more).toEqual([]);
  expect(finding?.what).toContain('AppArmor');
  const printed = finding?.fix?.split(' | ')[0] ?? 'false';
  const profile = execFileSync('sh', ['-c', printed], { encoding: 'utf8' });
  expect(profile).toMatch(
    /^abi <abi\/4\.0>,\n(?:.*\n)*profile \S+ \/usr\/bin\/unshare flags=\(unconfined\) \{\n(?:.*\n)*.*userns,\n/,
  );
  // An existing profile allows it.
  expect(await found(undefined)).toEqual([]);
  settings.apparmor_restrict_unprivileged_userns = '0\n';
  settings.unprivileged_userns_clone = '0\n';
  expect((await found('no')).map((f) => f.what)).toEqual(['plain users may not make user namespaces']);
});

it('doctor reports a lack of disk space', () => {
  expect(roomFindings('/state', 20 * 2 ** 30)).toEqual([]);
  expect(roomFindings('/state', 2 ** 30)[0]?.what).toMatch(/^\/state has 1 GiB of room;/);
});

it('an image is not begun without the tools of its kinds', async () => {
  const path = process.env.PATH;
  process.env.PATH = '';
  try {
    const [missing, ...more] = await missingImageTools(['disk', 'lxd']);
    expect(more).toEqual([]);
    expect(missing?.message).toMatch(/^this machine lacks .*\bmtools, .*\bqemu-utils, squashfs-tools, .*\bzstd$/);
    expect(missing?.hint).toMatch(/^(?:sudo )?apt-get install -y .*\bmtools /);
    expect((await missingImageTools(['docker']))[0]?.message).not.toContain('mtools');
  } finally {
    process.env.PATH = path;
  }
});
