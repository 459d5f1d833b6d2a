import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import type { Diagnostic } from '../../ts-src/model/diagnostics.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { parseYaml } from '../../ts-src/read/yaml.ts';

/** One mistake gives one error at its cause, with advice; consequences come after it. */

const bundle = join(__dirname, '../../resources/slipway.cjs');
const folder = mkdtempSync(join(tmpdir(), 'slipway-causes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const manifest = (name: string, more = ''): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>
<maintainer email="a@b.org">m</maintainer><license>BSD</license>${more}</package>\n`;
const distro = (distribution: string): string => `organization: acme
distributions:
  d:
    platforms: [bookworm]
    ros_version: 1
    ${distribution}
platforms: {bookworm: {os: debian, release: bookworm}}
`;
interface Told extends Diagnostic {
  severity: 'error' | 'warning';
}
const validate = (at: string): Told[] => {
  const { stdout } = spawnSync('node', [bundle, 'validate', '--json'], { cwd: join(folder, at), encoding: 'utf8' });
  return (JSON.parse(stdout) as { diagnostics: Told[] }).diagnostics;
};

describe('a fault with consequences', () => {
  it('in a package.xml is the only error: the package counts as existing', () => {
    write('broken/distro.yaml', distro('folders: [src]'));
    write('broken/src/x/package.xml', manifest('acme_log').replace('1.0.0', '1.0'));
    write('broken/src/app/package.xml', manifest('app', '<depend>acme_log</depend>'));
    expect(validate('broken').map((d) => `${d.file}:${d.line} ${d.code}`)).toEqual([
      'src/x/package.xml:1 manifest-invalid',
    ]);
  });

  it('of a repository comes first; each name that it may contain is reported once', () => {
    write('unread/distro.yaml', distro('repos: [all.repos]'));
    write(
      'unread/all.repos',
      'repositories:\n  app: {type: git, url: ./app, version: main}\n  core: {type: git, url: ./kore}\n',
    );
    for (const name of ['a', 'b']) write(`unread/app/${name}/package.xml`, manifest(name, '<depend>math</depend>'));
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], {
        cwd: join(folder, 'unread/app'),
      });
    git('init', '-qb', 'main');
    git('add', '-A');
    git('commit', '-qm', 'one');
    const [first, second, ...more] = validate('unread');
    expect(first).toMatchObject({ code: 'source-unreachable', file: 'all.repos', line: 3 });
    expect(second).toMatchObject({
      code: 'dependency-unresolved',
      file: 'app/a/package.xml',
      hint: "it may be in the repository 'core' (all.repos:3), which could not be read",
    });
    expect(more).toEqual([]);
  });

  it('of a rosdep rule is reported where the key is needed', () => {
    write('rule/distro.yaml', `${distro('folders: [src]')}rosdep: [rosdep.yaml]\n`);
    write('rule/rosdep.yaml', 'eigen: {debian: [x]}\n');
    write('rule/src/a/package.xml', manifest('a', '<depend>eigen</depend>'));
    expect(validate('rule').map((d) => [d.code, d.hint])).toEqual([
      ['rosdep-name', expect.stringContaining('at least two characters')],
      ['dependency-unresolved', 'a rosdep file has this key, but its rule has errors'],
    ]);
  });
});

describe('an entry of distro.yaml', () => {
  it('that names no package is reported with its line', () => {
    write('named/distro.yaml', distro('folders: [src]\n    packages: [a, bb]'));
    write('named/src/a/package.xml', manifest('a'));
    expect(validate('named')).toMatchObject([{ code: 'package-missing', file: 'distro.yaml', line: 7 }]);
  });

  it('with a missing file is reported with its line', () => {
    write('gone/distro.yaml', `index: rosdistro/i.yaml\n${distro('packages: ["*"]')}`);
    expect(validate('gone')).toMatchObject([{ code: 'file-missing', file: 'distro.yaml', line: 1 }]);
  });

  it('without packages is a warning', () => {
    write('empty/distro.yaml', distro('repos: [all.repos]'));
    write('empty/all.repos', 'repositories: {}\n');
    expect(validate('empty')).toMatchObject([{ severity: 'warning', code: 'distribution-empty', line: 3 }]);
  });

  it('that resembles a release or has another form is reported with the right one', () => {
    const of = (text: string) =>
      parseDistro(distro('folders: [s]').replace('release: bookworm', text), 'd').diagnostics;
    expect(of('release: bookwrom')).toMatchObject([{ line: 7, hint: "did you mean 'bookworm'?" }]);
    expect(of('release: gigantic')).toEqual([]);
    expect(of('release: trixie, architectures: amd64')).toMatchObject([{ hint: 'write [amd64]' }]);
  });
});

describe('a text with a syntax error', () => {
  it('in YAML is reported with the line that is wrong', () => {
    const hint = (text: string) => parseYaml(text, 'd').diagnostics[0]?.hint;
    expect(hint('a:\n    b: 1\n   c: 2\n')).toBe(
      'correct the indentation of `c: 2` (it is indented by 3, the line above by 4)',
    );
    expect(hint('a:\n\tb: 1\n')).toBe('indent with blanks: `b: 1`');
    expect(hint('a: "x\nb: 1\n')).toBe('close it: `a: "x`');
  });

  it('in XML is reported with its tags', () => {
    const told = (text: string) => parseManifest(text, 'p').diagnostics[0];
    const lines = manifest('a', '\n<depend>b</deps>');
    expect(told(lines)).toMatchObject({
      line: 3,
      message: 'not well-formed XML: </deps> where <depend> of line 3 must be closed',
    });
    expect(told('<package>\n<name>\n</package>')?.message).toContain(
      '</package> where <name> of line 2 must be closed',
    );
  });

  it('in a manifest is reported with what to write', () => {
    const hints = (text: string) => parseManifest(text, 'p').diagnostics.map((d) => d.hint);
    expect(hints(manifest('a', '<exec_depends>b</exec_depends>'))).toEqual(['did you mean <exec_depend>?']);
    expect(hints(manifest('a').replace('<version>1.0.0</version>', ''))).toEqual([
      'for example <version>0.1.0</version>',
    ]);
  });
});

it('a file where a folder is needed is named', () => {
  write('file', 'x');
  const e = Object.assign(new Error('x'), { code: 'ENOTDIR', path: join(folder, 'file/apt/pool') });
  expect(environmentFault(e)).toBe(
    `${join(folder, 'file')}: this is a file, and a folder is needed: remove or rename it`,
  );
});
