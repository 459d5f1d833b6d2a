import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyChannelHint } from '../../ts-src/publish/promotion.ts';
import { folderChannel } from '../../ts-src/publish/channel.ts';
import { unreachable } from '../../ts-src/read/git/process.ts';
import { knownCause } from '../../ts-src/render/log.ts';
import { amentPython } from '../../ts-src/model/build-types/ament-python.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { failedTests } from '../../ts-src/engine/task-records.ts';
import { allowedPaths, memberFaults } from '../../ts-src/inspect/members.ts';
import { madeSome, tailOf } from '../../ts-src/cli/build-end.ts';
import { refusal } from '../../ts-src/engine/build/pack.ts';
import { graphsWith } from '../../ts-src/cli/shell.ts';
import { at } from '../../ts-src/model/lists.ts';

const bundle = join(__dirname, '../../resources/slipway.cjs');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-advice-'));
  mkdirSync(join(folder, 'src/alpha'), { recursive: true });
  writeFileSync(
    join(folder, 'src/alpha/package.xml'),
    '<package format="3"><name>alpha</name><version>1.0.0</version><description>d</description>' +
      '<maintainer email="ann@example.org">Ann</maintainer><license>MIT</license><depend>eigen</depend>' +
      '<export><build_type>cmake</build_type></export></package>\n',
  );
  writeFileSync(join(folder, 'rosdep.yaml'), 'eigen: {debian: [libeigen3-dev]}\n');
  writeFileSync(
    join(folder, 'distro.yaml'),
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2, python_version: 3}}\n' +
      'platforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => spawnSync('node', [bundle, ...args], { encoding: 'utf8', cwd: folder });

describe('a command that takes no argument refuses one', () => {
  it('and does nothing', () => {
    mkdirSync(join(folder, '.slipway/layers'), { recursive: true });
    const ran = run('clean', 'alpha');
    expect(ran.stderr).toBe(
      "slipway clean: takes no argument, not 'alpha'\n    slipway clean --help shows what it takes\n",
    );
    expect(ran.status).toBe(2);
    expect(existsSync(join(folder, '.slipway/layers'))).toBe(true);
    rmSync(join(folder, '.slipway'), { recursive: true });
  });

  it.each(['doctor', 'validate', 'lock', 'mirror', 'jobs', 'work', 'report', 'reproduce', 'publish'])('%s', (name) => {
    expect(run(name, 'x').stderr).toContain("takes no argument, not 'x'");
  });
});

it.each([['abi'], ['query'], ['explain'], ['image'], ['promote', 'x'], ['channel', 'diff', 'x']])(
  'wrong usage of %s ends with where its usage is',
  (...args) => {
    const ran = run(...args);
    expect(ran.stderr).toMatch(new RegExp(`\n    slipway ${args[0]} --help shows its usage\n$`));
    expect(ran.status).toBe(2);
  },
);

describe('wrong names', () => {
  it('lead to the list of the right ones', () => {
    expect(run('query', 'deps', 'eigen').stderr).toContain(
      'it is a dependency of packages: `slipway query rdeps eigen`',
    );
    expect(run('query', 'deps', 'zzzzzz').stderr).toContain('`slipway plan` lists the packages');
    expect(run('plan', 'zz*').stderr).toContain('`slipway plan` lists the packages');
    expect(run('explain', 'libzz').stderr).toContain('a package of the system is explained by its rosdep key');
    expect(run('query', 'maintainer', 'alpha').stderr).toBe(
      "no maintainer contains 'alpha'; without it, all are listed\n",
    );
  });

  it('of a log get commands that can be run as they are', () => {
    expect(run('logs', 'alpha').stderr).toContain('`slipway build --rebuild alpha` makes a log');
    expect(run('logs', 'alpha', '--test').stderr).toContain('`slipway test alpha --rebuild alpha` makes a log');
  });

  it('of channels say how a channel gets its first state', () => {
    expect(run('rollback', 'nightly').stderr).toContain('from a run of the farm or from `slipway promote`');
    expect(emptyChannelHint(folderChannel('/out'))).toContain('`slipway build` gives it its first state');
  });
});

it('each wrong option of jobs is named alone', () => {
  const url = ['--distro-url', 'https://git.example.org/d.git'];
  expect(run('jobs').stderr).toMatch(
    /^slipway jobs: --distro-url is missing: [^-]*--distro-url URL\[#BRANCH\][^-]*\n    slipway jobs --help shows its usage\n$/,
  );
  expect(run('jobs', ...url, '--every', 'hour').stderr).toContain("--every 'hour' is not a whole number");
  expect(run('jobs', ...url, '--format', 'cacs').stderr).toContain('did you mean casc?');
});

it('shell takes the scope that has the package, not those in which nothing is selected', () => {
  const graphs = [{ closures: { index: new Map<string, number>() } }, { closures: { index: new Map([['alpha', 0]]) } }];
  expect(graphsWith(graphs, 'alpha')).toEqual([graphs[1]]);
});

describe('a repository on this machine that can not be read', () => {
  const hint = (url: string, stderr: string) => {
    const told = unreachable({ url, reporter: {} }, { code: 128, signal: null, stdout: '', stderr });
    return at(told.diagnostics, 0).hint;
  };

  it('because it belongs to another user', () => {
    expect(hint(folder, `fatal: detected dubious ownership in repository at '${folder}/.git'\n`)).toBe(
      `it belongs to another user: run slipway as its owner, or allow it with \`git config --global --add safe.directory ${folder}/.git\``,
    );
  });

  it('because it is a plain folder', () => {
    const stderr = `fatal: '${folder}' does not appear to be a git repository\n`;
    expect(hint(folder, stderr)).toContain('make it a repository');
    expect(hint(join(folder, 'gone'), stderr)).toBe('correct the path; it is relative to distro.yaml');
  });
});

describe('mistakes in files', () => {
  it('a package that only an image names is a warning', () => {
    const distro = join(folder, 'image.yaml');
    writeFileSync(
      distro,
      `${readFileSync(join(folder, 'distro.yaml'), 'utf8')}images: {robot: {channel: nightly, packages: [alhpa]}}\n`,
    );
    const ran = run('validate', '--distro', distro);
    expect(ran.stderr).toContain("the image 'robot' names 'alhpa', but no distribution has such a package");
    expect(ran.stderr).toContain("did you mean 'alpha'?");
    expect(ran.status).toBe(0);
  });

  it('a rosdep rule without an operating system gets an example with its own package', () => {
    const told = layerRosdep([{ file: 'r.yaml', text: 'eigen3: libeigen3-dev\n' }]).diagnostics;
    expect(at(told, 0).hint).toBe('for example eigen3: {debian: [libeigen3-dev]}');
  });
});

describe('a test file that can not be imported', () => {
  it('is reported with the exception and the dependency to add', () => {
    const message = "collection failure\nImportError while importing\nE   ModuleNotFoundError: No module named 'numpy'";
    expect(failedTests({ tests: 1, failures: 1, failed: [{ suite: 'pytest', name: 'test.test_it', message }] })).toBe(
      "1 of 1 tests failed: pytest.test.test_it (ModuleNotFoundError: No module named 'numpy')\nthe package that has it must be a <test_depend> in package.xml",
    );
  });
});

it('a refused package shows no part of its log, which went well', () => {
  const log = join(folder, 'x.log');
  writeFileSync(log, '== build\n-- Configuring done\n');
  expect(tailOf({ log, reason: 'its build ended with 1' })).toContain('-- Configuring done');
  expect(tailOf({ log, reason: refusal([{ text: '/etc/a is outside the prefix /opt/a' }]) ?? '' })).toEqual([]);
});

it('how to install is told only where there is something to install', () => {
  expect(madeSome([{ kind: 'build', state: 'failed' }])).toBe(false);
  expect(
    madeSome([
      { kind: 'build', state: 'failed' },
      { kind: 'build', state: 'cached' },
    ]),
  ).toBe(true);
});

it('modes that a package may not have come with the remedy', () => {
  const told = (mode: number) =>
    refusal(memberFaults([{ path: '/opt/a/x', type: 'file', mode, target: '' }], allowedPaths('x', '/opt/a', [])));
  expect(told(0o4755)).toContain('chmod u-s,g-s');
  expect(told(0o666)).toContain('chmod o-w');
  expect(told(0o1755)).toContain('chmod -t');
  expect(told(0o755)).toBeUndefined();
});

it('a build on a full disk is told what frees space, and that /tmp has a limit', () => {
  const hint = knownCause('cc: error writing to /tmp/a.s: No space left on device\n')?.hint;
  expect(hint).toContain('`slipway clean`');
  expect(hint).toContain('limits.temporary');
});

describe('what a package lacks is named', () => {
  it('CMakeLists.txt', () => {
    const log = 'CMake Error: The source directory "/build/alpha" does not appear to contain CMakeLists.txt.\n';
    expect(knownCause(log)?.cause).toBe('there is no CMakeLists.txt in alpha');
  });

  it('a file of data_files', () => {
    const log = "error: can't copy 'resource/beta': doesn't exist or not a regular file\n";
    expect(knownCause(log)?.cause).toBe('setup.py installs resource/beta, which does not exist');
  });

  it('setup.py and pyproject.toml', () => {
    const python = /<<'PYTHON'\n([^]*?)\nPYTHON\n/.exec(amentPython.script)?.[1] ?? '';
    const ran = spawnSync('python3', ['-', 'object', 'root', 'library'], {
      input: python,
      cwd: folder,
      encoding: 'utf8',
    });
    expect(ran.stderr).toContain('slipway: error: it has neither setup.py nor pyproject.toml');
  });
});
