// Installs what the tests need, as root; other users are told what is missing. At the end it removes what the tests
// made outside of their own folders, unless SLIPWAY_KEEP_TEST_CACHE is set.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exclusively } from './mutex.mjs';

/** Folder of bases, downloads and Python environments shared by all tests of a machine. */
export const cache = '/var/tmp/slipway-tests';
/** The unprivileged user for some builds of tests. */
export const plainUser = { name: 'slipway-test', home: '/var/tmp/slipway-tests-user' };

/** Command → package that contains it. */
const tools = {
  mmdebstrap: 'mmdebstrap',
  gpg: 'gnupg',
  gpgv: 'gpgv',
  newuidmap: 'uidmap',
  git: 'git',
  curl: 'curl',
  ip: 'iproute2',
  xz: 'xz-utils',
  zstd: 'zstd',
  unzip: 'unzip',
  chromium: 'chromium',
  dockerd: 'docker.io',
  docker: 'docker-cli',
  make: 'make',
  cc: 'gcc',
  'c++': 'g++',
  nm: 'binutils',
  python3: 'python3',
  'dpkg-deb': 'dpkg',
  'dpkg-shlibdeps': 'dpkg-dev',
  'apt-ftparchive': 'apt-utils',
  javac: 'default-jdk-headless',
  mvn: 'maven',
  abidiff: 'abigail-tools',
  'dose-debcheck': 'dose-distcheck',
  lintian: 'lintian',
  zsh: 'zsh',
  sshd: 'openssh-server',
  rsync: 'rsync',
};
/** Commands for the suites in test/large, which name what they need. */
const largeTools = {
  'docker-registry': 'docker-registry',
  sfdisk: 'fdisk',
  mcopy: 'mtools',
  'mkfs.vfat': 'dosfstools',
  'qemu-img': 'qemu-utils',
  'qemu-system-x86_64': 'qemu-system-x86',
  bmaptool: 'bmap-tools',
  'docker-compose': 'docker-compose',
  packer: 'packer',
  strace: 'strace',
  lxd: 'lxd',
  mksquashfs: 'squashfs-tools',
};
/** Requirements that are not commands: a shell test that succeeds if the package is installed. */
const others = {
  'libc6-dev': 'test -e /usr/include/stdio.h',
  'python3-venv': 'python3 -c "import ensurepip, venv"',
  'ca-certificates': 'test -e /etc/ssl/certs/ca-certificates.crt',
};

const passes = (test) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin; ${test}`]).status === 0;

/** Installs missing tools, or only the named commands. */
export function installTools(commands) {
  const wanted = Object.entries(commands ? { ...tools, ...largeTools } : tools)
    .filter(([command]) => !commands || commands.includes(command))
    .map(([command, name]) => [name, `command -v ${command}`]);
  if (!commands) wanted.push(...Object.entries(others));
  const missing = [...new Set(wanted.filter(([, test]) => !passes(test)).map(([name]) => name))];
  if (!missing.length) return;
  if (process.getuid() !== 0)
    throw new Error(
      `the tests need ${missing.join(', ')}: sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    );
  console.log(`The tests need packages that this machine lacks: ${missing.join(', ')}.`);
  execFileSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] });
  // Before Debian 13 docker's client is part of docker.io.
  const names = missing.filter((name) => name !== 'docker-cli' || passes('apt-cache show docker-cli'));
  if (missing.includes('docker-cli') && !names.includes('docker-cli')) names.push('docker.io');
  const options = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends'];
  // Prevents daemons from starting, since tests run their own: invoke-rc.d starts nothing in runlevel 1.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const simulated = execFileSync('apt-get', ['install', '--simulate', ...options, ...names], { encoding: 'utf8', env });
  const count = simulated.split('\n').filter((line) => line.startsWith('Inst ')).length;
  console.log(`Installing them with apt-get: ${count} packages with their dependencies. They stay installed.`);
  execFileSync('apt-get', ['install', ...options, ...names], { stdio: ['ignore', 'ignore', 'inherit'], env });
}

const runs = join(cache, 'runs');
const keepFile = join(cache, 'keep');
const mutex = `${cache}.lock`;
const alive = (pid) => existsSync(`/proc/${pid}`);

/** Registers this run. A folder kept by an earlier run with SLIPWAY_KEEP_TEST_CACHE is kept by this run, too. */
function begin() {
  mkdirSync(runs, { recursive: true });
  writeFileSync(join(runs, String(process.pid)), '');
  if (process.env.SLIPWAY_KEEP_TEST_CACHE) writeFileSync(keepFile, 'remove this folder when you no longer want it\n');
  else if (!existsSync(keepFile))
    console.log(`The tests remove ${cache} at their end; SLIPWAY_KEEP_TEST_CACHE=1 keeps it for the next run.`);
}

/** The last run on this machine removes what the runs shared. */
function end() {
  rmSync(join(runs, String(process.pid)), { force: true });
  if (readdirSync(runs).some(alive)) return;
  const entry = spawnSync('getent', ['passwd', plainUser.name], { encoding: 'utf8' }).stdout;
  if (entry.split(':')[5] === plainUser.home)
    spawnSync('userdel', ['--remove', plainUser.name], { stdio: ['ignore', 'ignore', 'ignore'] });
  rmSync(plainUser.home, { recursive: true, force: true });
  if (existsSync(keepFile)) return;
  // Unmounts what an interrupted test left mounted there.
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((m) => m.startsWith(`${cache}/`)).reverse()) spawnSync('umount', ['--lazy', mount]);
  rmSync(cache, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

export default async function setup() {
  await exclusively(mutex, () => {
    installTools();
    begin();
  });
  return () => exclusively(mutex, end);
}
