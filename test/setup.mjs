// Installs what the tests need, once, as the root that CI is. Elsewhere it says in one line what is missing.
import { execFileSync, spawnSync } from 'node:child_process';

const tools = {
  mmdebstrap: 'mmdebstrap',
  aptly: 'aptly',
  gpg: 'gnupg',
  newuidmap: 'uidmap',
  git: 'git',
  ip: 'iproute2',
  xz: 'xz-utils',
  unzip: 'unzip',
  chromium: 'chromium',
  dockerd: 'docker.io',
  make: 'make',
  'dpkg-deb': 'dpkg',
  'apt-ftparchive': 'apt-utils',
  javac: 'default-jdk-headless',
  mvn: 'maven',
  abidiff: 'abigail-tools',
};

export default function setup() {
  const missing = Object.entries(tools)
    .filter(([t]) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${t}`]).status !== 0)
    .map(([, p]) => p);
  if (!missing.length) return;
  if (process.getuid() !== 0)
    throw new Error(
      `the tests need ${missing.join(', ')}: sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    );
  console.log(`installing ${missing.join(', ')} with apt-get`);
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  execFileSync(
    'apt-get',
    ['install', '-y', '-q', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends', ...missing],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } },
  );
}
