import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'slipway-environment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const slipway = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync('node', [bundle, ...args], { encoding: 'utf8', cwd: folder, env: { ...process.env, ...env } });

mkdirSync(join(folder, 'src/a'), { recursive: true });
writeFileSync(
  join(folder, 'distro.yaml'),
  'organization: acme\ndistributions:\n  tiny: {platforms: [p], folders: [src], ros_version: 1}\n' +
    'platforms:\n  p: {os: debian, release: bookworm, architectures: [amd64]}\n',
);
writeFileSync(
  join(folder, 'src/a/package.xml'),
  '<package format="3"><name>a</name><version>1.0.0</version><description>d</description>' +
    '<maintainer email="a@b.org">m</maintainer><license>BSD</license></package>\n',
);

it('a file of errors that can not be written is no internal error', () => {
  mkdirSync(join(folder, 'errors'));
  for (const file of [join(folder, 'errors'), 'a'.repeat(5000)])
    expect(slipway(['plan'], { SLIPWAY_ERRORS_FILE: file }).status, file).toBe(1);
});

it('the file of errors has few, short ones, each in a line', () => {
  const distro = join(folder, 'many.yaml');
  const keys = Array.from({ length: 30 }, (_, n) => `"${'k'.repeat(20_000)}${n}\\n [tool-missing]\\n": 1\n`);
  writeFileSync(distro, readFileSync(join(folder, 'distro.yaml'), 'utf8') + keys.join(''));
  const file = join(folder, 'told');
  expect(slipway(['plan', '--distro', distro], { SLIPWAY_ERRORS_FILE: file }).status).toBe(1);
  const told = readFileSync(file, 'utf8');
  expect(told.length).toBeLessThan(30_000);
  expect(told.match(/^many\.yaml:\d+: error: unknown key .*\[distro-invalid\]$/gm)).toHaveLength(20);
  expect(told.trimEnd().split('\n')).toHaveLength(40);
});

it('limits of time that are no numbers in their range are the usual ones', () => {
  for (const value of ['1e308', '-5', 'NaN', 'Infinity', '0', 'x']) {
    const names = ['SLIPWAY_FETCH_MINUTES', 'SLIPWAY_STALL_SECONDS', 'SLIPWAY_SILENCE_SECONDS'];
    const ran = slipway(['plan'], Object.fromEntries(names.map((name) => [name, value])));
    expect({ status: ran.status, stderr: ran.stderr }, value).toEqual({ status: 0, stderr: '' });
  }
});

it('commands with --json print JSON', () => {
  for (const words of [
    ['store', 'verify'],
    ['channel', 'gc'],
    ['channel', 'gc', '--dry-run'],
  ]) {
    const ran = slipway([...words, '--json']);
    expect(ran.status, ran.stderr).toBe(0);
    expect(() => JSON.parse(ran.stdout) as unknown, words.join(' ')).not.toThrow();
  }
});
