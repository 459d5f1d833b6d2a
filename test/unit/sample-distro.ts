import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { committing } from './git-author.ts';

/** A distro repository and its packages' repositories, in a folder of the test file. */

export const folder = mkdtempSync(join(tmpdir(), 'slipway-sample-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

export const bundle = join(__dirname, '../../resources/slipway.cjs');

export const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};

export const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: join(folder, cwd), env: committing, encoding: 'utf8' }).trim();

export const manifest = (name: string, body: string, version = '1.0.0'): string => `<package format="3">
<name>${name}</name><version>${version}</version><description>d</description><maintainer email="ann@acme.org">Ann</maintainer><license>${name === 'base' ? 'MIT' : 'BSD'}</license>
${body}<export><build_type>cmake</build_type></export>
</package>
`;

function repository(name: string, packages: Record<string, string>): void {
  for (const [p, text] of Object.entries(packages)) write(`${name}/${p}/package.xml`, text);
  git(name, 'init', '-q', '-b', 'main');
  git(name, 'add', '-A');
  git(name, 'commit', '-qm', 'one');
}

export const slipway = (...args: string[]) =>
  spawnSync('node', [bundle, ...args], { cwd: join(folder, 'distro'), encoding: 'utf8' });

const distributionFile = (extra = ''): string => `repositories:
  core:
    release: {url: ../core-release, version: 0.9.0-1, packages: [base, lib], tags: {release: "release/{package}/{version}"}}
    source: {type: git, url: ../core, version: main}
  apps:
    source: {type: git, url: ../apps, version: main}
${extra}type: distribution
version: 2
`;

beforeAll(() => {
  repository('core', {
    base: manifest('base', ''),
    lib: manifest(
      'lib',
      '<depend>base</depend>\n<depend>zlib</depend>\n<depend condition="$ROS_VERSION == 1">roscpp</depend>\n',
    ),
  });
  repository('apps', {
    app: manifest('app', '<depend>lib</depend>\n<test_depend>check</test_depend>\n'),
    check: manifest('check', '<exec_depend>app</exec_depend>\n'),
  });
  write(
    'distro/rosdistro/index-v4.yaml',
    'distributions:\n  d: {distribution: [d.yaml], distribution_type: ros2, python_version: 3}\ntype: index\nversion: 4\n',
  );
  write('distro/rosdistro/d.yaml', distributionFile());
  write(
    'distro/distro.yaml',
    'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {d: {platforms: [bookworm]}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
  );
  write('distro/rosdep.yaml', 'zlib: {debian: [zlib1g-dev]}\n');
  write('distro/.gitignore', '.slipway\n');
  git('distro', 'init', '-q', '-b', 'main');
  git('distro', 'add', '-A');
  git('distro', 'commit', '-qm', 'one');
});
