// colcon for comparison: a plan's packages in one workspace, in a root over the base that Slipway builds in.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noeticSettings } from '../e2e/upstream.mjs';
import { timed } from './common.mjs';

export const cache = '/var/tmp/slipway-bench';

/**
 * A temporary chroot over the same base, on the disk on which Slipway builds; `inside(script)` returns the script's
 * output.
 */
export function withRoot(folder, work) {
  const base = JSON.parse(readFileSync(join(folder, '.slipway/bases/bookworm-amd64/current.json'), 'utf8'));
  const at = join(cache, 'root');
  clear(at);
  for (const d of ['u', 'w', 'm']) mkdirSync(join(at, d), { recursive: true });
  execFileSync('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base.root},upperdir=${at}/u,workdir=${at}/w`,
    `${at}/m`,
  ]);
  try {
    execFileSync('mount', ['--bind', '/dev', `${at}/m/dev`]);
    execFileSync('mount', ['-t', 'proc', 'proc', `${at}/m/proc`]);
    return work(`${at}/m`, base, (script) =>
      timed('chroot', [`${at}/m`, 'sh', '-ec', script], {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/root' },
      }),
    );
  } finally {
    clear(at);
  }
}

/** Removes a root, also one of a killed run. It must not remove what is mounted there: /dev, apt's archives. */
function clear(at) {
  const mounted = () => readFileSync('/proc/mounts', 'utf8').includes(` ${at}/`);
  while (mounted()) execFileSync('umount', ['-R', '-l', join(at, 'm')]);
  rmSync(at, { recursive: true, force: true });
}

/** Installs colcon into its own folder, from PyPI. */
export function installColcon() {
  const tool = join(cache, 'colcon');
  if (!existsSync(join(tool, 'bin/colcon')))
    execFileSync(
      'python3',
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--target',
        tool,
        'colcon-core',
        'colcon-ros',
        'colcon-cmake',
        'colcon-output',
        'colcon-parallel-executor',
        'colcon-recursive-crawl',
        'colcon-package-selection',
        'colcon-metadata',
        'setuptools<80',
      ],
      { stdio: 'inherit' },
    );
  // The message generators and colcon must use the system's EmPy: a newer one would break genmsg.
  for (const f of readdirSync(tool))
    if (/^(em|emlib|emhelp|emdoc)\.py$|^empy/.test(f)) rmSync(join(tool, f), { recursive: true });
  return tool;
}

/**
 * A root with a plan's system packages, and its packages in the workspace /src. `work` gets the root, `build`, which
 * returns the seconds of one `colcon build` of all packages, and the seconds that apt-get took for the system packages.
 */
export function withWorkspace(folder, plan, tool, work) {
  const system = [...new Set(plan.packages.flatMap((p) => [...p.systemBuild, ...p.systemRun]))];
  return withRoot(folder, (at, base, inside) => {
    for (const [from, to] of [
      [base.lists, 'var/lib/apt/lists'],
      [join(folder, '.slipway/archives', base.archive.slice(0, 16)), 'var/cache/apt/archives'],
    ])
      execFileSync('mount', ['--bind', from, join(at, to)]);
    writeFileSync(join(at, 'etc/resolv.conf'), readFileSync('/etc/resolv.conf'));
    const installed = inside(
      `DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o APT::Sandbox::User=root ${system.join(' ')} >/dev/null 2>&1`,
    );
    cpSync(tool, join(at, 'colcon'), { recursive: true });
    for (const p of plan.packages) bringSource(folder, p, join(at, 'src', p.name));
    writeFileSync(
      join(at, 'colcon.meta'),
      JSON.stringify({ names: { rosconsole: { 'cmake-args': noeticSettings.rosconsole.cmake_args } } }),
    );
    const build = () =>
      inside(
        'cd /; eval "$(dpkg-buildflags --export=sh)"; export PYTHONPATH=/colcon MAKEFLAGS=-j2 CMAKE_PREFIX_PATH=/usr; python3 /colcon/bin/colcon build --merge-install --install-base /opt/acme/noetic --base-paths /src --parallel-workers 2 --metas /colcon.meta --cmake-args -DCMAKE_BUILD_TYPE=None -DBUILD_TESTING=OFF -DCATKIN_ENABLE_TESTING=OFF -DPYTHON_EXECUTABLE=/usr/bin/python3 >/build.log 2>&1 || { tail -50 /build.log; exit 1; }',
      ).seconds;
    return work(at, build, installed.seconds);
  });
}

/** A package's source at the plan's commit, with Slipway's patches. */
function bringSource(folder, p, target) {
  mkdirSync(target, { recursive: true });
  // From an archive, or from a repository: its path is in the commit's tree.
  const { url, commit, tree, path } = p.source;
  const repository = /^file:.*\.tar\./.test(url) || !url.startsWith('file:') ? undefined : fileURLToPath(url);
  const [gitDir, treeish] = repository
    ? [join(repository, '.git'), `${commit}:${path}`]
    : [join(folder, '.slipway/git/archives.git'), tree];
  execFileSync('sh', ['-c', 'git --git-dir "$1" archive "$2" | tar -x -C "$3"', 'sh', gitDir, treeish, target]);
  for (const patch of noeticSettings[p.name]?.patches ?? [])
    execFileSync('git', ['apply', '-p1', join(folder, patch)], {
      cwd: target,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: join(target, '..') },
    });
}
