import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyChannelHint } from '../../ts-src/publish/promotion.ts';
import { folderChannel } from '../../ts-src/publish/channel.ts';
import { unreachable } from '../../ts-src/read/git/process.ts';
import { knownCause } from '../../ts-src/render/log.ts';
import { amentPython } from '../../ts-src/model/build-types/ament-python.ts';
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
    /^slipway jobs: --distro-url is missing: [^-]*--distro-url URL\[#BRANCH\][^-]*\n$/,
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
