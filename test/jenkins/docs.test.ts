import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { files } from '../e2e/docs-files.ts';
import { discard, shareState, workspace } from '../e2e/helpers.ts';
import { jenkins, makeKey, type Built } from './built.ts';
import { resultsIn } from '../results.ts';

/** A nightly whose lanes build, document and publish small packages that refer to each other. */
describe('distroPipeline(docs: true)', () => {
  const folder = workspace('jenkins-docs');
  const distro = join(folder, 'distro');
  const site = join(folder, 'site/nightly');
  let count = 0;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
  const change = (changes: Record<string, string>) => {
    for (const [path, text] of Object.entries(changes)) {
      mkdirSync(dirname(join(distro, path)), { recursive: true });
      writeFileSync(join(distro, path), text);
    }
    git('add', '.');
    git('commit', '-qm', 'change');
  };
  const nightly = (options = 'docs: true', build: Record<string, unknown> = {}) =>
    jenkins(folder, `${++count}`, {
      jenkinsfile: `distroPipeline(lanes: 2, ${options}, repository: '${join(folder, 'apt')}', signingKey: 'key')`,
      credentials: { key: { content: readFileSync(join(folder, 'key.asc'), 'utf8') } },
      scmUrl: distro,
      scmRef: 'refs/heads/main',
      job: 'distro',
      agents: ['one', 'two'].map((name) => ({
        name,
        labels: 'slipway amd64',
        env: { XDG_STATE_HOME: join(folder, name) },
      })),
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/distro/main' },
      ...build,
    });
  const documented = (b: Built) => {
    const results = resultsIn(join(b.home, 'artifacts/slipway-report/result.json'));
    return Object.fromEntries(results.flatMap((t) => (t.kind === 'docs' ? [[t.name, t.state]] : [])));
  };
  const ended = (b: Built, result: string) =>
    expect(b.result, `${b.failure}\n${b.trace}\n${b.log.slice(-6000)}`).toBe(result);
  const page = (path: string) => readFileSync(join(site, 'latest', path), 'utf8');

  beforeAll(() => {
    for (const agent of ['one', 'two']) shareState(join(folder, agent, 'slipway'));
    makeKey(folder);
    mkdirSync(distro);
    git('init', '-q', '-b', 'main', '.');
    const text = files['distro.yaml']?.replace('file:published', `file:${join(folder, 'site')}`) ?? '';
    change({ ...files, 'distro.yaml': `${text}store: file:${join(folder, 'store')}\n` });
  });
  afterAll(() => discard(folder));

  it('a nightly makes the documentation on its lanes and publishes a site with links between packages', async () => {
    const b = await nightly();
    ended(b, 'SUCCESS');
    expect(documented(b)).toEqual({ base: 'built', user: 'built' });
    expect(b.log.match(/^documenting d\/bookworm-amd64\/(base|user):docs$/gm)).toHaveLength(2);
    expect(b.description).toBe('main: 2 built, tests of 2 packages passed, documentation of 2 packages');
    expect(readlinkSync(join(site, 'latest'))).toMatch(/^\d{14}-[0-9a-f]{8}$/);
    expect(page('d/user/api/classuser_1_1Clock.html')).toContain('href="../../base/api/classbase_1_1Time.html');
    // Packages are published before the site, because pages show the versions in channels.
    expect(page('d/base/index.html')).toMatch(/nightly: <code>1\.2\.3-0bookworm/);
    const junit = readFileSync(join(b.home, 'junit/slipway-report/junit/d/bookworm-amd64.xml'), 'utf8');
    expect(junit).toMatch(/<testcase classname="\S*base" name="docs"/);
  });

  it('a nightly without changes makes nothing, and leaves the site unchanged', async () => {
    const before = readlinkSync(join(site, 'latest'));
    const b = await nightly();
    ended(b, 'SUCCESS');
    expect(documented(b)).toEqual({ base: 'cached', user: 'cached' });
    expect(b.log).not.toContain('documenting ');
    expect(b.log).toContain('has this documentation already');
    expect(readlinkSync(join(site, 'latest'))).toBe(before);
  });

  it('an edit of a comment remakes the pages of one package', async () => {
    const header = 'src/base/include/base/time.h';
    change({ [header]: files[header]?.replace('A moment of the robot', 'A moment of any robot') ?? '' });
    const b = await nightly();
    ended(b, 'SUCCESS');
    expect(documented(b)).toEqual({ base: 'built', user: 'cached' });
    expect(b.log.match(/^documenting /gm)).toHaveLength(1);
    expect(page('d/base/api/overview.html')).toContain('A moment of any robot');
    expect(readdirSync(site).filter((name) => /^\d/.test(name))).toHaveLength(2);
  });

  it('a pull request makes the documentation of what it changes, and does not publish it', async () => {
    const before = readdirSync(site).sort();
    git('checkout', '-q', '-b', 'request');
    change({ 'src/user/README.md': '# user\n\nWhat it is for.\n' });
    git('checkout', '-q', 'main');
    const env = { CHANGE_ID: '3', CHANGE_TARGET: 'main', BRANCH_NAME: 'PR-3', JOB_NAME: 'acme/distro/PR-3' };
    const b = await nightly('docs: true', { scmRef: 'refs/heads/request', env });
    ended(b, 'SUCCESS');
    expect(documented(b)).toEqual({ base: 'cached', user: 'built' });
    expect(b.log).not.toContain('{ (Documentation)');
    expect(readdirSync(site).sort()).toEqual(before);
  });

  it('faults of documentation are reported with lines, make the build unstable, and stop nothing', async () => {
    const header = 'src/base/include/base/time.h';
    const text = files['distro.yaml']?.replace('file:published', `file:${join(folder, 'site')}`) ?? '';
    change({
      'distro.yaml': `${text.replace('keep: 3', 'keep: 3, warnings: {base: 0}')}store: file:${join(folder, 'store')}\n`,
      [header]: `${files[header]?.replace('\\param precise', '\\param nothing_of_it')}/** More. */\nvoid more();\n`,
    });
    const b = await nightly();
    ended(b, 'UNSTABLE');
    expect(documented(b)).toEqual({ base: 'failed', user: 'built' });
    expect(b.description).toMatch(/^main: failed: documentation of base, /);
    const report = readFileSync(join(b.home, 'artifacts/slipway-report/report.html'), 'utf8');
    expect(report).toMatch(/include\/base\/time\.h:\d+: .*nothing_of_it/);
    expect(page('d/base/index.html')).toContain('This documentation has faults.');
    expect(existsSync(join(folder, 'apt/nightly/apt/dists/bookworm-d/InRelease'))).toBe(true);
    const strict = await nightly("docs: 'strict'");
    ended(strict, 'FAILURE');
    expect(strict.description).toMatch(/^main: failed: documentation of base, /);
    const now = readFileSync(join(folder, 'distro/distro.yaml'), 'utf8');
    change({ 'distro.yaml': now.replace('docs: {', 'docs: {strict: true, ') });
    ended(await nightly(), 'FAILURE');
  });

  it('a run without a place for its site is refused before anything is built', async () => {
    change({
      'distro.yaml': (files['distro.yaml'] ?? '').replace(/^docs: .*$/m, `store: file:${join(folder, 'store')}`),
    });
    const b = await nightly();
    ended(b, 'FAILURE');
    expect(b.failure).toContain('docs.to of distro.yaml names no place for it [docs-place]');
    expect(b.log).not.toContain('documenting ');
  });
});
