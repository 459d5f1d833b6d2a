import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { renderOutlook } from '../../ts-src/render/summary.ts';
import { writeTiny } from '../e2e/tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-dry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const dry = (...more: string[]) =>
  spawnSync(process.execPath, [bundle, 'build', '--dry-run', ...more], { cwd: folder, encoding: 'utf8' });

const reason = 'the base system of bookworm amd64 is not on this machine, or is to be renewed';

it.each(['', 'mirror: state\n'])('build --dry-run makes no base, and says what it does not know (%j)', (extra) => {
  rmSync(join(folder, '.slipway'), { recursive: true, force: true });
  writeTiny(folder, { one: {}, two: { manifest: '<depend>one</depend>' } }, extra);
  const told = dry();
  expect(told.stdout).toBe(
    `unknown  tiny/bookworm-amd64: which of 2 packages are cached: ${reason}. A build makes it first, in about a minute\n`,
  );
  expect(told.stderr).toContain('0 cached, 0 to do, 2 packages of which it is not known\n');
  expect(told.status).toBe(0);
  const json = dry('--json');
  expect(JSON.parse(json.stdout)).toEqual({
    cached: 0,
    todo: 0,
    open: 0,
    unknown: [{ id: 'tiny/bookworm-amd64', packages: 2, reason }],
    results: [],
  });
  const bases = join(folder, '.slipway/bases');
  expect(existsSync(bases) ? readdirSync(bases) : []).toEqual([]);
  expect(existsSync(join(folder, 'out'))).toBe(false);
});

it('counts what is not known beside the rest', () => {
  const unknown = [{ id: 'd/p-amd64', packages: 1, reason: 'r' }];
  expect(renderOutlook({ cached: 1, todo: 2, open: 0 }, unknown)).toBe(
    '1 cached, 2 to do, 1 package of which it is not known',
  );
  expect(renderOutlook({ cached: 1, todo: 2, open: 3 })).toBe('1 cached, 2 to do, 3 to be decided by their results');
});
