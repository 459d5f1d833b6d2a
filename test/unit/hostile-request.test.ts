import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { withDistro } from '../../ts-src/cli/farm/distro-url.ts';
import { targetCommit } from '../../ts-src/cli/farm/target-commit.ts';
import { trustedWorkspace } from '../../ts-src/cli/farm/run-plan.ts';
import { readDistribution } from '../../ts-src/read/distribution.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-request-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], {
    cwd: join(folder, cwd),
    encoding: 'utf8',
  });
const commit = (cwd: string): void => {
  git(cwd, 'add', '-A');
  git(cwd, 'commit', '-qm', 'x');
};
const repository = (name: string): void => {
  write(
    `${name}/package.xml`,
    `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>` +
      '<maintainer email="a@b.org">a</maintainer><license>BSD</license></package>\n',
  );
  git(name, 'init', '-q', '-b', 'main');
  commit(name);
};
const distro = (more: string): void =>
  write(
    'distro/distro.yaml',
    'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [a.repos], ros_version: 1}}\n' +
      `platforms: {bookworm: {os: debian, release: bookworm}}\n${more}`,
  );
const named = (urls: Record<string, string>): void =>
  write(
    'distro/a.repos',
    `repositories:\n${Object.entries(urls)
      .map(([name, url]) => `  ${name}: {type: git, url: "${url}", version: main}\n`)
      .join('')}`,
  );

it("a pull request on packages can't choose the distro repository, nor read files through symlinks", async () => {
  for (const name of ['ours', 'strangers']) {
    write(`${name}/distro.yaml`, `organization: ${name}\n`);
    git(name, 'init', '-q', '-b', 'main');
    commit(name);
  }
  repository('packages');
  write('packages/.slipway-distro', `${folder}/ours#main\n`);
  commit('packages');
  git('packages', 'checkout', '-qb', 'request');
  write('packages/.slipway-distro', `${folder}/strangers#main\n`);
  commit('packages');
  const named = { 'distro-url': `file:${folder}/packages/.slipway-distro`, state: join(folder, 'state') };
  const of = async (values: object) => {
    const found = await withDistro<Parameters<typeof withDistro>[0]>({ ...named, ...values });
    return found.ok ? readFileSync(found.value.distro ?? '', 'utf8') : found.diagnostics[0]?.message;
  };
  expect(await of({ request: '7', target: 'main' })).toBe('organization: ours\n');
  expect(await of({})).toBe('organization: strangers\n');
  expect(await of({ request: '7' })).toMatch(/so it needs --target$/);
  git('packages', 'checkout', '-qb', 'other', 'main~1');
  symlinkSync('/etc/passwd', join(folder, 'packages/.slipway-distro'));
  expect(await of({})).toBe('.slipway-distro is a link, not a file');
  expect(await of({ request: '7', target: 'other' })).toMatch(
    /^the distro repository of this package is not configured .* target branch/,
  );
});

it('a pull request reads no local repository that its target does not name, and sets no place', async () => {
  repository('known');
  repository('secret');
  distro('tests: {minutes: 5, skip: [a]}\npublish: {to: ["file:/srv/apt"]}\ndocs: {keep: 3}\n');
  named({ known: '../known' });
  git('distro', 'init', '-q', '-b', 'main');
  commit('distro');
  git('distro', 'checkout', '-qb', 'request');
  distro(
    'mirror: state\ntests: {minutes: 9999, retries: 9, skip: [b]}\npublish: {to: ["ssh://evil.test/apt"]}\n' +
      'docs: {keep: 1, strict: true}\ntracks: [{branch: main, channel: release/1}]\n' +
      'channels: {nightly: {tests: false}}\n',
  );
  const urls = {
    path: `${folder}/secret`,
    relative: '../secret',
    way: `${folder}/known/../secret`,
    file: `file://${folder}/secret`,
  };
  named({ known: '../known', ...urls });
  commit('distro');
  const values = {
    distro: join(folder, 'distro/distro.yaml'),
    state: join(folder, 'state'),
    request: '7',
    target: 'main',
  };
  const workspace = await trustedWorkspace(values);
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  expect(workspace.value.distro).toMatchObject({
    mirror: 'archive',
    publish: { to: ['file:/srv/apt'] },
    tests: { minutes: 5, retries: 0, skip: ['b'] },
    docs: { keep: 3, strict: true },
    tracks: [],
    channels: {},
  });
  const read = await readDistribution(workspace.value, 'd', undefined, new Map(), {});
  expect(read.ok && [...read.value.packages.keys()]).toEqual(['known']);
  expect(read.diagnostics.map((d) => [d.code, d.line]).sort()).toEqual(
    Object.keys(urls).map((_, i) => ['request-source', i + 3]),
  );
});

it("a pull request can't read files of this machine through a package's symlink", async () => {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, 'linked', path)), { recursive: true });
    writeFileSync(join(folder, 'linked', path), text);
  };
  const distro = (more: string) =>
    'organization: acme\nindex: index.yaml\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\n' +
    `platforms: {bookworm: {os: debian, release: bookworm}}\n${more}`;
  write('distro.yaml', distro(''));
  write('index.yaml', 'version: 4\ndistributions: {d: {distribution: [src/out/d.yaml]}}\n');
  write('../machine/d.yaml', 'version: 2\nrepositories: {}\n');
  git('linked', 'init', '-q', '-b', 'main');
  commit('linked');
  git('linked', 'checkout', '-qb', 'request');
  mkdirSync(join(folder, 'linked/src'));
  symlinkSync(join(folder, 'machine'), join(folder, 'linked/src/out'));
  const read = async (more: string) => {
    write('distro.yaml', distro(more));
    commit('linked');
    const values = { distro: join(folder, 'linked/distro.yaml'), state: join(folder, 'state'), request: '8' };
    return trustedWorkspace({ ...values, target: 'main' });
  };
  // If distro.yaml names the file, a package's own symlink is refused; if the index does, the file does not belong to
  // the repository.
  for (const named of ['rosdep: [src/out/d.yaml]\n', 'package_settings: {a: {patches: [src/out/d.yaml]}}\n'])
    expect(await read(named)).toMatchObject({ ok: false, diagnostics: [{ code: 'request-link' }] });
  const workspace = await read('');
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  const found = await readDistribution(workspace.value, 'd', undefined, new Map(), {});
  expect(found.diagnostics.map((d) => d.code)).toContain('file-outside');
});

it('a pull request does not learn which files this machine has', async () => {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, 'asking', path)), { recursive: true });
    writeFileSync(join(folder, 'asking', path), text);
  };
  write(
    'distro.yaml',
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\n' +
      'platforms: {bookworm: {os: debian, release: bookworm}}\n',
  );
  write('src/own/package.xml', '<package/>');
  write('../there/package.xml', '');
  git('asking', 'init', '-q', '-b', 'main');
  commit('asking');
  const told = async (links: Record<string, string>) => {
    git('asking', 'checkout', '-q', '-B', 'request', 'main');
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(dirname(join(folder, 'asking', path)), { recursive: true });
      symlinkSync(target, join(folder, 'asking', path));
    }
    commit('asking');
    const values = { distro: join(folder, 'asking/distro.yaml'), state: join(folder, 'state'), request: '9' };
    const workspace = await trustedWorkspace({ ...values, target: 'main' });
    if (!workspace.ok) return workspace.diagnostics.map((d) => d.code);
    const found = await readDistribution(workspace.value, 'd', undefined, new Map(), {});
    return found.diagnostics.map((d) => d.code).filter((code) => /^(file-missing|folder-link)$/.test(code));
  };
  const asked = (there: string) => [
    { 'src/a/package.xml': join(folder, there, 'package.xml') },
    { 'src/a': join(folder, there) },
    { 'src/a': `../../${there}` },
    // By way of it, back to the repository.
    { 'src/a': join(folder, there, '../asking/src/own') },
    { link: join(folder, there) },
    { link: `../${there}/../asking/src` },
  ];
  for (const [i, links] of asked('there').entries())
    expect(await told(links), JSON.stringify(links)).toEqual(await told(asked('missing')[i] ?? {}));
  expect(await told({ link: 'src/own', again: 'link/../../src' })).toEqual([]);
  expect(await told({ 'src/a': 'own' })).toEqual(['folder-link']);
});

it('a name that git reads as a commit of the pull request is no target branch', async () => {
  write('named/a', 'a');
  git('named', 'init', '-q', '-b', 'main');
  commit('named');
  const own = git('named', 'rev-parse', 'HEAD').trim();
  git('named', 'branch', '20260101');
  git('named', 'tag', 'tagged');
  const commitOf = (name: string) => targetCommit(join(folder, 'named'), name);
  for (const name of ['HEAD', own.slice(0, 12), `main-g${own.slice(0, 8)}`, 'tagged', 'heads/main'])
    expect(await commitOf(name)).toMatchObject({ code: 'history' });
  for (const name of ['main', '20260101', own]) expect(await commitOf(name)).toBe(own);
});
