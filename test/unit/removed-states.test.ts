import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { removeBelow } from '../../ts-src/io/held-folders.ts';

const root = mkdtempSync(join(tmpdir(), 'slipway-removed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const names = Array.from({ length: 300 }, (_, i) => `f${i}`);
const fill = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), 'x');
};

it('a state of a site is removed with links, files and folders in it, and nothing behind the links', () => {
  const [place, victim] = [join(root, 'place'), join(root, 'victim')];
  fill(victim);
  fill(join(place, 'state/d/p'));
  symlinkSync(victim, join(place, 'state/d/link'));
  symlinkSync(victim, join(place, 'linked'));
  for (const name of ['state', 'linked', 'missing']) removeBelow(place, name);
  expect(readdirSync(place)).toEqual([]);
  expect(readdirSync(victim)).toHaveLength(names.length);
});

/** Puts a link in place of a folder, and back, as fast as it can. */
const swapping = `const { renameSync } = require('node:fs');
const [folder, link, aside] = process.argv.slice(1);
const move = (a, b) => { try { renameSync(a, b); } catch {} };
for (;;) { move(folder, aside); move(link, folder); move(folder, link); move(aside, folder); }`;

it('a folder that another swaps with a link while it is removed leads to no other folder', async () => {
  const [place, victim] = [join(root, 'swapped'), join(root, 'precious')];
  fill(victim);
  const until = Date.now() + 5000;
  for (let round = 0; Date.now() < until; round++) {
    const state = join(place, String(round));
    fill(join(state, 'd'));
    symlinkSync(victim, join(place, 'link'));
    const other = spawn('node', ['-e', swapping, join(state, 'd'), join(place, 'link'), join(place, 'aside')]);
    const ended = new Promise((resolve) => other.on('exit', resolve));
    while (!existsSync(join(place, 'aside')) && Date.now() < until) await sleep(1);
    for (let i = 0; i < 20; i++) removeBelow(place, String(round));
    other.kill('SIGKILL');
    await ended;
    rmSync(place, { recursive: true, force: true });
  }
  expect(readdirSync(victim)).toHaveLength(names.length);
});
