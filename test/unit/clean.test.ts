import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';

const bundle = join(import.meta.dirname, '../../resources/slipway.cjs');
let folder = '';
const state = () => join(folder, '.slipway');
const clean = (...args: string[]) =>
  spawnSync(process.execPath, [bundle, 'clean', ...args], { cwd: folder, encoding: 'utf8' });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clean-'));
  writeFileSync(
    join(folder, 'distro.yaml'),
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
  );
  for (const part of ['store/objects', 'layers/a/root', 'unpacked/x', 'work'])
    mkdirSync(join(state(), part), { recursive: true });
  mkdirSync(join(folder, 'elsewhere/kept'), { recursive: true });
  symlinkSync(join(folder, 'elsewhere'), join(state(), 'bases'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('clean removes what the next build recreates, and everything with --all; never during a build', async () => {
  const said = clean('--dry-run');
  expect([said.status, said.stdout.match(/^would remove .*\/(\w+) /gm)?.length]).toEqual([0, 4]);
  const lock = join(state(), 'work/1-abc.lock');
  const holder = spawn('flock', ['--no-fork', lock, 'sleep', '60']);
  while (!existsSync(lock)) await sleep(20);
  await sleep(200);
  const busy = clean();
  holder.kill();
  expect([busy.status, busy.stderr]).toEqual([1, expect.stringContaining('another slipway works in')]);
  expect(existsSync(join(state(), 'layers/a/root'))).toBe(true);
  const cleaned = clean();
  expect(cleaned.status, cleaned.stderr).toBe(0);
  expect(readdirSync(state()).includes('store')).toBe(true);
  for (const part of ['layers', 'unpacked', 'bases', 'work']) expect(existsSync(join(state(), part))).toBe(false);
  // A link is removed, not what it leads to.
  expect(existsSync(join(folder, 'elsewhere/kept'))).toBe(true);
  expect(clean('--all').status).toBe(0);
  expect(existsSync(state())).toBe(false);
  expect(clean().stdout).toContain('nothing to remove');
});
