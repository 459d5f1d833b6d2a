import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cache, debs, discard, example, execute, mountsUnder, resultOf, slipway, states } from './helpers.ts';
import { plainUser } from '../setup.mjs';
import { at } from '../../ts-src/model/lists.ts';

const mini = [
  'acme_drive',
  'acme_math',
  'acme_msgs',
  'acme_teleop',
  'ament_cmake_core',
  'ament_package',
  'ros_workspace',
  'rosidl_default_generators',
];

it('a live view on a terminal: what runs, how far, how long', async () => {
  const folder = example('live');
  try {
    const ran = await execute('script', ['-qfec', `node ${bundle} build --distribution mini`, '/dev/null'], {
      cwd: folder,
      env: { TERM: 'xterm', COLUMNS: '100' },
    });
    expect(ran.code, ran.stdout).toBe(0);
    expect(ran.stdout).toMatch(/\[#+\.+\] \d\/8 done, 1 running, \d+ s, about \d+ (s|min)/);
    expect(ran.stdout).toMatch(/\x1b\[\d+A\x1b\[J/);
    expect(ran.stdout).toMatch(/building mini\/bookworm-amd64\/[a-z_]+ {2}\d+ s/);
    expect(ran.stdout).toContain('8 packages in');
  } finally {
    await discard(folder);
  }
});

describe('as an unprivileged user', () => {
  // The test command removes the user at the end.
  const { name: user, home } = plainUser;
  const as = (...command: string[]) =>
    execute('setpriv', ['--reuid', user, '--regid', user, '--init-groups', 'env', `HOME=${home}`, ...command], {
      cwd: home,
    });
  beforeAll(() => {
    if (spawnSync('id', [user]).status !== 0) execFileSync('useradd', ['--create-home', '--home-dir', home, user]);
    if (!readFileSync('/etc/subuid', 'utf8').includes(`${user}:`))
      execFileSync('usermod', ['--add-subuids', '300000-365535', '--add-subgids', '300000-365535', user]);
    mkdirSync(home, { recursive: true });
    execFileSync('chown', [`${user}:`, home]);
  });
  afterAll(async () => {
    const cleaned = await as('sh', '-c', 'cd robot && exec node ../slipway.cjs clean --all');
    expect([cleaned.code, existsSync(join(home, 'robot/.slipway'))], cleaned.stderr).toEqual([0, false]);
    await discard(join(home, 'robot'));
  });

  it('builds in user namespaces, with subordinate ids and no privileges', async () => {
    const from = example('plain');
    const folder = join(home, 'robot');
    rmSync(folder, { recursive: true, force: true });
    rmSync(join(from, '.slipway'), { recursive: true });
    cpSync(from, folder, { recursive: true });
    await discard(from);
    copyFileSync(bundle, join(home, 'slipway.cjs'));
    execFileSync('chown', ['-R', `${user}:`, folder]);
    const build = (...more: string[]) =>
      as(
        'sh',
        '-c',
        'cd "$1" && shift && exec node ../slipway.cjs build --distribution mini "$@"',
        'sh',
        folder,
        ...more,
      );
    const ran = await build();
    expect(ran.code, ran.stderr).toBe(0);
    expect(Object.keys(states(folder)).sort()).toEqual(mini);
    // Eight packages, debug symbols of two, and the prefix's setup.sh.
    expect(debs(folder).length).toBe(11);
    execFileSync(
      'setpriv',
      [
        '--reuid',
        user,
        '--regid',
        user,
        '--init-groups',
        'sh',
        '-c',
        'echo "// more" >> src/robot/acme_math/src/angle.cpp; HOME=$PWD ./repositories.sh',
      ],
      { cwd: folder },
    );
    const again = await build();
    expect(again.code, again.stderr).toBe(0);
    expect(states(folder)).toMatchObject({ acme_math: 'built', acme_drive: 'cached', acme_teleop: 'cached' });
  });
});

/** Bytes of the logs that a docker daemon keeps of its containers. */
const logsIn = (containers: string): number =>
  readdirSync(containers)
    .map((id) => statSync(join(containers, id, `${id}-json.log`), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);

describe('with docker', () => {
  let daemon: ChildProcess;
  const data = join(cache, 'docker');
  const socket = join(cache, 'docker.sock');
  const env = { DOCKER_HOST: `unix://${socket}` };
  beforeAll(async () => {
    mkdirSync(data, { recursive: true });
    // Copies of whole images are slow, so they are only used for file systems that can't hold an overlay.
    const storage = execFileSync('stat', ['--file-system', '--format=%T', cache], { encoding: 'utf8' }).startsWith(
      'overlay',
    )
      ? 'vfs'
      : 'overlay2';
    daemon = spawn(
      'dockerd',
      [
        '--storage-driver',
        storage,
        '--iptables=false',
        '--bridge=none',
        '--data-root',
        data,
        '--exec-root',
        join(cache, 'docker-run'),
        '--pidfile',
        join(cache, 'docker.pid'),
        '-H',
        env.DOCKER_HOST,
      ],
      { stdio: 'ignore' },
    );
    for (let i = 0; i < 120 && (await execute('docker', ['info'], { env })).code !== 0; i++) await sleep(500);
  });
  afterAll(async () => {
    // The daemon unmounts its folder when it ends, which takes long on a busy machine.
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await Promise.race([ended, sleep(120_000).then(() => daemon.kill('SIGKILL'))]);
    for (const mount of mountsUnder(data)) spawnSync('umount', ['--lazy', at(mount.split(' '), 1)]);
    await discard(data);
  });

  const docker = (...args: string[]): string =>
    execFileSync('docker', args, { env: { ...process.env, ...env }, encoding: 'utf8' }).trim();

  it('builds the same bytes as without it, and leaves no containers, neither its own nor those of a dead run', async () => {
    const folder = example('docker');
    try {
      const first = await slipway(['build', 'ament_cmake_core', '--distribution', 'mini'], folder);
      expect(first.code, first.stderr).toBe(0);
      const bytes = () =>
        Object.fromEntries(resultOf(folder).flatMap((r) => (r.debs ?? []).map((d) => [d.name, d.sha256])));
      const plain = bytes();
      copyFileSync(join(folder, 'out/lock.yaml'), join(folder, 'lock.yaml'));
      appendFileSync(join(folder, 'distro.yaml'), 'store: file:.slipway/store-docker\n');
      const ran = await slipway(
        ['build', 'ament_cmake_core', '--distribution', 'mini', '--driver', 'docker', '--lock', 'lock.yaml'],
        folder,
        { env },
      );
      expect(ran.code, ran.stderr).toBe(0);
      expect(bytes()).toEqual(plain);
      // One container of a run that died on this machine, and one of a running run on another machine that shares the
      // daemon.
      const leave = (run: string) =>
        docker('create', '--label', `slipway.run=${run}`, docker('images', '--quiet', 'slipway-base'), 'true');
      const dead = '999999-0011223344556677';
      mkdirSync(join(folder, '.slipway/work', dead));
      leave(dead);
      const living = leave('999998-0011223344556677');
      const cores = 'prlimit --core=0 --pid $$; prlimit --core --noheadings --raw --output SOFT,HARD';
      const asked = ['sh', '-c', `pwd; id -u; ${cores}; printenv CMAKE_PREFIX_PATH; exit 3`];
      const shell = await slipway(
        ['shell', 'ament_cmake_core', '--distribution', 'mini', '--driver', 'docker', '--', ...asked],
        folder,
        { env },
      );
      expect(shell.stdout).toMatch(/^\/build\/ament_cmake_core\r?\n2000\r?\n1 1\r?\n\/opt\/acme\/mini:/);
      expect(shell.code, shell.stderr).toBe(3);
      expect(docker('ps', '--all', '--quiet', '--no-trunc')).toBe(living);
      docker('rm', living);
      const noise = ['sh', '-c', 'yes | head -c 1M; sleep 2'];
      let kept = 0;
      const timer = setInterval(() => (kept = Math.max(kept, logsIn(join(data, 'containers')))), 100);
      const noisy = await slipway(
        ['shell', 'ament_cmake_core', '--distribution', 'mini', '--driver', 'docker', '--', ...noise],
        folder,
        { env },
      );
      clearInterval(timer);
      expect([noisy.code, noisy.stdout.length], noisy.stderr).toEqual([0, 1 << 20]);
      expect(kept, "bytes in the daemon's own logs").toBe(0);
    } finally {
      await discard(folder);
    }
  });
});
