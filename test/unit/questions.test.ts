import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitBackend } from '../e2e/git-backend.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-questions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const env = {
  ...process.env,
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b.org',
};
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: join(folder, cwd), env, encoding: 'utf8' }).trim();
const manifest = (name: string, body: string, version = '1.0.0'): string => `<package format="3">
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
const slipway = (...args: string[]) =>
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

  it('tells of a name of the system who needs it, and of a wrong name what is near', () => {
    expect(slipway('explain', 'zlib').stdout).toBe(
      'zlib is no package of the distribution: a name of the system or of an underlay\n\non bookworm, d: system: zlib1g-dev\n  needed by       1 package: lib\n',
    );
    const wrong = slipway('explain', 'lbi');
    expect([wrong.status, wrong.stderr]).toEqual([
      1,
      "error: nothing is called 'lbi', and no package needs it [selection]\n    did you mean 'lib'?\n1 error, 0 warnings\n",
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
    // What app's tests need is built without app: no task waits for itself.
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

  it('says what it could not read, and takes no part for the whole', () => {
    renameSync(join(folder, 'core'), join(folder, 'away'));
    const ran = slipway('query', 'outdated');
    renameSync(join(folder, 'away'), join(folder, 'core'));
    expect([ran.status, ran.stderr.split('\n').slice(-2)]).toEqual([
      1,
      ['of what could be read, no release is behind', ''],
    ]);
    expect(ran.stderr).toContain('core');
  });

  it('says what it can be asked', () => {
    expect([
      slipway('query', 'dpes').stderr,
      slipway('query', 'path', 'a').stderr,
      slipway('query', 'deps', 'bsae').stderr,
    ]).toEqual([
      'slipway query: ask one of deps, rdeps, path, cycles, maintainer, licenses, unreleased, outdated; did you mean deps?\n',
      'slipway query: it is `query path PACKAGE PACKAGE`\n',
      "error: 'bsae' names no package [selection]\n    did you mean 'base'?\n1 error, 0 warnings\n",
    ]);
  });
});

describe('slipway graph', () => {
  it('writes DOT without the arrows that longer ways imply, and an SVG', () => {
    expect(slipway('graph').stdout).toBe(
      'digraph "d on bookworm" {\n  rankdir=LR;\n  node [shape=box, fontname="sans-serif"];\n  "base" [label="base\\n1.0.0", penwidth=2];\n  "lib" [label="lib\\n1.0.0", penwidth=2];\n  "app" [label="app\\n1.0.0", penwidth=2];\n  "check" [label="check\\n1.0.0", penwidth=2];\n  "base" -> "lib";\n  "lib" -> "app";\n  "app" -> "check";\n}\n',
    );
    expect(slipway('graph', '-o', '../g.svg').stderr).toBe('wrote ../g.svg: d on bookworm, 4 boxes\n');
    const svg = readFileSync(join(folder, 'g.svg'), 'utf8');
    expect([svg.match(/<text x=/g)!.length, svg.match(/^<path d="M/gm)!.length]).toEqual([4, 3]);
  });
});

describe('overrides', () => {
  const versionOf = (name: string, ...args: string[]) =>
    (
      JSON.parse(slipway('plan', '--json', ...args).stdout) as {
        scopes: { packages: { name: string; version: string; source: { url: string } }[] }[];
      }
    ).scopes[0]!.packages.find((p) => p.name === name);

  it('take a folder as it is, a branch, and a pull request, several at once', () => {
    git('core', 'checkout', '-qb', 'feature');
    write('core/base/package.xml', manifest('base', '', '2.0.0'));
    git('core', 'commit', '-qam', 'feature');
    git('core', 'checkout', '-q', 'main');
    git('apps', 'checkout', '-qb', 'request');
    write('apps/app/package.xml', manifest('app', '<depend>lib</depend>\n', '3.0.0'));
    git('apps', 'commit', '-qam', 'request');
    git('apps', 'update-ref', 'refs/pull/7/merge', 'HEAD');
    git('apps', 'checkout', '-q', 'main');
    expect(versionOf('base', '--override', 'core@feature')?.version).toBe('2.0.0');
    expect([
      versionOf('app', '--override', 'apps#7', '--override', 'core@feature')?.version,
      versionOf('base', '--override', 'apps#7', '--override', 'core@feature')?.version,
    ]).toEqual(['3.0.0', '2.0.0']);
    execFileSync('cp', ['-r', join(folder, 'core'), join(folder, 'mine')]);
    write('mine/lib/package.xml', manifest('lib', '', '5.0.0'));
    write('mine/new/package.xml', manifest('new', ''));
    expect(versionOf('lib', '--override', 'core=../mine')).toMatchObject({
      version: '5.0.0',
      source: { url: join(folder, 'mine') },
    });
    expect(versionOf('new', '--override', 'core=../mine')?.version).toBe('1.0.0');
    expect(versionOf('base')?.version).toBe('1.0.0');
  });

  it('are refused where they name nothing, all at once', () => {
    expect(
      slipway(
        'plan',
        '--override',
        'core=/no/where',
        '--override',
        'x',
        '--override',
        'core@--upload-pack=id',
        '--override',
        'apps#x',
      ).stderr,
    ).toBe(`error: --override core=/no/where: there is no such folder [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override x: not of a known form [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override core@--upload-pack=id: that is no branch, tag or commit [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override apps#x: a pull request is a number [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
4 errors, 0 warnings
`);
    expect(slipway('plan', '--override', 'coer@main').stderr).toContain(
      "--override names the repository 'coer', which no distribution has [selection]\n    did you mean 'core'?",
    );
    expect(slipway('plan', '--override', 'apps#8').stderr).toContain(
      'has no merge commit of the pull request 8 [source-ref]',
    );
  });
});

describe('slipway compare', () => {
  it('sees what changed in folders of the distro repository itself, committed or not', () => {
    write(
      'single/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    write('single/.gitignore', '.slipway\n');
    write('single/src/r/one/package.xml', manifest('one', ''));
    write('single/src/r/two/package.xml', manifest('two', '<depend>one</depend>'));
    write('single/src/r/two/two.cpp', 'int two;\n');
    execFileSync('git', ['init', '-q', '-b', 'main', join(folder, 'single')]);
    git('single', 'add', '-A');
    git('single', 'commit', '-qm', 'x');
    const single = (...args: string[]) =>
      spawnSync('node', [bundle, ...args], { cwd: join(folder, 'single'), encoding: 'utf8' }).stdout;
    expect(single('compare', 'HEAD')).toBe('d on bookworm: no difference\n');
    write('single/src/r/two/two.cpp', 'int two = 2;\n');
    const text = 'd on bookworm:\nchanged, version as it was (1)\n  two  1.0.0  source\n';
    expect(single('compare', 'HEAD')).toBe(text);
    expect(
      (
        JSON.parse(single('plan', '--changed-since', 'HEAD', '--only', '--json')) as {
          scopes: { packages: { name: string; why: object }[] }[];
        }
      ).scopes[0]!.packages.flatMap((p) => ('named' in p.why ? [p.name] : [])),
    ).toEqual(['two']);
    git('single', 'commit', '-qam', 'y');
    expect(single('compare', 'HEAD')).toBe('d on bookworm: no difference\n');
    expect(single('compare', 'HEAD~1', 'HEAD')).toBe(text);
  });

  it('shows commits, locks and the files as they are side by side, and plan --changed-since selects by it', () => {
    expect(slipway('lock', '-o', 'lock.yaml').status).toBe(0);
    git('distro', 'add', '-A');
    git('distro', 'commit', '-qm', 'locked');
    execFileSync('cp', [join(folder, 'distro/lock.yaml'), join(folder, 'before.yaml')]);
    write('core/base/package.xml', manifest('base', '', '1.1.0'));
    git('core', 'commit', '-qam', 'up');
    write('apps/check/package.xml', manifest('check', ''));
    write('apps/extra/package.xml', manifest('extra', ''));
    git('apps', 'add', '-A');
    git('apps', 'commit', '-qm', 'more');
    const text = `d on bookworm:
added (1)
  extra  1.0.0
version up (1)
  base  1.0.0 → 1.1.0
changed, version as it was (1)
  check  1.0.0  source, dependencies
as they were, rebuilt for what they need (2)
  app  1.0.0  for base
  lib  1.0.0  for base
`;
    expect(slipway('compare', 'HEAD').stdout).toBe(text);
    expect(slipway('compare', 'HEAD~1', 'HEAD~1').stdout).toBe('d on bookworm: no difference\n');
    expect(slipway('lock', '-o', '../after.yaml').status).toBe(0);
    expect(slipway('compare', '../before.yaml', '../after.yaml').stdout).toBe(text);
    expect(slipway('compare', '../after.yaml', '../before.yaml').stdout).toContain(
      'removed (1)\n  extra  1.0.0\nversion down (1)\n  base  1.1.0 → 1.0.0\n',
    );
    const chosen = (
      JSON.parse(slipway('plan', '--changed-since', 'HEAD', '--json').stdout) as {
        scopes: { packages: { name: string; why: object }[] }[];
      }
    ).scopes[0]!.packages;
    expect(chosen.map((p) => [p.name, Object.keys(p.why)[0]])).toEqual([
      ['base', 'named'],
      ['check', 'named'],
      ['extra', 'named'],
    ]);
    expect(slipway('compare', 'nowhere').stderr).toBe(
      "error: the distro repository has no commit 'nowhere' [history]\n    a branch, a tag or a commit; in a shallow clone fetch it first\n1 error, 0 warnings\n",
    );
  });
});

describe('a repository on a server', () => {
  it('is asked once, gives trees and manifests alone, and is given time where it asks for it', async () => {
    // Much that no plan needs.
    write('core/big.bin', Array.from({ length: 40_000 }, (_, i) => (i * 2654435761) % 4294967296).join(''));
    git('core', 'add', '-A');
    git('core', 'commit', '-qm', 'big');
    git('core', 'config', 'uploadpack.allowFilter', 'true');
    let refusals = 2;
    const requests: string[] = [];
    const server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://x');
      requests.push(`${request.method} ${url.pathname}`);
      if (refusals-- > 0) {
        response.writeHead(429).end('slow down');
        return;
      }
      gitBackend(folder, request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    write(
      'served/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [a.repos], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
    );
    write('served/rosdep.yaml', 'zlib: {debian: [zlib1g-dev]}\n');
    write(
      'served/a.repos',
      `repositories:\n  core: {type: git, url: "http://127.0.0.1:${port}/core/.git", version: main}\n`,
    );
    const plan = () =>
      new Promise<{ code: number; stderr: string; stdout: string }>((resolve) => {
        const child = spawn('node', [bundle, 'plan'], { cwd: join(folder, 'served') });
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (d: Buffer) => (stdout += d.toString()));
        child.stderr.on('data', (d: Buffer) => (stderr += d.toString()));
        child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      });
    try {
      const first = await plan();
      expect([first.code, first.stdout.split('\n').length], first.stderr).toEqual([0, 4]);
      expect(first.stderr).toBe(
        `127.0.0.1:${port} allows no more requests for now: trying again in 2 s\n127.0.0.1:${port} allows no more requests for now: trying again in 8 s\n`,
      );
      const size = Number(
        execFileSync('du', ['-sk', join(folder, 'served/.slipway/git')], { encoding: 'utf8' }).split('\t')[0],
      );
      expect(size).toBeLessThan(300);
      requests.length = 0;
      expect((await plan()).code).toBe(0);
      // One ls-remote: what it advertises, and the refs that were asked for.
      expect(requests).toEqual(['GET /core/.git/info/refs', 'POST /core/.git/git-upload-pack']);
    } finally {
      server.close();
    }
  });
});

it('a distribution of releases without a cache is read from its release repository, and remembered', () => {
  for (const [name, body] of [
    ['base', ''],
    ['lib', '<depend>base</depend>\n'],
  ] as const) {
    write('core-release/package.xml', manifest(name, body, '0.9.0'));
    if (name === 'base') git('core-release', 'init', '-q', '-b', 'main');
    git('core-release', 'add', '-A');
    git('core-release', 'commit', '-qm', name);
    git('core-release', 'tag', `release/${name}/0.9.0-1`);
  }
  write(
    'distro/distro.yaml',
    readFileSync(join(folder, 'distro/distro.yaml'), 'utf8').replace(
      '{platforms: [bookworm]}',
      '{platforms: [bookworm], sources: release}',
    ),
  );
  const ran = slipway('plan', '--json');
  expect(ran.status, ran.stderr).toBe(0);
  const packages = (
    JSON.parse(ran.stdout) as {
      scopes: { packages: { name: string; version: string; source: { ref: string; commit: string } }[] }[];
    }
  ).scopes[0]!.packages;
  expect(packages.map((p) => [p.name, p.version, p.source.ref, p.source.commit])).toEqual(
    ['base', 'lib'].map((n) => [
      n,
      '0.9.0',
      `release/${n}/0.9.0-1`,
      git('core-release', 'rev-parse', `release/${n}/0.9.0-1`),
    ]),
  );
  expect(slipway('plan', '--json', '--override', 'core=../mine').stdout).toContain('5.0.0');
  expect(slipway('lock', '-o', '../release.yaml').status).toBe(0);
  git('core-release', 'tag', '-d', 'release/lib/0.9.0-1');
  expect(slipway('plan').stderr).toContain("has no branch or tag 'release/lib/0.9.0-1' [source-ref]");
  const locked = slipway('plan', '--lock', '../release.yaml');
  expect([locked.status, locked.stdout.split('\n').length], locked.stderr).toEqual([0, 4]);
});

describe('what a plan remembers', () => {
  const cache = (versions: Record<string, string>): string => `distribution_file:
- repositories:
    all:
      release: {url: ../core-release, version: 1.0.0-1, packages: [${Object.keys(versions).join(', ')}], tags: {release: "r/{package}"}}
  type: distribution
  version: 2
name: d
release_package_xmls:
${Object.entries(versions)
  .map(
    ([n, v], i) =>
      `  ${n}: ${JSON.stringify(manifest(n, i ? `<depend>p${i - 1}</depend>\n<depend>zlib</depend>\n` : '', v))}`,
  )
  .join('\n')}
type: cache
version: 2
`;
  const versions = (changed: Record<string, string> = {}) => ({
    ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`p${i}`, '1.0.0'])),
    ...changed,
  });
  const plan = (where: string) =>
    spawnSync('node', [bundle, 'plan', '--json'], { cwd: join(folder, where), encoding: 'utf8' });
  const bytes = (ran: { stdout: string; stderr: string }) => [ran.stdout.replace(/"stamp":"\d+"/, ''), ran.stderr];
  const remembered = () => readdirSync(join(folder, 'remembering/.slipway/parsed')).sort();

  it('is nothing where there is no state; else the next plan reads what changed, to the same bytes, whatever happened to it', () => {
    const files = {
      'distro.yaml':
        'organization: acme\nindex: index-v4.yaml\ndistributions: {d: {platforms: [bookworm], sources: release, cache: cache.yaml}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
      'index-v4.yaml':
        'distributions:\n  d: {distribution: [d.yaml], distribution_type: ros2, python_version: 3}\ntype: index\nversion: 4\n',
      'rosdep.yaml': 'zlib: {debian: [zlib1g-dev]}\nother: {debian: [x]}\n',
    };
    for (const where of ['remembering', 'forgetting'])
      for (const [name, text] of Object.entries(files)) write(`${where}/${name}`, text);
    const both = (text: string) => {
      for (const where of ['remembering', 'forgetting']) write(`${where}/cache.yaml`, text);
      const [a, b] = [plan('remembering'), plan('forgetting')];
      expect(bytes(a)).toEqual(bytes(b));
      return a;
    };
    expect(both(cache(versions())).status).toBe(0);
    expect(existsSync(join(folder, 'remembering/.slipway'))).toBe(false);
    mkdirSync(join(folder, 'remembering/.slipway'));
    both(cache(versions()));
    expect(remembered()).toEqual([expect.stringMatching(/^cache-[0-9a-f]{16}$/), 'distro', 'index-d', 'rosdep']);
    expect(both(cache(versions())).status).toBe(0);
    expect(both(cache(versions({ p3: '2.0.0' }))).stdout).toContain('"version":"2.0.0"');
    both(cache(versions({ p8: '1.0.0' })));
    // A fault is told again each time, and one that is mended is gone.
    expect(both(cache(versions({ p3: 'x' }))).stderr).toContain("version 'x' is not three numbers");
    expect(both(cache(versions({ p3: 'x' }))).stderr).toContain("version 'x' is not three numbers");
    expect(both(cache(versions())).status).toBe(0);
    for (const name of remembered()) {
      const path = join(folder, 'remembering/.slipway/parsed', name);
      writeFileSync(path, readFileSync(path).subarray(0, 40));
      expect(both(cache(versions({ p2: '1.5.0' }))).status).toBe(0);
      both(cache(versions()));
    }
    write('remembering/rosdep.yaml', 'zlib: {debian: [zlib1g-dev, more]}\nother: {debian: [x]}\n');
    write('forgetting/rosdep.yaml', 'zlib: {debian: [zlib1g-dev, more]}\nother: {debian: [x]}\n');
    expect(both(cache(versions())).stdout).toContain('"more"');
  });
});
