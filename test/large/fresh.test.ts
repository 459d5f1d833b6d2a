// README's two commands on fresh machines: Debian 12 and 13 roots with no more than the README asks for.
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root as repository } from '../e2e/helpers.ts';
import { cloneInto, makeRoot, runIn } from './fresh-root.mjs';

const checkout = '/home/slipway';
const logs = join('/var/tmp', 'slipway-fresh-logs');
mkdirSync(logs, { recursive: true });

/** Runs a command in the checkout; `told`: all that it said. */
async function run(root: string, name: string, command: string[]): Promise<{ code: number; told: string }> {
  const file = join(logs, `${name}.log`);
  const code = await runIn(root, checkout, command, openSync(file, 'w'));
  return { code, told: readFileSync(file, 'utf8') };
}

describe.each([
  { release: 'bookworm', include: ['git', 'nodejs'] },
  { release: 'trixie', include: ['git', 'nodejs'] },
])('examples/robot/build.sh on a fresh $release', ({ release, include }) => {
  let made: ReturnType<typeof makeRoot>;
  beforeAll(() => {
    made = makeRoot(release, include);
    cloneInto(made.root, repository, checkout);
  });
  afterAll(() => made.remove());

  it('builds the example, and again in no time', async () => {
    const first = await run(made.root, `${release}-build`, ['examples/robot/build.sh']);
    expect(first.code, first.told).toBe(0);
    expect(first.told).toMatch(/10 packages in .*: 10 built/);
    expect(readdirSync(join(made.root, checkout, 'examples/robot/out/apt/dists')).sort()).not.toEqual([]);
    const again = await run(made.root, `${release}-again`, ['examples/robot/build.sh']);
    expect(again.code, again.told).toBe(0);
    expect(again.told).toMatch(/10 packages in .*: 10 cached/);
  });
});

describe.each([
  { release: 'trixie', node: undefined },
  // Bookworm's own Node is 18: a newer one comes from npm.
  { release: 'bookworm', node: 'node@20' },
])('npm ci && npm test on a fresh $release', ({ release, node }) => {
  let made: ReturnType<typeof makeRoot>;
  beforeAll(() => {
    made = makeRoot(release, ['git', 'nodejs', 'npm']);
    cloneInto(made.root, repository, checkout);
  });
  afterAll(() => made.remove());

  it('passes, says what it installs, and leaves no files of its own', async () => {
    if (node) expect((await run(made.root, `${release}-node`, ['npm', 'install', '--global', node])).code).toBe(0);
    const ran = await run(made.root, `${release}-test`, ['sh', '-c', 'npm ci && npm test']);
    expect(ran.code, ran.told).toBe(0);
    expect(ran.told).toMatch(/Installing them with apt-get: \d+ packages/);
    expect(readdirSync(join(made.root, 'var/tmp')).filter((f) => f !== 'slipway-tests.lock')).toEqual([]);
    // Caches of Node and Java, folders of systemd's package, and the folder of ssh connections that Slipway keeps for
    // a user.
    const left = readdirSync(join(made.root, 'tmp')).filter(
      (f) => !/^(node-compile-cache|hsperfdata_|slipway-ssh-0$|\.(ICE|X11|XIM|font)-unix$)/.test(f),
    );
    expect(left).toEqual([]);
    expect(readFileSync(join(made.root, 'etc/passwd'), 'utf8')).not.toContain('slipway');
    expect(existsSync(join(made.root, 'root/.m2'))).toBe(false);
  }, 7_200_000);
});
