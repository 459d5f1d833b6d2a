import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { History } from '../../ts-src/engine/history.ts';
import { knownPlatforms } from '../../ts-src/engine/system-lock.ts';
import type { BriefRecord } from '../../ts-src/model/result.ts';
import { matchesGlob } from '../../ts-src/plan/globs.ts';
import { differenceOf } from '../../ts-src/publish/difference.ts';
import type { State } from '../../ts-src/publish/state.ts';
import { highest } from '../../ts-src/publish/suites.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const slipway = (...args: string[]) =>
  spawnSync('node', [join(__dirname, '../../resources/slipway.cjs'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
const manifest = (name: string, needs = ''): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>` +
  `<maintainer email="a@b.org">a</maintainer><license>BSD</license>${needs}` +
  '<export><build_type>cmake</build_type></export></package>\n';
const distro = (more = ''): string =>
  'organization: acme\ndistributions: {constructor: {platforms: [constructor, other], folders: [src], ros_version: 1, underlay: [constructor]}}\n' +
  'platforms: {constructor: {os: debian, release: bookworm, underlays: {constructor: {}}}, other: {os: debian, release: trixie}}\n' +
  `rosdep: [rosdep.yaml]\n${more}`;

/** Names of properties that every JavaScript object has. */
const inherited = ['constructor', 'toString', 'valueOf', 'hasOwnProperty'];

describe('names of object properties', () => {
  it('are valid names of packages and repositories', () => {
    write('rosdep.yaml', 'cmake: {debian: [cmake]}\n');
    for (const name of inherited) write(`src/${name}/package.xml`, manifest(name));
    const needs = inherited.map((name) => `<depend version_gte="0.9.0">${name}</depend>`).join('');
    write('src/user/package.xml', manifest('user', needs));
    write('distro.yaml', distro('package_settings: {constructor: {environment: {constructor: y}}}\n'));
    const planned = slipway('plan', '--json');
    expect([planned.status, planned.stderr.replace(/^.*REP 144.*\n.*\n/gm, '')]).toEqual([0, '0 errors, 3 warnings\n']);
    expect(planned.stdout).toContain('"toString":[">= 0.9.0"]');
    const locked = slipway('lock', '--output', 'lock.yaml');
    expect(locked.status, locked.stderr).toBe(0);
    for (const command of [
      ['plan', '--lock', 'lock.yaml'],
      ['explain', 'constructor'],
      ['query', 'deps', 'user'],
    ]) {
      const ran = slipway(...command);
      expect(ran.status, command.join(' ') + ran.stderr).toBe(0);
    }
  });

  it('are valid names of published packages', () => {
    const held = { version: '1', key: 'k', files: [], abi: 'a', requires: [] };
    const state = (suites: State['suites']) => ({ suites, tests: { s: {} } }) as unknown as State;
    expect(highest({ s: {} }, { s: { constructor: held } })).toEqual({ s: { constructor: '1' } });
    expect(differenceOf(state({ s: {} }), state({ s: { constructor: held } })).suites.s).toMatchObject({
      added: [['constructor', '1']],
    });
  });

  it('__proto__ is refused where schemas would ignore it', () => {
    const read = parseDistro(distro('package_settings:\n  __proto__: {skip: true}\n'), 'distro.yaml');
    expect(read.diagnostics).toMatchObject([
      { line: 6, message: "the name '__proto__' in package_settings is not allowed" },
    ]);
  });
});

describe('files of the state', () => {
  it.each([
    'null',
    '5',
    '"x"',
    '[null]',
    '{"a": null}',
    '{"other-amd64": null}',
    '{"other-amd64": {"base": 5}}',
    '{"a',
  ])('that hold %s are as if they were not there', (text) => {
    write('state/durations.json', text);
    write('state/platforms.json', text);
    const history = new History(join(folder, 'state'));
    history.hint([{ package: 'a', milliseconds: 7 } as BriefRecord]);
    expect(history.get('a')).toBe(7);
    const read = parseDistro(distro(), 'distro.yaml');
    if (!read.ok) throw new Error('not read');
    expect(knownPlatforms({ state: join(folder, 'state'), distro: read.value })).toEqual({});
  });
});

describe('globs', () => {
  it('with many stars match in little time', () => {
    const name = 'a'.repeat(100);
    write(`long/src/${name}/package.xml`, manifest(name));
    write('long/distro.yaml', distro(`package_settings: {"${'*a'.repeat(20)}b": {skip: true}}\n`));
    write('long/rosdep.yaml', 'cmake: {debian: [cmake]}\n');
    const ran = slipway('plan', '--distro', 'long/distro.yaml');
    expect([ran.error, ran.status], ran.stderr).toEqual([undefined, 0]);
  });

  it('match what their regular expression matches', () => {
    const letters = (of: string) => fc.string({ unit: fc.constantFrom(...of.split('')), maxLength: 8 });
    fc.assert(
      fc.property(letters('ab*?'), letters('ab'), (glob, name) => {
        const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matchesGlob(glob, name)).toBe(pattern.test(name));
      }),
      { numRuns: 20_000 },
    );
  });
});

it('pack.sh finds programs by their names, also with backslashes, which the echo of dash reads', () => {
  const script = readFileSync(join(__dirname, '../../resources/templates/pack.sh'), 'utf8');
  const find =
    /^find "\$tree" [^\n]*-exec sh -c '\n {2}for f; do\n[^']*ELF[^']*' sh \{\} \+/m.exec(script)?.[0] ?? 'exit 1';
  const name = 'a\\n\\057etc\\057passwd.so';
  write(`programs/${name}`, '\u007fELF\u0002\u0001\u0001');
  const ran = spawnSync('sh', ['-c', find], {
    env: { ...process.env, tree: join(folder, 'programs') },
    encoding: 'utf8',
  });
  expect(ran.stdout).toBe(`${join(folder, 'programs', name)}\n`);
});
