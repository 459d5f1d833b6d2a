import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, bundle, write, git, manifest, slipway } from './sample-distro.ts';

describe('slipway explain', () => {
  it('tells everything about a package', () => {
    const ran = slipway('explain', 'lib');
    expect(ran.stdout).toBe(`lib 1.0.0 (cmake)
  repository      core: ${folder}/core at ${git('core', 'rev-parse', 'HEAD')}, lib/
  manifest        core/lib/package.xml
  maintained by   Ann <ann@acme.org>
  licensed under  BSD

on bookworm, d: built as acme-d-lib, 2 of 4 in order
  there because   it is named
  needs
    base  build, run  depend  built, 1.0.0
    zlib  build, run  depend  system: zlib1g-dev
  needed by       1 package, 2 with those above them: app
  longest path    4 builds: base → lib → app → check

not needed here, by their conditions:
  roscpp <depend> where $ROS_VERSION == 1
`);
    expect(ran.status).toBe(0);
  });

  it('reports who needs a system package, and names similar to a wrong one', () => {
    expect(slipway('explain', 'zlib').stdout).toBe(
      'zlib is no package of the distribution: a name of the system or of an underlay\n\non bookworm, d: system: zlib1g-dev\n  needed by       1 package: lib\n',
    );
    const wrong = slipway('explain', 'lbi');
    expect([wrong.status, wrong.stderr]).toEqual([
      1,
      "error: 'lbi' is neither a package nor a dependency of one [selection]\n    did you mean 'lib'?\n1 error, 0 warnings\n",
    ]);
  });
});

describe('slipway query', () => {
  it('shows a cycle that a test dependency closes', () => {
    write(
      'tests/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2, python_version: 3}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    write('tests/src/tool/package.xml', manifest('tool', '<test_depend>user</test_depend>\n'));
    write('tests/src/user/package.xml', manifest('user', '<depend>tool</depend>\n'));
    const ran = spawnSync('node', [bundle, 'query', 'cycles'], { cwd: join(folder, 'tests'), encoding: 'utf8' });
    expect([ran.status, ran.stdout.split('\n')[1]], ran.stderr).toEqual([
      0,
      'test  tool → user (test_depend), user → tool (depend)  builds do not wait for the edges of tests',
    ]);
  });

  it.each([
    [
      ['deps', 'app'],
      'NEEDS  TO          BY           PLATFORM  WHERE IT COMES FROM\ncheck  test        test_depend  bookworm  built, 1.0.0\nlib    build, run  depend       bookworm  built, 1.0.0\n',
    ],
    [['deps', 'app', '--recursive'], 'NEEDS  STEPS\ncheck  1\nlib    1\nbase   2\n'],
    [['rdeps', 'lib'], 'NEEDED BY  TO          BY\napp        build, run  depend\n'],
    [['rdeps', 'zlib'], 'NEEDED BY  TO          BY\nlib        build, run  depend\n'],
    [['rdeps', 'base', '-r'], 'NEEDED BY  STEPS\nlib        1\napp        2\ncheck      3\n'],
    [
      ['path', 'check', 'base'],
      'PACKAGE  NEEDS  BY\ncheck    app    exec_depend\napp      lib    depend\nlib      base   depend\n',
    ],
    // The dependencies of app's tests are built without app: no task waits for itself.
    [['cycles'], ''],
    [['licenses'], 'LICENCE  PACKAGES\nBSD      3         app, check, lib\nMIT      1         base\n'],
    [['maintainer', 'ACME'], 'MAINTAINER          PACKAGES\nAnn <ann@acme.org>  4         app, base, check, lib\n'],
    [['unreleased'], 'PACKAGE  VERSION  REPOSITORY\napp      1.0.0    apps\ncheck    1.0.0    apps\n'],
    [
      ['outdated'],
      'PACKAGE  RELEASED  DEVELOPED  REPOSITORY\nbase     0.9.0-1   1.0.0      core\nlib      0.9.0-1   1.0.0      core\n',
    ],
  ])('%j', (args, text) => {
    const ran = slipway('query', ...args);
    expect(ran.stdout, ran.stderr).toBe(text);
    expect(ran.status).toBe(0);
    expect(Array.isArray(JSON.parse(slipway('query', ...args, '--json').stdout))).toBe(true);
  });

  it('reports what it could not read, and does not treat a part as the whole', () => {
    renameSync(join(folder, 'core'), join(folder, 'away'));
    const ran = slipway('query', 'outdated');
    renameSync(join(folder, 'away'), join(folder, 'core'));
    expect([ran.status, ran.stderr.split('\n').slice(-2)]).toEqual([
      1,
      ['of what could be read, no release is behind', ''],
    ]);
    expect(ran.stderr).toContain('core');
  });

  it('lists its queries', () => {
    expect([
      slipway('query', 'dpes').stderr,
      slipway('query', 'path', 'a').stderr,
      slipway('query', 'deps', 'bsae').stderr,
    ]).toEqual([
      'slipway query: ask one of deps, rdeps, path, cycles, maintainer, licenses, unreleased, outdated; did you mean deps?\n    slipway query --help shows its usage\n',
      'slipway query: it is `query path PACKAGE PACKAGE`\n    slipway query --help shows its usage\n',
      "error: 'bsae' matches no package [selection]\n    did you mean 'base'?\n1 error, 0 warnings\n",
    ]);
  });
});

describe('slipway graph', () => {
  it('writes DOT without edges that longer paths imply, and SVG', () => {
    expect(slipway('graph').stdout).toBe(
      'digraph "d on bookworm" {\n  rankdir=LR;\n  node [shape=box, fontname="sans-serif"];\n  "base" [label="base\\n1.0.0", penwidth=2];\n  "lib" [label="lib\\n1.0.0", penwidth=2];\n  "app" [label="app\\n1.0.0", penwidth=2];\n  "check" [label="check\\n1.0.0", penwidth=2];\n  "base" -> "lib";\n  "lib" -> "app";\n  "app" -> "check";\n}\n',
    );
    expect(slipway('graph', '-o', '../g.svg').stderr).toBe('wrote ../g.svg: d on bookworm, 4 boxes\n');
    const svg = readFileSync(join(folder, 'g.svg'), 'utf8');
    expect([svg.match(/<text x=/g)!.length, svg.match(/^<path d="M/gm)!.length]).toEqual([4, 3]);
  });
});

describe('a manifest that can not be read', () => {
  it.each([['query licenses'], ['query cycles'], ['query rdeps user'], ['graph'], ['explain user']])(
    'is told by `%s`, whose answer lacks it',
    (command) => {
      write(
        'part/distro.yaml',
        'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
      );
      write('part/src/user/package.xml', manifest('user', ''));
      write('part/src/tool/package.xml', '<package format="3"><name>tool</name>');
      const ran = spawnSync('node', [bundle, ...command.split(' ')], { cwd: join(folder, 'part'), encoding: 'utf8' });
      expect(ran.stderr).toContain('src/tool/package.xml');
      expect(ran.status).toBe(1);
    },
  );
});
