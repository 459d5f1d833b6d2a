import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inTemporary } from '../../ts-src/io/temporary-folder.ts';

let under: string;
beforeEach(() => void (under = mkdtempSync(join(tmpdir(), 'temporary-'))));
afterEach(() => rmSync(under, { recursive: true, force: true }));

it('is removed after use, and after an error', async () => {
  const seen = await inTemporary('test', (folder) => (writeFileSync(join(folder, 'file'), ''), folder), under);
  expect(seen).toMatch(/\/slipway-test-\d+-\w{6}$/);
  await expect(inTemporary('test', () => Promise.reject(new Error('no')), under)).rejects.toThrow('no');
  expect(readdirSync(under)).toEqual([]);
});

it('of a killed process is removed after a day', async () => {
  const { pid: ended } = spawnSync('true');
  const names = [
    [`slipway-archive-${ended}-aB3dE6`, 2],
    [`slipway-archive-${ended}-young1`, 0],
    [`slipway-archive-${process.pid}-alive1`, 2],
    [`archive-${ended}-aB3dE6`, 2],
    ['slipway-other', 2],
  ] as const;
  for (const [name, days] of names) {
    mkdirSync(join(under, name, 'inner'), { recursive: true });
    const time = Date.now() / 1000 - days * 86_400;
    utimesSync(join(under, name), time, time);
  }
  await inTemporary('test', () => undefined, under);
  expect(names.map(([name]) => existsSync(join(under, name)))).toEqual([false, true, true, true, true]);
});
