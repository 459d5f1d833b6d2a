import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { randoms } from '../../ts-src/query/simulate.ts';
import { cache, discard, fromNothing, installAndRun, resultOf, slipway, workspace } from '../e2e/helpers.ts';
import { chainEdits, commitChain, makeChain } from '../e2e/chain.mjs';
import { contentsOf } from '../e2e/edits.mjs';

interface Edit {
  name: string;
  packages: string[];
  inside?: true;
  apply: (source: string, n: number) => void;
}
const contents = contentsOf as (folder: string) => Record<string, string>;
const built = (folder: string) =>
  resultOf(folder)
    .filter((r) => r.state === 'built')
    .map((r) => r.name)
    .sort();

/** Digest of each published file by name. */
const published = (at: string): Record<string, string> =>
  Object.fromEntries(resultOf(at).flatMap((r) => (r.debs ?? []).map((d) => [d.name, d.sha256])));

/** Runs something while two processes keep this machine busy. */
async function underLoad<T>(run: () => Promise<T>): Promise<T> {
  const load = [1, 2].map(() => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
  try {
    return await run();
  } finally {
    for (const process of load) process.kill('SIGKILL');
  }
}

const parts = ['distro.yaml', 'rosdep.yaml', 'rosdistro', 'patches'];
const folder = workspace('chain');
const whole = join(folder, 'whole');
afterAll(() => discard(folder));

it('the real chain with random edits gives at every step what a build from nothing gives', async () => {
  await (makeChain as (folder: string, sources: string) => Promise<void>)(folder, join(cache, 'sources'));
  expect((await slipway(['build'], folder)).code).toBe(0);
  const random = randoms(20261125);
  const edits = chainEdits as Edit[];
  let before = contents(folder);
  let printed = '';
  for (let i = 0; i < 24; i++) {
    const edit = edits[i < edits.length ? i : Math.floor(random() * edits.length)]!;
    edit.apply(join(folder, 'src'), i);
    (commitChain as (folder: string) => void)(folder);
    const ran = await slipway(['build'], folder);
    expect(ran.code, `${edit.name}: ${ran.stderr}`).toBe(0);
    printed = ran.stdout;
    const now = contents(folder);
    if (edit.inside) expect(built(folder), edit.name).toEqual(edit.packages);
    for (const name of Object.keys(now).filter((n) => now[n] !== before[n]))
      expect(built(folder), `${edit.name}: ${name} is not as it was`).toContain(name);
    before = now;
    if (i % 4 !== 3) continue;
    const fresh = await fromNothing(folder, whole, parts, []);
    expect(fresh.code, fresh.stderr).toBe(0);
    expect(contents(whole), `after ${edit.name}`).toEqual(now);
  }
  const installed = await installAndRun(
    'bookworm',
    printed,
    ['acme-noetic-std-msgs', 'acme-noetic-roscpp-core', 'acme-noetic-catkin'],
    '. /opt/acme/noetic/setup.sh\npython3 -c "from std_msgs.msg import ColorRGBA; print(hasattr(ColorRGBA(), \'more4\'))"\n',
  );
  expect(installed.stdout).toBe('True\n');
  expect(installed.code, installed.stderr).toBe(0);
});

it('the lockfile of the last run restores every byte from an empty store, even under load', async () => {
  copyFileSync(join(folder, 'out/lock.yaml'), join(folder, 'lock.yaml'));
  const expected = published(folder);
  expect(Object.keys(expected).length).toBeGreaterThan(10);
  const again = (...args: string[]) =>
    fromNothing(folder, whole, [...parts, 'lock.yaml'], ['--lock', 'lock.yaml', ...args]);
  const alone = await again('-w', '1', '-j', '1');
  expect(alone.code, alone.stderr).toBe(0);
  expect(published(whole)).toEqual(expected);
  const busy = await underLoad(() => again('-w', '4', '-j', '3'));
  expect(busy.code, busy.stderr).toBe(0);
  expect(published(whole)).toEqual(expected);
});
