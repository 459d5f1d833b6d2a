import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distroJsonSchema } from '../../ts-src/model/distro.ts';

const bundle = join(__dirname, '../../resources/slipway.cjs');
let folder = '';
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const manifest = (name: string, body = ''): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">A</maintainer><license>MIT</license>${body}<export><build_type>cmake</build_type></export></package>\n`;

interface Parts {
  settings: Record<string, unknown>;
  platform: Record<string, unknown>;
  variant: Record<string, unknown>;
  distribution: Record<string, unknown>;
  top: Record<string, unknown>;
}
const distro = ({ settings, platform, variant, distribution, top }: Partial<Parts>): string =>
  JSON.stringify({
    organization: 'acme',
    distributions: {
      d: {
        platforms: ['bookworm'],
        variants: ['v'],
        folders: ['src'],
        ros_version: 2,
        python_version: 3,
        ...distribution,
      },
    },
    platforms: { bookworm: { os: 'debian', release: 'bookworm', ...platform } },
    variants: { v: { environment: { A: '1' }, ...variant } },
    package_settings: { one: { patches: ['fix.patch'], ...settings } },
    ...top,
  });
const compareNow = (): string => {
  const ran = spawnSync('node', [bundle, 'compare', 'HEAD'], { cwd: folder, encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout : ran.stderr;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-compare-'));
  write('src/r/one/package.xml', manifest('one'));
  write('src/r/two/package.xml', manifest('two', '<depend>one</depend>'));
  write('fix.patch', '--- a/x\n');
  write('.gitignore', '.slipway\n');
  write('distro.yaml', distro({}));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], { cwd: folder });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'x');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** For each key of package_settings that affects a package's key: another value, and the expected output. */
const settings: Record<string, [unknown, RegExp]> = {
  cmake_args: [['-DX=1'], /one +1\.0\.0 +cmake_args/],
  environment: [{ B: '2' }, /one +1\.0\.0 +environment/],
  patches: [[], /one +1\.0\.0 +patches/],
  build_depends: [['zlib1g-dev'], /one +1\.0\.0 +system packages/],
  depends: [['zlib1g'], /one +1\.0\.0 +system packages/],
  system: [['libone-dev'], /removed.*\n +one/],
  skip: [true, /removed.*\n +one/],
  fetch: [[{ url: 'https://h/a', sha256: 'a'.repeat(64), to: 'a' }], /one +1\.0\.0 +fetch/],
  external_libraries: [['libone.so.*'], /one +1\.0\.0 +external_libraries/],
  system_files: [[{ kind: 'udev', path: '60-one.rules' }], /one +1\.0\.0 +system_files/],
};
/** Keys of package_settings that affect no package's key, or only through the manifest. */
const outsideKeys = ['declared_system_files', 'limits'];

describe('slipway compare names every change of distro.yaml that changes a key', () => {
  it('knows all package settings', () => {
    const schema = distroJsonSchema() as {
      properties: { package_settings: { additionalProperties: { properties: Record<string, unknown> } } };
    };
    expect([...Object.keys(settings), ...outsideKeys].sort()).toEqual(
      Object.keys(schema.properties.package_settings.additionalProperties.properties).sort(),
    );
  });
  it.each(Object.entries(settings))('package_settings: %s', (key, [value, expected]) => {
    write('distro.yaml', distro({ settings: { [key]: value } }));
    expect(compareNow()).toMatch(expected);
  });
  it('the text of a patch', () => {
    write('distro.yaml', distro({}));
    write('fix.patch', '--- a/y\n');
    expect(compareNow()).toMatch(/one +1\.0\.0 +patches[^]*two/);
    write('fix.patch', '--- a/x\n');
    expect(compareNow()).toBe('d on bookworm: no difference\n');
  });
  it.each<[string, Partial<Parts>, RegExp]>([
    ['a variant', { variant: { cmake_args: ['-DY=1'] } }, /one +1\.0\.0 +variant\n +two/],
    ['a platform', { platform: { include: ['ccache'] } }, /one +1\.0\.0 +platform\n +two/],
    ['conditions', { distribution: { conditions: { SITE: 'x' } } }, /one +1\.0\.0 +conditions\n +two/],
    ['the maintainer', { top: { maintainer: 'A <a@b.org>' } }, /one +1\.0\.0 +maintainer\n +two/],
    ['the prefix', { top: { naming: { prefix: '/opt/other' } } }, /one +1\.0\.0 +.*prefix\n +two/],
  ])('%s', (_, parts, expected) => {
    write('distro.yaml', distro(parts));
    expect(compareNow()).toMatch(expected);
  });
  it('reports nothing else', () => {
    write('distro.yaml', distro({ platform: { renew_days: 3, proxy: 'http://proxy.example.org' } }));
    expect(compareNow()).toBe('d on bookworm: no difference\n');
  });
});
