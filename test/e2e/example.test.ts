import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  debs,
  discard,
  example,
  installAndRun,
  lintian,
  mountsUnder,
  processesIn,
  resultOf,
  slipway,
  sources,
  states,
  type Ran,
} from './helpers.ts';
import { resultsIn } from '../results.ts';

const all = [
  'acme_drive',
  'acme_math',
  'acme_msgs',
  'acme_teleop',
  'ament_cmake_core',
  'ament_package',
  'classic_math',
  'classic_tool',
  'ros_workspace',
  'rosidl_default_generators',
];

const field = (deb: string, name: string): string =>
  execFileSync('dpkg-deb', ['-f', deb, name], { encoding: 'utf8' }).trim();

describe('the example, from its repositories to packages that run', () => {
  let folder: string;
  let first: Ran;
  beforeAll(async () => {
    folder = example('example');
    first = await slipway(['build'], folder);
  });
  afterAll(() => discard(folder));
  const deb = (name: string) => debs(folder).find((d) => new RegExp(`/${name}_`).test(d))!;

  it('builds every package', async () => {
    expect(first.stderr).toContain('10 packages in');
    expect(first.code, first.stderr).toBe(0);
    expect(Object.keys(states(folder)).sort()).toEqual(all);
    expect(new Set(Object.values(states(folder)))).toEqual(new Set(['built']));
  });

  it('prints sources with which apt installs into a fresh root, and what is installed runs', async () => {
    // As README says, in each shell: libraries, programs, console scripts, of both distributions.
    const programs = [
      'drive 4',
      '/opt/acme/mini/lib/acme_teleop/teleop 0.25',
      'ament-hook',
      '/opt/acme/mini/lib/rosidl_default_generators/generate.py p /tmp/generated',
      '. /opt/acme/classic/setup.SHELL',
      '/opt/acme/classic/lib/classic_tool/gear 8',
    ].join('; ');
    const script = ['sh', 'bash', 'zsh']
      .map((shell) => `${shell} -ec '. /opt/acme/mini/setup.${shell}; ${programs.replace('SHELL', shell)}'\n`)
      .join('');
    const ran = await installAndRun(
      'bookworm',
      first.stdout,
      [
        'acme-mini-acme-drive',
        'acme-mini-acme-teleop',
        'acme-mini-ament-package',
        'acme-mini-rosidl-default-generators',
        'acme-classic-classic-tool',
        'zsh',
      ],
      script,
    );
    expect(ran.stdout).toBe(
      '<twist frame="base" angular="-2.2831853071795862"/>\nangular: 0.0\nframe: base\nlinear: 0.25\n# example in /opt\n2\n'.repeat(
        3,
      ),
    );
    expect(ran.code, ran.stderr).toBe(0);
  });

  it('makes proper Debian packages', async () => {
    const math = deb('acme-mini-acme-math');
    expect(field(math, 'Depends')).toMatch(/^(?=.*\bacme-mini-ros-workspace\b)(?=.*\blibc6 \(>= [\d.]+\))/);
    expect(field(math, 'Version')).toMatch(/^1\.2\.0-0bookworm\.\d{8}\.\d{6}$/);
    expect(field(math, 'Maintainer')).toBe('Acme Robots <robots@example.org>');
    // The consumer links the library and says so, though only package.xml names it: its soname has no version.
    expect(field(deb('acme-mini-acme-drive'), 'Depends')).toMatch(
      /acme-mini-acme-math.*acme-mini-acme-msgs|acme-mini-acme-msgs.*acme-mini-acme-math/,
    );
    expect(field(deb('acme-mini-acme-drive'), 'Depends')).toMatch(/libtinyxml2-9/);
    for (const d of debs(folder)) {
      const paths = execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -t', 'sh', d], { encoding: 'utf8' })
        .split('\n')
        .filter((p) => p && !p.endsWith('/'));
      expect(
        paths.filter((p) => !/^\.\/(opt\/acme\/(mini|classic)|usr\/share\/doc|usr\/lib\/debug)\//.test(p)),
        d,
      ).toEqual([]);
      const control = execFileSync('sh', ['-c', 'dpkg-deb --ctrl-tarfile "$1" | tar -t', 'sh', d], {
        encoding: 'utf8',
      });
      expect(control, d).toContain('md5sums');
    }
    const list = execFileSync('dpkg-deb', ['-c', math], { encoding: 'utf8' });
    expect(list).toMatch(/usr\/share\/doc\/acme-mini-acme-math\/copyright/);
    expect(list).toMatch(/usr\/share\/doc\/acme-mini-acme-math\/changelog\.Debian\.gz/);
    // A Python package without setup.cfg: its program, its data and its modules where ament looks for them.
    const python = execFileSync('dpkg-deb', ['-c', deb('acme-mini-ament-package')], { encoding: 'utf8' });
    for (const path of [
      'bin/ament-hook',
      'share/ament_index/resource_index/packages/ament_package',
      'lib/python3.11/site-packages/ament_package/__init__.py',
    ])
      expect(python).toContain(`./opt/acme/mini/${path}\n`);
    expect(execFileSync('dpkg-deb', ['-c', deb('acme-mini-acme-teleop')], { encoding: 'utf8' })).toContain(
      './opt/acme/mini/lib/acme_teleop/teleop\n',
    );
    expect(field(deb('acme-mini-acme-math-dbgsym'), 'Auto-Built-Package')).toBe('debug-symbols');
  });

  it('makes packages that lintian has no fault of, but where they lie and how upstream links', () => {
    const upstream = ['dir-or-file-in-opt', 'library-not-linked-against-libc', 'shared-library-lacks-prerequisites'];
    const suppressed = [...upstream, 'package-has-long-file-name'].join(',');
    const ran = lintian(['--allow-root', '--no-cfg', '--suppress-tags', suppressed, ...debs(folder)]);
    expect(ran.stdout).toBe('');
    expect(ran.status, ran.stderr).toBe(0);
  });

  it('builds nothing without changes', async () => {
    const again = await slipway(['build'], folder);
    expect(again.code, again.stderr).toBe(0);
    expect(new Set(Object.values(states(folder)))).toEqual(new Set(['cached']));
    expect(again.stdout).toBe(first.stdout);
  });

  it("builds from folders on this disk, which are the same sources, and from a changed checkout in a repository's place", async () => {
    writeFileSync(
      join(folder, 'folders.yaml'),
      `organization: acme\ndistributions: {mini: {platforms: [bookworm], folders: [src/bootstrap, src/messages, src/robot], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n`,
    );
    const fromFolders = await slipway(['build', '--distro', 'folders.yaml', '--output', 'out-folders'], folder);
    expect(fromFolders.code, fromFolders.stderr).toBe(0);
    const statesOf = (output: string) =>
      Object.fromEntries(resultsIn(join(folder, output, 'result.json')).map((r) => [r.name, r.state]));
    expect(new Set(Object.values(statesOf('out-folders')))).toEqual(new Set(['cached']));
    execFileSync('cp', ['-r', join(folder, 'repositories/robot'), join(folder, 'checkout')]);
    appendFileSync(join(folder, 'checkout/acme_teleop/package.xml'), '<!-- not committed -->\n');
    const overridden = await slipway(
      ['build', '--override', 'robot=checkout', '--output', 'out-override', '--distribution', 'mini'],
      folder,
    );
    expect(overridden.code, overridden.stderr).toBe(0);
    expect(
      Object.entries(statesOf('out-override'))
        .filter(([, state]) => state === 'built')
        .map(([name]) => name),
    ).toEqual(['acme_teleop']);
  });

  it('shows everything in a report that works from a file', async () => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    try {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on('pageerror', (e) => faults.push(e.message));
      page.on('console', (m) => m.type() === 'error' && faults.push(m.text()));
      await page.goto(`file://${join(folder, 'out/report.html')}`);
      const shown = () => page.locator('#packages tbody tr:visible b').allTextContents();
      expect((await shown()).sort()).toEqual(all);
      expect((await page.locator('#counts').textContent())?.trim()).toBe('10 cached');
      await page.fill('#find', 'classic');
      expect(await shown()).toEqual(['classic_math', 'classic_tool']);
      await page.goto(`file://${join(folder, 'out/graph-mini_bookworm-amd64.svg')}`);
      expect(await page.locator('g').count()).toBe(8);
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it('rebuilds what a change affects, with a higher version', async () => {
    const before = Object.fromEntries(resultOf(folder).map((r) => [r.name, r.version!]));
    const built = async () => {
      sources(folder);
      const ran = await slipway(['build'], folder);
      expect(ran.code, ran.stderr).toBe(0);
      const now = states(folder);
      return Object.keys(now)
        .filter((n) => now[n] === 'built')
        .sort();
    };
    // A change inside a library reaches nobody else; one of what it shows reaches who builds on it.
    appendFileSync(join(folder, 'src/robot/acme_math/src/angle.cpp'), '// a change\n');
    expect(await built()).toEqual(['acme_math']);
    const header = join(folder, 'src/robot/acme_math/include/acme_math/angle.hpp');
    appendFileSync(header, '// a comment\n');
    expect(await built()).toEqual(['acme_math']);
    appendFileSync(header, 'inline int shown() { return 0; }\n');
    expect(await built()).toEqual(['acme_drive', 'acme_math']);
    const after = resultOf(folder).find((r) => r.name === 'acme_math')!.version!;
    expect(spawnSync('dpkg', ['--compare-versions', after, 'gt', before.acme_math!]).status).toBe(0);
  });

  it('never publishes a lower version: content of before is packed anew, an epoch where upstream goes down', async () => {
    const versions = () => Object.fromEntries(resultOf(folder).map((r) => [r.name, r.version!]));
    const second = versions().acme_math!;
    const file = join(folder, 'src/robot/acme_math/src/angle.cpp');
    writeFileSync(file, readFileSync(file, 'utf8').replace('// a change\n', ''));
    sources(folder);
    expect((await slipway(['build'], folder)).code).toBe(0);
    const third = versions().acme_math!;
    expect(spawnSync('dpkg', ['--compare-versions', third, 'gt', second]).status).toBe(0);
    const manifest = join(folder, 'src/robot/acme_math/package.xml');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('<version>1.2.0<', '<version>1.1.0<'));
    sources(folder);
    expect((await slipway(['build', 'acme_math'], folder)).code).toBe(0);
    expect(versions().acme_math).toMatch(/^1:1\.1\.0-0bookworm\./);
    expect(debs(folder).some((d) => d.includes('acme-mini-acme-teleop'))).toBe(true);
  });

  it('reports why a package failed, stops only its dependents, and keeps the rest', async () => {
    const manifest = join(folder, 'src/robot/acme_drive/package.xml');
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, text.replace('  <depend>tinyxml2</depend>\n', ''));
    sources(folder);
    const ran = await slipway(['build', '--distribution', 'mini'], folder);
    expect(ran.code).toBe(1);
    expect(states(folder)).toMatchObject({ acme_drive: 'failed', acme_math: 'cached', acme_teleop: 'cached' });
    expect(ran.stderr).toContain(
      'FAILED mini/bookworm-amd64/acme_drive: the header tinyxml2.h was not found\n    the package that has it must be a <build_depend> or <depend> in package.xml',
    );
    expect(ran.stderr).toMatch(/\| .*fatal error: tinyxml2\.h: No such file or directory/);
    expect(readFileSync(join(folder, 'out/logs/mini/bookworm-amd64/acme_drive.log'), 'utf8')).toContain('tinyxml2.h');
    writeFileSync(manifest, text);
    sources(folder);
    expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
  });

  it('names the package that tried to reach the network', async () => {
    const cmake = join(folder, 'src/robot/acme_math/CMakeLists.txt');
    const text = readFileSync(cmake, 'utf8');
    writeFileSync(
      cmake,
      `${text}execute_process(COMMAND git clone https://example.org/vendor.git RESULT_VARIABLE r)\nif(r)\nmessage(FATAL_ERROR "no vendor")\nendif()\n`,
    );
    writeFileSync(
      join(folder, 'distro.yaml'),
      `${readFileSync(join(folder, 'distro.yaml'), 'utf8')}package_settings:\n  acme_math: {build_depends: [git]}\n`,
    );
    sources(folder);
    const ran = await slipway(['build', 'acme_math'], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      'it tried to fetch https://example.org/vendor.git while building, and builds have no network',
    );
    expect(ran.stderr).toContain('let the platform provide it (package_settings');
    writeFileSync(cmake, text);
    sources(folder);
  });

  it('reports two packages that ship one file before apt would fail', async () => {
    const cmake = join(folder, 'src/robot/acme_drive/CMakeLists.txt');
    const text = readFileSync(cmake, 'utf8');
    writeFileSync(cmake, `${text}install(FILES package.xml DESTINATION share/acme_math)\n`);
    sources(folder);
    const ran = await slipway(['build', '--distribution', 'mini'], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      "acme_drive: it ships /opt/acme/mini/share/acme_math/package.xml, which 'acme_math' ships too",
    );
    writeFileSync(cmake, text);
    sources(folder);
  });

  it('builds only what --only names, using the store', async () => {
    appendFileSync(join(folder, 'src/robot/acme_drive/src/drive.cpp'), '// more\n');
    sources(folder);
    const ran = await slipway(['build', 'acme_drive', '--only', '--distribution', 'mini'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states(folder)).toMatchObject({ acme_drive: 'built', acme_math: 'cached' });
    appendFileSync(join(folder, 'src/robot/acme_math/src/angle.cpp'), '// more\n');
    sources(folder);
    const lacking = await slipway(['build', 'acme_drive', '--only', '--distribution', 'mini'], folder);
    expect(lacking.code).toBe(1);
    expect(lacking.stderr).toContain('acme_math: it was not built before: leave out --only, or build it first');
  });

  it('leaves nothing behind', async () => {
    expect(mountsUnder(folder)).toEqual([]);
    expect(processesIn(folder)).toEqual([]);
    expect(readdirSync(join(folder, '.slipway/work')).filter((f) => !f.endsWith('.lock'))).toEqual([]);
  });
});

it('gives the same bytes from the same lockfile and an empty store', async () => {
  const [a, b] = [example('lock-a'), example('lock-b')];
  try {
    expect((await slipway(['build'], a)).code).toBe(0);
    // The other place has the same repositories: a lock names their commits.
    rmSync(join(b, 'repositories'), { recursive: true });
    execFileSync('cp', ['-a', join(a, 'repositories'), b]);
    const ran = await slipway(['build', '--lock', join(a, 'out/lock.yaml'), '-w', '1', '-j', '1'], b);
    expect(ran.code, ran.stderr).toBe(0);
    const bytes = (folder: string) =>
      Object.fromEntries(resultOf(folder).flatMap((r) => r.debs!.map((d) => [d.name, d.sha256])));
    expect(bytes(b)).toEqual(bytes(a));
  } finally {
    await discard(a);
    await discard(b);
  }
});

it('init makes a distro repository that builds as it is', async () => {
  const folder = example('init');
  try {
    const made = join(folder, 'made');
    expect((await slipway(['init', made, '--organization', 'acme'], folder)).code).toBe(0);
    expect(existsSync(join(made, 'Jenkinsfile'))).toBe(true);
    const ran = await slipway(['build', '--state', join(folder, '.slipway')], made);
    expect(ran.code, ran.stderr).toBe(0);
    // The package, its debug symbols and the prefix's setup.sh.
    expect(debs(made).length).toBe(3);
  } finally {
    await discard(folder);
  }
});
