import { execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, it } from 'vitest';
import { copyExample } from '../e2e/edits.mjs';
import { writeTogether, writeWhole } from '../../ts-src/io/files.ts';
import { writeNamed } from '../../ts-src/io/named-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-named-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const bundle = join(import.meta.dirname, '../../resources/slipway.cjs');

/** Another node of /dev/null: a mistake must not cost that of this machine. */
function device(name: string): string {
  execFileSync('mknod', ['-m', '666', at(name), 'c', '1', '3']);
  return at(name);
}

it('a file that the user named is replaced, a link stays, and a device is written to', () => {
  writeNamed(at('new'), 'one');
  writeNamed(at('new'), 'two');
  expect(readFileSync(at('new'), 'utf8')).toBe('two');
  symlinkSync('new', at('link'));
  writeNamed(at('link'), 'three');
  expect(readlinkSync(at('link'))).toBe('new');
  expect(readFileSync(at('new'), 'utf8')).toBe('three');
  const nothing = device('nothing');
  symlinkSync('nothing', at('to-nothing'));
  for (const path of [nothing, at('to-nothing')]) writeNamed(path, 'dropped');
  expect(lstatSync(nothing).isCharacterDevice()).toBe(true);
  expect(lstatSync(at('to-nothing')).isSymbolicLink()).toBe(true);
});

it('no other file takes the place of a device', async () => {
  const nothing = device('kept');
  expect(() => writeWhole(nothing, 'x')).toThrow(/device/);
  await expect(writeTogether([{ path: nothing, data: Buffer.from('x') }])).rejects.toThrow(/device/);
  expect(lstatSync(nothing).isCharacterDevice()).toBe(true);
});

it('commands write to /dev/stdout, in a pipe and in a file that has text already', async () => {
  const cwd = at('example');
  (copyExample as (to: string) => void)(cwd);
  const graph = [bundle, 'graph', '--output', '/dev/stdout'];
  const child = spawn('node', graph, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  const piped = await text(child.stdout);
  expect(piped).toMatch(/^digraph/);
  writeFileSync(at('log'), 'before\n');
  execFileSync('sh', ['-c', 'exec node "$@" >> "$0" 2> /dev/null', at('log'), ...graph], { cwd });
  expect(readFileSync(at('log'), 'utf8')).toBe(`before\n${piped}`);
});
