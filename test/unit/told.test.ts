import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { utf8Text } from '../../ts-src/io/utf8.ts';
import { resolveRefs } from '../../ts-src/read/git/git.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { parseRepos } from '../../ts-src/read/repos-file.ts';
import { parseDistributionFile } from '../../ts-src/read/rosdistro.ts';
import { parseYaml } from '../../ts-src/read/yaml.ts';
import { portOf } from '../port.mjs';

/** Messages for a newcomer's mistakes: what is wrong, where, and what to do. */

const bundle = join(__dirname, '../../resources/slipway.cjs');
const folder = mkdtempSync(join(tmpdir(), 'slipway-told-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string | Buffer): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const slipway = (at: string, ...args: string[]) =>
  spawnSync('node', [bundle, ...args], { cwd: join(folder, at), encoding: 'utf8' });
const git = (at: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], {
    cwd: join(folder, at),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
const manifest = (name: string, more = ''): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>
<maintainer email="a@b.org">m</maintainer><license>BSD</license>${more}</package>\n`;
const distro = (distribution: string, more = ''): string => `organization: acme
distributions: {d: {platforms: [bookworm], ros_version: 1, ${distribution}}}
platforms: {bookworm: {os: debian, release: bookworm}}
${more}`;

describe('uncommitted changes', () => {
  write('own/distro.yaml', distro('repos: [all.repos]'));
  write('own/all.repos', 'repositories:\n  own: {type: git, url: ., version: main}\n');
  write('own/.gitignore', '.slipway/\n*.log\n');
  write('own/src/drive/package.xml', manifest('drive'));
  git('own', 'init', '-q', '-b', 'main');
  git('own', 'add', '-A');
  git('own', 'commit', '-qm', 'one');

  it('are reported, with their packages and advice', () => {
    expect(slipway('own', 'plan').stderr).toBe('');
    write('own/notes.txt', 'no package has it\n');
    write('own/src/drive/build.log', 'ignored\n');
    expect(slipway('own', 'plan').stderr).toBe('');
    appendFileSync(join(folder, 'own/src/drive/package.xml'), '\n');
    write('own/src/added/package.xml', manifest('added'));
    const { stderr } = slipway('own', 'plan');
    const at = join(folder, 'own');
    expect(stderr).toContain(
      `all.repos:2: warning: 'own': changes in ${at} are not committed, and are not built: src/drive/package.xml, src/added/ [source-uncommitted]`,
    );
    expect(stderr).toContain(`--override own=${at}`);
    const built = slipway('own', 'plan', '--override', `own=${at}`);
    expect([built.stderr, built.stdout.includes('added')]).toEqual(['', true]);
    git('own', 'checkout', '-q', '-b', 'other');
    git('own', 'commit', '-qam', 'two');
    expect(slipway('own', 'plan').stderr).toBe('');
  });

  it('are built if packages are taken from the folder', () => {
    write('taken/distro.yaml', distro('folders: [src]'));
    write('taken/.gitignore', '.slipway/\n');
    write('taken/src/drive/package.xml', manifest('drive'));
    git('taken', 'init', '-q', '-b', 'main');
    git('taken', 'add', '-A');
    git('taken', 'commit', '-qm', 'one');
    const changes = () => slipway('taken', 'compare', 'main').stdout;
    expect(changes()).not.toContain('drive');
    write('taken/src/drive/new.cpp', 'int x;\n');
    expect(changes()).toContain('drive');
  });
});

describe('a version that is not a branch or tag', () => {
  write('r/a', '1');
  git('r', 'init', '-q', '-b', 'main');
  git('r', 'add', '-A');
  git('r', 'commit', '-qm', 'one');
  const commit = git('r', 'rev-parse', 'HEAD');
  for (const branch of ['devel', 'humble']) git('r', 'branch', branch);
  git('r', 'tag', '1.0.0');
  const url = join(folder, 'r');
  const of = async (version: string): Promise<string | undefined> => {
    const found = await resolveRefs(url, [version]);
    const [one] = found.ok ? found.value : [];
    if (one === undefined) throw new Error('no answer');
    return one.ok ? one.value : one.diagnostics[0]?.hint;
  };

  it('is accepted if vcstool and git know it', async () => {
    for (const version of [
      'HEAD',
      'tags/1.0.0',
      'heads/devel',
      'refs/tags/1.0.0',
      commit.toUpperCase(),
      commit.slice(0, 8),
    ])
      expect(await of(version), version).toBe(commit);
  });

  it('is reported with existing names', async () => {
    expect(await of('rolling')).toBe('it has the branches main, devel, humble and the tag 1.0.0');
    expect(await of('origin/devel')).toBe("the branch is called 'devel' in that repository");
    expect(await of('Main')).toBe("did you mean 'main'? It has the branches main, devel, humble");
    expect(await of('v1.0.0')).toContain("did you mean '1.0.0'?");
    expect(await of('0123456')).toContain('write all 40 digits');
  });

  it('is reported with its location, by a run', () => {
    write('v/distro.yaml', distro('repos: [all.repos]'));
    write('v/all.repos', `repositories:\n  r:\n    type: git\n    url: ${url}\n    version: rolling\n`);
    const { stderr, status } = slipway('v', 'validate');
    expect(stderr).toMatch(/^all\.repos:\d: error: .* has no branch or tag 'rolling' \[source-ref\]\n {4}it has the/);
    expect(status).toBe(1);
  });
});

describe("a cache that can't be fetched", () => {
  it('is reported with the file and line that ask for it', async () => {
    // A port without a server.
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const port = portOf(server);
    await new Promise((done) => server.close(done));
    write('c/distro.yaml', distro('sources: release', 'index: index-v4.yaml\n'));
    write(
      'c/index-v4.yaml',
      `distributions:\n  d:\n    distribution: [d.yaml]\n    distribution_cache: http://127.0.0.1:${port}/d-cache.yaml.gz\ntype: index\nversion: 4\n`,
    );
    write('c/d.yaml', 'type: distribution\nversion: 2\nrepositories: {}\n');
    const { stderr, status } = slipway('c', 'plan');
    expect(stderr).toMatch(
      /^index-v4\.yaml:4: error: the distribution's cache: can't fetch .* \[cache-unreachable\]\n/,
    );
    expect(stderr).toContain('cache: FILE');
    expect(status).toBe(1);
  });
});

describe('a text that is not UTF-8', () => {
  const latin1 = (text: string) => Buffer.from(text, 'latin1');
  it('is refused with its line, whatever encoding it declares', () => {
    const xml = `<?xml version="1.0" encoding="ISO-8859-1"?>\n${manifest('drive').replace('>d<', '>\nfür<')}`;
    expect(parseManifest(utf8Text(latin1(xml)), 'package.xml').diagnostics).toMatchObject([
      { code: 'manifest-xml', line: 3, message: 'the manifest is not UTF-8: this line has the byte 0xfc' },
    ]);
    expect(parseManifest(utf8Text(Buffer.from(xml)), 'package.xml').ok).toBe(true);
    expect(parseYaml(utf8Text(latin1('a: 1\nb: für\n')), 'a.yaml').diagnostics).toMatchObject([
      { code: 'yaml-invalid', line: 2 },
    ]);
    for (const text of ['ſ€𝄞 and � itself', '']) expect(utf8Text(Buffer.from(text))).toBe(text);
    expect(utf8Text(Buffer.from([0x61, 0xf0, 0x9d, 0x84]))).toBe('a\udcf0\udc9d\udc84');
  });

  it('is refused from a folder and from a repository', () => {
    write('e/distro.yaml', distro('folders: [src], repos: [all.repos]'));
    write('e/all.repos', 'repositories:\n  other: {type: git, url: ./other}\n');
    for (const path of ['src/one', 'other/two'])
      write(`e/${path}/package.xml`, latin1(manifest(path.slice(-3)).replace('>d<', '>für<')));
    git('e/other', 'init', '-q', '-b', 'main');
    git('e/other', 'add', '-A');
    git('e/other', 'commit', '-qm', 'one');
    const { stderr, status } = slipway('e', 'validate');
    expect(stderr).toContain('src/one/package.xml:1: error: the manifest is not UTF-8');
    expect(stderr).toContain('other/two/package.xml:1: error: the manifest is not UTF-8');
    expect(status).toBe(1);
  });
});

it('names of 300 letters are refused when they are read', () => {
  const long = 'n'.repeat(300);
  expect(parseManifest(manifest(long), 'package.xml').diagnostics).toMatchObject([
    { severity: 'error', line: 1, message: 'the package name is longer than 120 letters' },
  ]);
  const file = parseDistributionFile(`type: distribution\nversion: 2\nrepositories:\n  ${long}: {}\n`, 'd.yaml');
  expect(file.diagnostics).toMatchObject([{ severity: 'error', line: 4 }]);
  const repos = parseRepos(`repositories:\n  a/${long}: {type: git, url: 'https://e.org/a.git'}\n`, 'a.repos');
  expect(repos.diagnostics).toMatchObject([{ severity: 'error', line: 2 }]);
  for (const d of [...file.diagnostics, ...repos.diagnostics]) expect(d.message.length).toBeLessThan(150);
  write('long/distro.yaml', distro('folders: [src]').replace('acme', long));
  expect(slipway('long', 'validate').stderr).toContain('at most 60 letters');
  const naming = `naming: {package: '${'x'.repeat(100)}-{name}'}\n`;
  write('long/distro.yaml', distro('folders: [src]', naming));
  write('long/src/a/package.xml', manifest('a'.repeat(110)));
  expect(slipway('long', 'validate').stderr).toContain('[debian-name]');
});

it('files that a manifest declares outside of the prefix, and that distro.yaml does not allow, are reported', () => {
  const declared = '<export><system_file kind="udev" path="60-x.rules"/></export>';
  write('files/distro.yaml', distro('folders: [src]'));
  write('files/src/drive/package.xml', manifest('drive', declared));
  const { stderr } = slipway('files', 'validate');
  expect(stderr).toMatch(/^src\/drive\/package\.xml: warning: 'drive' declares files .* \[system-file\]\n/);
  expect(stderr).toContain('package_settings: {drive: {declared_system_files: true}}');
  appendFileSync(join(folder, 'files/distro.yaml'), 'package_settings: {drive: {declared_system_files: true}}\n');
  expect(slipway('files', 'validate').stderr).not.toContain('warning');
});

describe('--quiet and --json', () => {
  it('show only problems, and give them as data', () => {
    write('q/distro.yaml', distro('folders: [src]'));
    write('q/src/drive/package.xml', manifest('drive'));
    expect(slipway('q', 'validate').stderr).toContain('is valid');
    expect(slipway('q', 'validate', '--quiet')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    write('q/src/drive/package.xml', manifest('drive', '<depend>nowhere</depend>'));
    expect(slipway('q', 'validate', '-q').stderr).toContain('nowhere');
    const asData = slipway('q', 'validate', '--json');
    expect([asData.status, asData.stderr]).toEqual([1, '']);
    expect(JSON.parse(asData.stdout)).toMatchObject({
      valid: false,
      diagnostics: [{ severity: 'error', code: 'dependency-unresolved', file: 'src/drive/package.xml', line: 2 }],
    });
    const doctor: unknown = JSON.parse(slipway('q', 'doctor', '--json').stdout);
    expect(doctor).toMatchObject({ findings: expect.any(Array) as unknown });
    mkdirSync(join(folder, 'q/.slipway/layers'), { recursive: true });
    expect(JSON.parse(slipway('q', 'clean', '--dry-run', '--json').stdout)).toMatchObject({
      done: false,
      removed: [{ folder: join(folder, 'q/.slipway/layers') }],
    });
  });
});

describe('colours', () => {
  const onTerminal = (command: string, env: Record<string, string> = {}): string =>
    spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: join(folder, 'q'),
      encoding: 'utf8',
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
    }).stdout;

  it('mark errors on a terminal only', () => {
    const command = `node ${bundle} validate`;
    expect(onTerminal(command)).toContain('\x1b[1;31merror\x1b[0m: ');
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }])
      expect(onTerminal(command, env)).not.toContain('\x1b[1;31m');
    expect(onTerminal(command, { NO_COLOR: '' })).toContain('\x1b[1;31m');
    expect(slipway('q', 'validate').stderr).not.toContain('\x1b');
    expect(onTerminal(`node ${bundle} validate --json`)).not.toContain('\x1b[1');
  });
});

describe('mistakes in distro.yaml', () => {
  const told = (text: string): string => {
    write('m/distro.yaml', text);
    return slipway('m', 'validate').stderr;
  };
  write('m/src/drive/package.xml', manifest('drive'));

  it('are reported with their lines', () => {
    const plain = distro('folders: [src]');
    expect(told(plain.replace('[src]', '[sources]'))).toMatch(/^distro\.yaml:2: error: there is no folder sources/);
    expect(told(distro('repos: [no.repos]'))).toMatch(/^distro\.yaml:2: error: no\.repos does not exist/);
    expect(told(distro('folders: [src]', 'rosdep: [no.yaml]\n'))).toMatch(/^distro\.yaml:4: error: 'rosdep' names/);
    expect(told(`${plain}rosdep: [a\nstore: x\n`)).toContain('a bracket or quote that is not closed');
    expect(told(distro('folders: [src]', 'publish: {to: ["file:/srv/apt"]}\n'))).toMatch(
      /^distro\.yaml:4: warning: .*packages@acme\.invalid.* \[maintainer-unset\]\n {4}set `maintainer:/,
    );
    expect(told(distro('folders: [src]', 'publish: {to: ["file:/srv/apt"]}\nmaintainer: A <a@b.org>\n'))).not.toContain(
      'unset',
    );
    const idle = told(distro('folders: [src]', 'package_settings: {drvie: {cmake_args: [-DX=1]}}\n'));
    expect(idle).toMatch(/^distro\.yaml:4: warning: package_settings names 'drvie'.*\n {4}did you mean 'drive'\?/);
    for (const settings of ['drvie: {system: [xx]}', 'drvie: {skip: true}', "'dr*': {cmake_args: [-DX=1]}"])
      expect(told(distro('folders: [src]', `package_settings: {${settings}}\n`))).not.toContain('warning');
  });

  it('are reported for an index', () => {
    write(
      'm/i.yaml',
      'distributions:\n  d: {distribution: [d.yaml], distribution_type: ros3}\ntype: index\nversion: 4\n',
    );
    expect(told(distro('folders: [src]', 'index: i.yaml\n'))).toMatch(
      /^i\.yaml:2: error: distribution_type of 'd' is "ros3".*\n {4}use ros1 or ros2/,
    );
  });
});
