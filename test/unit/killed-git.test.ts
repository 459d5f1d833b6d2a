import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { wrapProgram } from './wrapped-program.ts';
import { fetchCommit, repositoryFolder, resolveRef, snapshotFolder } from '../../ts-src/read/git/git.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-killed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const from = join(folder, 'from');
const commit = (text: string): string => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], { cwd: from, encoding: 'utf8' });
  mkdirSync(from, { recursive: true });
  writeFileSync(join(from, 'a'), text);
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'x');
  return git('rev-parse', 'HEAD').trim();
};

/** What git has made of a repository when it is killed. */
function halfMade(gitDir: string): void {
  spawnSync('git', ['init', '--quiet', '--bare', gitDir]);
  for (const name of ['config', 'objects']) rmSync(join(gitDir, name), { recursive: true });
}

it('a repository that a killed git made by half is made again', async () => {
  const head = commit('1');
  const state = join(folder, 'state');
  halfMade(repositoryFolder(state, from));
  halfMade(join(state, 'git/folders.git'));
  const resolved = await resolveRef(from, 'main');
  expect(resolved).toMatchObject({ ok: true, value: head });
  expect(await fetchCommit(from, head, state)).toMatchObject({ ok: true });
  expect(await snapshotFolder(from, state)).toMatchObject({ ok: true });
  expect(readdirSync(join(state, 'git')).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('a git that is killed while it makes a repository leaves none', async () => {
  const head = commit('2');
  const state = join(folder, 'state-killed');
  const half = (real: string) => `${real} "$@"; for made; do :; done; rm -rf "$made/objects"; kill -KILL $$`;
  const killed = (real: string) => `[ "$1" != init ] || { ${half(real)}; }\nexec ${real} "$@"`;
  const { PATH } = process.env;
  process.env.PATH = wrapProgram(join(folder, 'bin'), 'git', killed);
  try {
    expect(await fetchCommit(from, head, state)).toMatchObject({ diagnostics: [{ code: 'source-store' }] });
    expect(await snapshotFolder(from, state)).toMatchObject({ diagnostics: [{ code: 'source-store' }] });
  } finally {
    process.env.PATH = PATH;
  }
  expect(readdirSync(join(state, 'git')).filter((name) => !name.endsWith('.lock'))).toEqual([]);
});

it('parts of packs that a killed fetch left are removed by the next one', async () => {
  const state = join(folder, 'state-packs');
  const first = commit('3');
  expect(await fetchCommit(from, first, state)).toMatchObject({ ok: true });
  const packs = join(repositoryFolder(state, from), 'objects/pack');
  mkdirSync(packs, { recursive: true });
  writeFileSync(join(packs, 'tmp_pack_ABCDEF'), 'part');
  expect(await fetchCommit(from, commit('4'), state)).toMatchObject({ ok: true });
  expect(readdirSync(packs).filter((name) => name.startsWith('tmp_'))).toEqual([]);
});
