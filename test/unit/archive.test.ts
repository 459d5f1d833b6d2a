import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { distroSchema, type Platform } from '../../ts-src/model/distro.ts';
import { baseSources, mmdebstrapCommand } from '../../ts-src/sandbox/archive.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';

const platform = (p: object): Platform =>
  ownEntry(
    distroSchema.parse({ organization: 'acme', distributions: { d: { platforms: ['p'] } }, platforms: { p } })
      .platforms,
    'p',
  );
const host = mkdtempSync(join(tmpdir(), 'slipway-host-'));
afterAll(() => rmSync(host, { recursive: true }));
const empty = mkdtempSync(join(tmpdir(), 'slipway-host-'));
afterAll(() => rmSync(empty, { recursive: true }));
mkdirSync(join(host, 'etc/apt/sources.list.d'), { recursive: true });

describe('the source of a base', () => {
  it("is the host's own sources if the host runs that system, without third parties", () => {
    writeFileSync(
      join(host, 'etc/apt/sources.list'),
      'deb http://mirror.example.org/ubuntu noble main universe # ours\ndeb [signed-by=/usr/share/keyrings/other.gpg] http://other.example.org/apt noble main\n# deb http://x noble main\n',
    );
    writeFileSync(
      join(host, 'etc/apt/sources.list.d/ubuntu.sources'),
      'Types: deb deb-src\nURIs: http://mirror.example.org/ubuntu\nSuites: noble-updates noble-security\nComponents: main universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\nEnabled: no\nTypes: deb\nURIs: http://off.example.org\nSuites: noble\nComponents: main\n',
    );
    expect(baseSources(platform({ os: 'ubuntu', release: 'noble' }), '/d', host)).toEqual({
      from: 'host',
      lines: [
        'deb http://mirror.example.org/ubuntu noble main universe',
        'deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://mirror.example.org/ubuntu noble-updates main universe',
        'deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://mirror.example.org/ubuntu noble-security main universe',
      ],
    });
    expect(baseSources(platform({ os: 'ubuntu', release: 'jammy' }), '/d', host)).toEqual({
      from: 'official',
      lines: [],
    });
    expect(baseSources(platform({ os: 'debian', release: 'trixie' }), '/d', empty)).toEqual({
      from: 'official',
      lines: [],
    });
  });

  it("is the mirror of the platform, with its key or the archive's", () => {
    expect(
      baseSources(
        platform({
          os: 'ubuntu',
          release: 'jammy',
          mirror: {
            uri: 'http://m.example.org/ubuntu',
            suites: ['jammy', 'jammy-updates'],
            components: ['main', 'universe'],
            key: 'keys/m.gpg',
          },
        }),
        '/d',
        host,
      ).lines,
    ).toEqual([
      'deb [signed-by=/d/keys/m.gpg] http://m.example.org/ubuntu jammy main universe',
      'deb [signed-by=/d/keys/m.gpg] http://m.example.org/ubuntu jammy-updates main universe',
    ]);
    expect(
      baseSources(
        platform({ os: 'debian', release: 'trixie', mirror: { uri: 'http://m.example.org/debian' } }),
        '/d',
        host,
      ).lines,
    ).toEqual([
      'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example.org/debian trixie main',
    ]);
  });
});

describe('the command that makes a base', () => {
  const hooks = (args: string[]) =>
    args.filter((a) => !a.startsWith('--customize-hook=printf') && !a.startsWith('--customize-hook=echo'));

  it("uses Ubuntu's default archive, and the ports archive for arm64", () => {
    const jammy = mmdebstrapCommand(
      platform({ os: 'ubuntu', release: 'jammy', include: ['ccache'] }),
      'amd64',
      { lines: [] },
      '/t',
      { plain: true },
    );
    expect(jammy.input).toBeUndefined();
    expect(hooks(jammy.args)).toEqual([
      '--variant=buildd',
      '--mode=unshare',
      '--architectures=amd64',
      '--include=apt,build-essential,ca-certificates,cmake,debhelper,ccache',
      '--quiet',
      '--format=tar',
      "--customize-hook=copy-out /var/lib/apt/lists '/t/lists'",
      '--components=main,universe',
      'jammy',
      '/t/base.tar',
    ]);
    const noble = mmdebstrapCommand(platform({ os: 'ubuntu', release: 'noble' }), 'arm64', { lines: [] }, '/t', {
      plain: false,
    });
    expect(hooks(noble.args)).toContain('--architectures=arm64');
    expect(hooks(noble.args)).toContain('--mode=root');
    expect(noble.args.slice(-2)).toEqual(['noble', '/t/base.tar']);
  });

  it('passes sources by standard input', () => {
    const c = mmdebstrapCommand(
      platform({ os: 'debian', release: 'trixie' }),
      'amd64',
      { lines: ['deb http://m trixie main'] },
      '/t',
      { plain: false },
    );
    expect(c.args.slice(-3)).toEqual(['trixie', '/t/base.tar', '-']);
    expect(c.input).toBe('deb http://m trixie main\n');
  });

  it('accepts any folder name in the path of a key', () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-it's $(touch owned) "));
    const line = `deb [signed-by=${folder}/key.asc] http://m x main`;
    const sources = { lines: [], underlays: [line] };
    const { args } = mmdebstrapCommand(platform({ os: 'debian', release: 'trixie' }), 'amd64', sources, folder, {
      plain: false,
    });
    const hook = args.find((a) => a.startsWith('--setup-hook='))?.replace('--setup-hook=', '') ?? '';
    mkdirSync(join(folder, 'etc/apt/sources.list.d'), { recursive: true });
    execFileSync('sh', ['-c', hook, 'exec', folder], { cwd: folder });
    expect(readFileSync(join(folder, 'etc/apt/sources.list.d/underlays.list'), 'utf8')).toBe(`${line}\n`);
    expect(existsSync(join(folder, 'owned'))).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['as mmdebstrap writes its own sources', (key: string) => `"${key}"`],
    ['as Slipway writes them', (key: string) => key],
  ])('copies the keys of sources into an image, %s', (_, written) => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-image-keys-'));
    const key = join(folder, 'ubuntu-archive-keyring.gpg');
    writeFileSync(key, 'key');
    const { args } = mmdebstrapCommand(
      { ...platform({ os: 'ubuntu', release: 'noble' }), image: true },
      'amd64',
      { lines: [] },
      folder,
      { plain: false },
    );
    const hook = args.find((a) => a.includes('/etc/apt/keyrings'))?.replace('--customize-hook=', '') ?? '';
    mkdirSync(join(folder, 'etc/apt/sources.list.d'), { recursive: true });
    const list = join(folder, 'etc/apt/sources.list');
    writeFileSync(list, `deb [signed-by=${written(key)}] http://m noble main universe\n`);
    execFileSync('sh', ['-c', hook, 'exec', folder]);
    expect(readFileSync(list, 'utf8')).toBe(
      'deb [signed-by=/etc/apt/keyrings/archive-1.gpg] http://m noble main universe\n',
    );
    expect(readFileSync(join(folder, 'etc/apt/keyrings/archive-1.gpg'), 'utf8')).toBe('key');
    rmSync(folder, { recursive: true });
  });
});
