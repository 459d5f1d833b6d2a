import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { kindsOfTag } from '../../ts-src/model/manifest.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { packedManifest, restOf } from '../../ts-src/read/manifest/packed-manifest.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-reading-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const manifest = (name: string, body = ''): string =>
  `<package format="3">\n<name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>\n${body}<export><build_type>cmake</build_type></export>\n</package>\n`;
const commit = (name: string): void => {
  const cwd = join(folder, name);
  execFileSync('git', ['init', '-q', '-b', 'main'], { cwd });
  execFileSync('git', ['add', '-A'], { cwd });
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', 'commit', '-qm', 'x'], { cwd });
};
const slipway = (...args: string[]) =>
  spawnSync('node', [bundle, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: process.env.PATH },
  });

describe('a package.xml', () => {
  it('has all its faults reported, with lines', () => {
    const text = `<?xml version="1.0"?>
<package format="2">
  <name>my robot</name>
  <version>1.0</version>
  <description/>
  <maintainer>nobody</maintainer>
  <license></license>
  <run_depend>a</run_depend>
  <depend condition="$ROS_VERSION == 2">b</depend>
  <depend>c</depend>
  <exec_depend>c</exec_depend>
</package>`;
    expect(renderDiagnostics(parseManifest(text, 'r/package.xml').diagnostics))
      .toBe(`r/package.xml:8: error: <run_depend> is not an element of package format 2 [manifest-invalid]
    use <exec_depend> from format 2 on
r/package.xml:9: error: <depend> must not have the attribute 'condition' in format 2 [manifest-invalid]
    conditions need format="3"
r/package.xml:3: error: package name 'my robot' is not allowed [manifest-invalid]
    lower case letters, digits and underscores, a letter first
r/package.xml:4: error: version '1.0' is not three numbers [manifest-invalid]
    for example 1.2.0
r/package.xml:5: error: <description> must not be empty [manifest-invalid]
r/package.xml:6: error: <maintainer> must have the attribute 'email' [manifest-invalid]
    for example <maintainer email="ann@example.org">Ann Lee</maintainer>
r/package.xml:7: error: <license> must not be empty [manifest-invalid]
r/package.xml:10: error: <depend>c</depend> says again what <exec_depend> says [manifest-invalid]
`);
  });

  it('of any format has the purposes of its tags', () => {
    const kinds = (format: string, tags: string) => {
      const read = parseManifest(manifest('a', tags).replace('format="3"', format), 'package.xml');
      return read.ok && Object.fromEntries(read.value.dependencies.map((d) => [d.name, kindsOfTag[d.tag].join(' ')]));
    };
    expect(
      kinds('', '<build_depend>a1</build_depend><run_depend>b1</run_depend><test_depend>c1</test_depend>'),
    ).toEqual({ a1: 'build', b1: 'build_export exec', c1: 'test' });
    expect(
      kinds(
        'format="2"',
        '<depend>a1</depend><build_export_depend>b1</build_export_depend><doc_depend>c1</doc_depend>',
      ),
    ).toEqual({ a1: 'build build_export exec', b1: 'build_export', c1: 'doc' });
    expect(
      kinds(
        'format="3"',
        '<group_depend>g</group_depend><buildtool_export_depend version_gte="1.0.0">b1</buildtool_export_depend>',
      ),
    ).toEqual({ g: 'group', b1: 'buildtool_export' });
  });

  it('is the same after caching, whatever it contains', () => {
    const all = [
      'name',
      'version',
      'format',
      'compatibility',
      'description',
      'maintainers',
      'authors',
      'licenses',
      'urls',
      'dependencies',
      'memberOfGroups',
      'buildTypes',
      'exports',
    ] as const;
    for (const tags of [
      '',
      '<depend>a1</depend><depend>b\tc\n d</depend><build_depend version_gte="1.0.0" version_lt="2" condition="$A == \'&#9;\'">e</build_depend><test_depend></test_depend>',
      '<group_depend>g</group_depend><member_of_group condition="$ROS_VERSION == 2">h</member_of_group><author email="e@b.org">é</author><url type="repository">u</url>',
      '<exec_depend>{"x":1}</exec_depend><exec_depend>日本</exec_depend>',
    ]) {
      const read = parseManifest(manifest('a', tags).replace('<version>', '<version compatibility="1.0.0">'), 'p');
      const before = read.ok ? read.value : undefined;
      const after = before && packedManifest.read(packedManifest.write(before));
      expect(before && all.map((k) => before[k])).toBeDefined();
      // It becomes part of keys, so cached and parsed manifests must give the same text; the cache is ASCII.
      expect(after && restOf(after)).toBe(before && restOf(before));
      expect(after && restOf(after)).toMatch(/^[\0-\x7f]+$/);
      // A cached manifest can be cached again, as on a farm's agents.
      expect(after && packedManifest.write(after)).toBe(before && packedManifest.write(before));
      expect(after && all.map((k) => after[k])).toEqual(before && all.map((k) => before[k]));
    }
  });

  it('that is hostile is refused quickly', () => {
    const lol = `<!DOCTYPE l [<!ENTITY a "ha">${Array.from({ length: 20 }, (_, i) => `<!ENTITY a${i} "${`&a${i ? i - 1 : ''};`.repeat(10)}">`).join('')}]>${manifest('x', '<depend>&a19;</depend>')}`;
    for (const text of [
      lol,
      '<!DOCTYPE p SYSTEM "file:///etc/passwd"><package/>',
      `${'<a>'.repeat(100_000)}`,
      `<package>${'<x/>'.repeat(10)}`,
      '<package format="3"><name>__proto__</name></package>',
      manifest('a').replace('BSD', 'B\u0001D'),
    ]) {
      const begun = Date.now();
      expect(parseManifest(text, 'p').ok).toBe(false);
      expect(Date.now() - begun).toBeLessThan(20_000);
    }
  });
});

describe('a distro repository', () => {
  it('is read with several packages in a repository, without ignored ones, and all faults are reported', () => {
    write('repositories/many/a/package.xml', manifest('a', '<depend condition="$ROS_VERSION = 2">x</depend>\n'));
    write('repositories/many/deep/er/b/package.xml', manifest('b', '<depend>a</depend>\n'));
    write('repositories/many/deep/er/b/inner/package.xml', manifest('inside_b'));
    for (const marker of ['CATKIN_IGNORE', 'AMENT_IGNORE', 'COLCON_IGNORE']) {
      write(`repositories/many/${marker.toLowerCase()}/${marker}`, '');
      write(`repositories/many/${marker.toLowerCase()}/sub/package.xml`, manifest('ignored'));
    }
    write('repositories/many/.hidden/package.xml', manifest('hidden'));
    write('repositories/twice/package.xml', manifest('b'));
    commit('repositories/many');
    commit('repositories/twice');
    write(
      'rosdistro/index-v4.yaml',
      'distributions:\n  d: {distribution: [d/distribution.yaml], distribution_type: ros2, python_version: 3}\ntype: index\nversion: 4\n',
    );
    write(
      'rosdistro/d/distribution.yaml',
      'repositories:\n  gone:\n    source: {type: git, url: ./repositories/gone, version: main}\n  many:\n    source: {type: git, url: ./repositories/many, version: main}\n  old:\n    source: {type: hg, url: ./x, version: main}\n  twice:\n    source: {type: git, url: ./repositories/twice, version: main}\ntype: distribution\nversion: 2\n',
    );
    write(
      'distro.yaml',
      'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {d: {platforms: [bookworm]}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    const ran = slipway('plan');
    expect(ran.status).toBe(1);
    expect(ran.stdout).toBe(
      'd on bookworm (debian bookworm) amd64: 2 packages from 1 repository into /opt/acme/d\n    1  a        1.0.0     cmake        named\n    2  b        1.0.0     cmake        named; needs a\n',
    );
    expect(ran.stderr)
      .toBe(`many/a/package.xml:3: error: the condition '$ROS_VERSION = 2' of 'a' is invalid [condition-invalid]
    use == != < <= > >= and the words and, or; for example $ROS_VERSION == 2 (REP 149)
rosdistro/d/distribution.yaml:2: error: can't read ${folder}/repositories/gone: '${folder}/repositories/gone' does not appear to be a git repository [source-unreachable]
    correct the path; it is relative to distro.yaml
rosdistro/d/distribution.yaml:6: error: 'old' is a hg repository, which Slipway does not read [source-type]
    supported: git, tar and zip; mirror the repository to git
rosdistro/d/distribution.yaml:8: error: the package 'b' is in 'many' (many/deep/er/b/package.xml) and in 'twice' (twice/package.xml) [package-twice]
    leave it in one of them, or mark one with COLCON_IGNORE; 'many' is at rosdistro/d/distribution.yaml:4
4 errors, 0 warnings
`);
    expect(slipway('validate').status).toBe(1);
  });

  it('is planned from a lockfile to the same bytes, whatever happened to its branches since', () => {
    write(
      'rosdistro/d/distribution.yaml',
      'repositories:\n  many:\n    source: {type: git, url: ./repositories/many, version: main}\ntype: distribution\nversion: 2\n',
    );
    expect(slipway('lock', '-o', 'lock.yaml').status).toBe(1);
    const plan = () => slipway('plan', '--json', '--lock', 'lock.yaml').stdout;
    const before = plan();
    expect(before).toContain('"name":"b"');
    write('repositories/many/deep/er/b/more.txt', 'x');
    commit('repositories/many');
    expect(plan()).toBe(before);
    expect(slipway('plan', '--json').stdout).not.toBe(before);
  });
});

it('doctor names what a machine lacks, and the command to install it', () => {
  const ran = spawnSync(process.execPath, [bundle, 'doctor'], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: '/nowhere' },
  });
  expect(ran.status).toBe(1);
  expect(ran.stdout).toMatch(
    /^git \(fetches sources\) is not installed\n {4}(sudo )?apt-get install -y git\nmmdebstrap \(makes the base systems\) is not installed\n {4}(sudo )?apt-get install -y mmdebstrap\n/,
  );
  const build = spawnSync(process.execPath, [bundle, 'build', '--distro', '/nowhere/distro.yaml'], {
    encoding: 'utf8',
    env: { PATH: '/nowhere' },
  });
  expect(build.status).toBe(1);
});
