import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { discard, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

let folder: string;
beforeAll(() => {
  folder = workspace('claimed');
});
afterAll(() => discard(folder));

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], { cwd: folder });

/** Prepares a run. Returns its id, and its namespace in the store. */
async function prepared(...args: string[]): Promise<{ id: string; namespace: string }> {
  const ran = await slipway(['prepare', '--no-test', ...args], folder, { env: { SLIPWAY_STATE: state() } });
  const of = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(ran.stdout)?.[1] ?? '';
  if (ran.code !== 0) throw new Error(ran.stderr);
  return { id: of('run'), namespace: of('namespace') };
}
const state = () => join(folder, '.slipway');

it('a run of a namespace that claims the id of a trusted one writes no log of it', async () => {
  const told = (what: string) => `message("told by ${what}")`;
  writeTiny(folder, { one: { cmake: told('ours') } });
  writeFileSync(join(folder, '.gitignore'), '.slipway\n');
  git('init', '-q', '-b', 'main', '.');
  git('add', '-A');
  git('commit', '-qm', 'x');
  const ours = await prepared('--branch', 'main');
  git('checkout', '-qb', 'request');
  writeTiny(folder, { one: { cmake: told('theirs') } });
  git('commit', '-qam', 'y');
  const theirs = await prepared('--request', '7', '--target', 'main');
  // Who writes there gives the run any id.
  const runs = join(state(), 'store/untrusted', theirs.namespace, 'runs');
  cpSync(join(runs, theirs.id), join(runs, ours.id), { recursive: true });
  const manifest = join(runs, ours.id, 'bundle.gz');
  writeFileSync(manifest, gzipSync(gunzipSync(readFileSync(manifest)).toString().replaceAll(theirs.id, ours.id)));
  const common = ['--run', ours.id, '--store', `file:${state()}/store`, '--tasks', '0'];
  for (const more of [[], ['--namespace', theirs.namespace]]) {
    const ran = await slipway(['work', ...common, ...more], folder, { env: { SLIPWAY_STATE: state() } });
    expect(ran.stdout, ran.stderr).toContain('0 built');
  }
  const logs = readdirSync(join(state(), 'runs'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('one.log'));
  const own = logs.filter((log) => log.startsWith(`${ours.id}/`));
  expect(logs.length).toBe(2);
  expect(own.map((log) => readFileSync(join(state(), 'runs', log), 'utf8')).join()).toContain('told by ours');
}, 120_000);
