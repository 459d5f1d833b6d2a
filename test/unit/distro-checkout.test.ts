import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withDistro } from '../../ts-src/cli/farm/distro-url.ts';
import { surveyMachine } from '../../ts-src/collect/machine.ts';
import { SizeMemory } from '../../ts-src/collect/measure.ts';
import { wrapProgram } from './wrapped-program.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';

const bundle = join(import.meta.dirname, '../../resources/slipway.cjs');
const folder = mkdtempSync(join(tmpdir(), 'slipway-distro-'));
const ours = join(folder, 'ours');
const files = ['distro.yaml', 'more', 'zone.yaml'];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], { cwd: ours });
  mkdirSync(join(ours, 'more'), { recursive: true });
  for (const file of ['distro.yaml', 'zone.yaml']) writeFileSync(join(ours, file), 'organization: acme\n');
  for (let i = 0; i < 500; i++) writeFileSync(join(ours, 'more', `${i}`), `${i}`);
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'x');
});

/** The files of the distro repository's checkout, or why there is none. */
async function checkoutIn(state: string): Promise<string[] | undefined> {
  const found = await withDistro<Parameters<typeof withDistro>[0]>({ 'distro-url': `${ours}#main`, state });
  if (!found.ok) return found.diagnostics.map((d) => d.message);
  return readdirSync(dirname(found.value.distro ?? '')).sort();
}

it('runs that begin at once on a machine share the checkout of the distro repository', async () => {
  const state = join(folder, 'shared');
  const found = await Promise.all([1, 2, 3, 4].map(() => checkoutIn(state)));
  expect(found).toEqual([files, files, files, files]);
  expect(readdirSync(join(state, 'distro'))).toHaveLength(1);
});

it('a run that is killed leaves no checkout that lacks files; what it leaves is removed later', async () => {
  const state = join(folder, 'killed');
  const half = `cd "$GIT_WORK_TREE"; cp ${ours}/distro.yaml .; kill -KILL $PPID; exit 1`;
  const killing = (real: string) => `case "$*" in *checkout-index*) ${half} ;; esac\nexec ${real} "$@"`;
  const PATH = wrapProgram(join(folder, 'bin'), 'git', killing);
  const killed = spawnSync('node', [bundle, 'prepare', '--distro-url', `${ours}#main`, '--state', state], {
    cwd: folder,
    env: { ...process.env, PATH },
  });
  expect(killed.signal).toBe('SIGKILL');
  expect(await checkoutIn(state)).toEqual(files);
  const left = readdirSync(join(state, 'distro')).filter((name) => name.startsWith('.'));
  expect(left.length).toBeGreaterThan(0);
  const now = Date.now() + 2 * 86_400_000;
  const survey = { state, driver: unshareDriver(), sizes: new SizeMemory(state), now, days: 30 };
  const expired = (await surveyMachine(survey)).filter((thing) => thing.until < now).flatMap((thing) => thing.paths);
  expect(expired.sort()).toEqual(left.map((name) => join(state, 'distro', name)).sort());
});

it('a checkout of the distro repository that runs use is kept', async () => {
  const state = join(folder, 'used');
  await checkoutIn(state);
  const [name = ''] = readdirSync(join(state, 'distro'));
  const kept = join(state, 'distro', name);
  const long = new Date(Date.now() - 40 * 86_400_000);
  const below = readdirSync(kept, { recursive: true }).map((path) => join(kept, String(path)));
  for (const path of [...below, kept]) utimesSync(path, long, long);
  await checkoutIn(state);
  const survey = { state, driver: unshareDriver(), sizes: new SizeMemory(state), now: Date.now(), days: 30 };
  const thing = (await surveyMachine(survey)).find((one) => one.paths.includes(kept));
  expect(thing?.until).toBeGreaterThan(Date.now());
});
