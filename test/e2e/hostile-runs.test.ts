import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { changeNamespace } from '../../ts-src/farm/run-manifest.ts';
import { discard, shareState, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const folder = workspace('hostile-runs');
const distro = join(folder, 'distro');
const store = `file:${folder}/farm`;
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });

beforeAll(() => {
  mkdirSync(distro);
  writeTiny(distro, { base: { cmake: 'message(FATAL_ERROR "no")' } });
  shareState(join(folder, 'other'));
  writeFileSync(join(distro, '.gitignore'), '.slipway\n');
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'distro');
});
afterAll(() => discard(folder));

/** Plans a run that is not trusted. Returns its id and its namespace in the store. */
async function prepared(...options: string[]): Promise<{ run: string; namespace: string }> {
  const state = ['--state', join(folder, '.slipway')];
  const ran = await slipway(['prepare', '--store', store, ...state, '--target', 'main', ...options], distro);
  expect(ran.code, ran.stderr).toBe(0);
  const said = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(ran.stdout)?.[1] ?? '';
  return { run: said('run'), namespace: said('namespace') };
}

it('whose manifest was changed in the store still has a headline of one line, and names nobody to write to', async () => {
  const { run, namespace } = await prepared('--request', '_distro 7');
  expect(namespace).toBe(changeNamespace('request', '_distro 7'));
  const file = join(folder, 'farm/untrusted', namespace, 'runs', run, 'bundle.gz');
  const manifest = gunzipSync(readFileSync(file)).toString();
  const title = `acme\nmaintainer stranger@example.org\u2028\nfailed it${'x'.repeat(100_000)}`;
  const changed = manifest.replace('"title":"pull request _distro 7 into main"', `"title":${JSON.stringify(title)}`);
  expect(changed).not.toBe(manifest);
  writeFileSync(file, gzipSync(changed));
  const where = ['--run', run, '--store', store, '--namespace', namespace, '--state', join(folder, 'other')];
  const { stdout } = await slipway(['report', ...where, '--output', join(folder, 'out')], folder);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^acme maintainer stranger@example\.org failed itx+…: nothing to do$/);
  expect(lines[0]?.length).toBeLessThan(1000);
  expect(lines.slice(1)).toEqual([]);
});

it('has a namespace of its own in the store, whatever a job or another pull request is called', () => {
  const all = [
    changeNamespace('request', 'x 7'),
    changeNamespace('request', '_x 7'),
    changeNamespace('job', 'x 7'),
    changeNamespace('job', 'request x 7'),
    changeNamespace('job', ''),
  ];
  expect(new Set(all).size).toBe(all.length);
  for (const name of all) expect(name).toMatch(/^(request|job)-[\w-]*[0-9a-f]{16}$/);
});
