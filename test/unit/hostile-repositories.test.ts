import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkout } from '../../ts-src/read/git/git.ts';
import { committing } from './git-author.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-bombs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const repository = join(folder, 'bomb');
const git = (args: string[], input: string | Buffer = ''): string =>
  execFileSync('git', args, { cwd: repository, env: committing, input, encoding: 'utf8' }).trim();
const blob = (text: string | Buffer): string => git(['hash-object', '-w', '--stdin'], text);
type Entry = [mode: string, object: string, name: string];
const types: Record<string, string> = { '040000': 'tree', '160000': 'commit' };
const tree = (entries: Entry[]): string =>
  git(
    ['mktree', '--missing'],
    entries.map(([mode, object, name]) => `${mode} ${types[mode] ?? 'blob'} ${object}\t${name}\n`).join(''),
  );
const commit = (entries: Entry[]): string => git(['commit-tree', '-m', 'x', tree(entries)]);
const times = (n: number, of: (i: number) => Entry): Entry[] => Array.from({ length: n }, (_, i) => of(i));
/** A tree that contains another one ten times, which contains a third one ten times, and so on. */
const nested = (depth: number, innermost: string): string =>
  Array.from({ length: depth }).reduce<string>(
    (inner) => tree(times(10, (i) => ['040000', inner, `d${i}`])),
    innermost,
  );
const manifest = (name: string, description = 'd'): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>${description}</description>` +
  '<maintainer email="a@b.org">a</maintainer><license>BSD</license></package>\n';

mkdirSync(join(folder, 'distro'));
execFileSync('git', ['init', '-q', '-b', 'main', repository]);
writeFileSync(
  join(folder, 'distro/distro.yaml'),
  'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [a.repos], ros_version: 1}}\n' +
    'platforms: {bookworm: {os: debian, release: bookworm}}\n',
);
writeFileSync(
  join(folder, 'distro/a.repos'),
  `repositories:\n  good: {type: git, url: ${folder}/good, version: main}\n  bomb: {type: git, url: ${repository}, version: main}\n`,
);
mkdirSync(join(folder, 'good'));
writeFileSync(join(folder, 'good/package.xml'), manifest('good'));
for (const args of [
  ['init', '-q', '-b', 'main'],
  ['add', '-A'],
  ['commit', '-qm', 'x'],
])
  execFileSync('git', args, { cwd: join(folder, 'good'), env: committing });

const bombs: Record<string, () => string> = {
  'more than 500,000 files and folders': () => commit([['040000', nested(9, tree([['100644', blob('x'), 'x']])), 'z']]),
  'more than 500,000 files and folders ': () => commit([['040000', nested(9, tree([])), 'empty']]),
  'more than 10000 packages': () => {
    const one = tree([['100644', blob(manifest('p')), 'package.xml']]);
    return commit([['040000', nested(3, tree(times(11, (i) => ['040000', one, `p${i}`]))), 'z']]);
  },
  'more than 64 MiB of manifests': () => {
    const one = tree([['100644', blob(manifest('p', 'x'.repeat(4_000_000))), 'package.xml']]);
    return commit(times(20, (i) => ['040000', one, `p${i}`]));
  },
  'more than 1 MiB of .gitmodules': () =>
    commit([
      ['100644', blob(Buffer.alloc(2 << 20, '#')), '.gitmodules'],
      ['160000', git(['rev-parse', 'main']), 'inner'],
    ]),
  // Each commit contains the one before it ten times.
  'more than 1000 submodules': () => {
    const modules = times(10, (i) => ['', '', `s${i}`])
      .map(([, , name]) => `[submodule "${name}"]\n\tpath = ${name}\n\turl = ${repository}\n`)
      .join('');
    const listed: Entry = ['100644', blob(modules), '.gitmodules'];
    let at = commit([['100644', blob('x'), 'x']]);
    for (let i = 0; i < 6; i++) at = commit([listed, ...times(10, (n): Entry => ['160000', at, `s${n}`])]);
    git(['config', 'uploadpack.allowAnySHA1InWant', 'true']);
    return at;
  },
};

it.each(Object.keys(bombs))('a repository with %s affects only its own packages', (most) => {
  git(['update-ref', 'refs/heads/main', bombs[most]?.() ?? '']);
  const begun = Date.now();
  const ran = spawnSync('node', [join(__dirname, '../../resources/slipway.cjs'), 'plan'], {
    cwd: join(folder, 'distro'),
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect([ran.error, ran.status], ran.stderr).toEqual([undefined, 1]);
  expect(ran.stderr).toContain(
    `a.repos:3: error: ${repository} holds ${most.trim()}: it is too large to read [source-size]`,
  );
  expect(ran.stdout).toContain('good');
  expect(Date.now() - begun).toBeLessThan(60_000);
});

it('a package of more than 16 GiB is not written to the disk', async () => {
  const large = blob(Buffer.alloc(64 << 20));
  const to = join(folder, 'out');
  const made = await checkout(
    { gitDir: join(repository, '.git') },
    tree(times(300, (i) => ['100644', large, `f${i}`])),
    to,
  );
  expect(made.diagnostics.map((d) => d.message).join()).toContain('holds more than 16 GiB of files');
  expect(readdirSync(folder)).not.toContain('out');
});
