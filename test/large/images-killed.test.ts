// npm run e2e:images: an image's build and its publication are killed before each of their writes. The next run always
// makes the same bytes, leaves nothing behind, and what is published is whole at any time.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { bundle, discard, example, mountsUnder, root, slipway } from '../e2e/helpers.ts';

const index = z.object({ images: z.array(z.object({ file: z.string().optional(), sha256: z.string().optional() })) });
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

let folder: string;
let to: string;
beforeAll(async () => {
  folder = example('images-killed');
  to = `file://${join(folder, 'published/apt')}`;
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
});
afterAll(() => discard(folder));

/** Runs slipway, killed before write number `at`; the exit code, or null after a kill. */
const killedAt = (at: number, args: string[]): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const child = spawn('node', ['--require', join(root, 'test/e2e/kill-at.cjs'), bundle, ...args], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, KILL_AT: String(at) },
    });
    child.on('error', reject);
    child.on('exit', resolve);
  });

/** Removes what an earlier build made, but the base system. */
function forget(): void {
  for (const name of ['store/images', 'store/image-lists', 'images'])
    rmSync(join(folder, '.slipway', name), { recursive: true, force: true });
  mkdirSync(join(folder, '.slipway/images'));
  rmSync(join(folder, 'out/images'), { recursive: true, force: true });
}

const kinds = (files: string[]) => files.flatMap((f) => ['--kind', f]);
const building = ['image', 'build', 'robot', '--local', ...kinds(['docker', 'rootfs'])];
const publishing = ['image', 'publish', 'robot', '--local', ...kinds(['rootfs'])];

it('a build makes the same bytes after a kill at any write', { timeout: 3_000_000 }, async () => {
  const first = await slipway(building, folder);
  expect(first.code, first.stderr).toBe(0);
  const files = first.stdout.trim().split('\n');
  const before = files.map(digest);
  expect(files.length).toBe(2);
  let at = 1;
  for (let code: number | null = null; code === null; at++) {
    forget();
    code = await killedAt(at, building);
    if (code !== null) expect(code).toBe(0);
    const ran = await slipway(building, folder);
    expect(ran.code, `killed at ${at}: ${ran.stderr}`).toBe(0);
    expect(files.map(digest), `killed at ${at}`).toEqual(before);
    expect(readdirSync(join(folder, '.slipway/work')), `killed at ${at}`).toEqual([]);
    expect(mountsUnder(folder)).toEqual([]);
  }
  // Layers, their records, the resolved packages and two files are written.
  expect(at).toBeGreaterThan(10);
});

it('what is published is whole after a kill at any write', { timeout: 3_000_000 }, async () => {
  const images = join(folder, 'published/images');
  const served = () => {
    if (!existsSync(join(images, 'index.json'))) return [];
    return index.parse(JSON.parse(readFileSync(join(images, 'index.json'), 'utf8'))).images;
  };
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  let at = 1;
  let last = served().length;
  for (let code: number | null = null; code === null; at++) {
    // Each time another version.
    writeFileSync(join(folder, 'distro.yaml'), distro.replace('  robot:\n', `  robot:\n    hostname: robot-${at}\n`));
    const built = await slipway(['image', 'build', 'robot', '--local', ...kinds(['rootfs'])], folder);
    expect(built.code, built.stderr).toBe(0);
    code = await killedAt(at, [...publishing, '--to', to]);
    if (code !== null) expect(code).toBe(0);
    for (const { file = '', sha256 } of served()) expect(digest(join(images, file)), `killed at ${at}`).toBe(sha256);
    const ran = await slipway([...publishing, '--to', to], folder);
    expect(ran.code, `killed at ${at}: ${ran.stderr}`).toBe(0);
    const now = served();
    expect(now.length, `killed at ${at}`).toBe(last + 1);
    for (const { file = '', sha256 } of now) expect(digest(join(images, file))).toBe(sha256);
    last = now.length;
  }
  expect(at).toBeGreaterThan(3);
});
