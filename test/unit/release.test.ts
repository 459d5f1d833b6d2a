import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'slipway-release-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
const release = (...args: string[]) =>
  spawnSync('node', [join(root, 'scripts/release.mjs'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    },
  });
const write = (file: string, text: string) => writeFileSync(join(folder, file), text);

it('a release updates the version everywhere, and adds a changelog section and a tag; faults are found first', () => {
  for (const name of [
    'package.json',
    'package-lock.json',
    'README.md',
    'docs',
    'build.mjs',
    'scripts',
    'deploy',
    'ts-src',
    'resources',
  ])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(root, '.gitignore'), join(folder, '.gitignore'));
  execFileSync('ln', ['-s', join(root, 'node_modules'), join(folder, 'node_modules')]);
  write('.gitignore', 'node_modules\n');
  write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n');
  git('init', '--quiet');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'a');

  expect(release('9.1').stderr).toContain('usage: npm run release -- X.Y.Z');
  expect(release('0.0.1').stderr).toContain('0.0.1 is not newer than');
  expect(release('9.1.0').stderr).toContain('nothing under "## Unreleased"');
  write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n- It floats.\n');
  expect(release('9.1.0').stderr).toContain('the working tree has changes');
  git('commit', '--quiet', '--all', '--message', 'b');

  const made = release('9.1.0');
  expect(made.status, made.stderr).toBe(0);
  expect(git('status', '--porcelain')).toBe('');
  expect(git('describe', '--exact-match').trim()).toBe('v9.1.0');
  expect(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')).toMatch(
    /^# Changelog\n\n## Unreleased\n\n## 9\.1\.0 \(\d{4}-\d\d-\d\d\)\n\n- It floats\.\n$/,
  );
  for (const file of ['package.json', 'package-lock.json'])
    expect((JSON.parse(readFileSync(join(folder, file), 'utf8')) as { version: string }).version).toBe('9.1.0');
  expect(readFileSync(join(folder, 'docs/jenkins.md'), 'utf8')).toContain("@Library('slipway@v9.1.0') _");
  const outdated = `v${(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version}`;
  expect(
    spawnSync('git', ['grep', '--fixed-strings', outdated, '--', 'README.md', 'docs'], { cwd: folder }).status,
  ).toBe(1);
  expect(execFileSync('node', [join(folder, 'resources/slipway.cjs'), '--version'], { encoding: 'utf8' })).toBe(
    'slipway 9.1.0\n',
  );
  expect(release('9.1.0').stderr).toContain('9.1.0 is not newer than 9.1.0');
});
