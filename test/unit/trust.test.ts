import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { requestWorkspace } from '../../ts-src/farm/request.ts';
import { filesOf } from '../../ts-src/farm/run-files.ts';
import { isLocalUrl, isSourceUrl, redacted } from '../../ts-src/model/urls.ts';
import { error } from '../../ts-src/model/diagnostics.ts';
import { isDebianName, isPinnedPackage } from '../../ts-src/model/names.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { printable, printableJson } from '../../ts-src/text/printable.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { AptResolver } from '../../ts-src/sandbox/apt-resolver.ts';
import { underlaySources } from '../../ts-src/sandbox/archive.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-trust-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const distro = (platform = '', more = ''): string => `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}
platforms:
  bookworm: {os: debian, release: bookworm${platform}}
rosdep: [rosdep.yaml]
${more}`;
const option = '-oDPkg::Pre-Invoke::=touch${IFS}/tmp/owned';

describe('names passed to apt', () => {
  it('are Debian names, and nothing that apt takes for an option or a removal', () => {
    for (const name of ['g++', 'libstdc++6', 'python3.11', '0ad', 'libc6-dev']) expect(isDebianName(name)).toBe(true);
    for (const name of [option, '-y', 'a', 'Ab', 'a b', 'dpkg-', 'x/../y', 'a\n', 'a=1', 'a:i386', '', 'ab\0'])
      expect(isDebianName(name)).toBe(false);
    expect(isPinnedPackage('g++=4:12.2.0-3')).toBe(true);
    for (const text of ['g++', 'g++=', '-o=1', 'x=-o', `x=1 ${option}`, 'x=1\n'])
      expect(isPinnedPackage(text)).toBe(false);
  });

  it.each([
    ['a list', `{debian: [zlib1g-dev, "${option}"]}`],
    ['a text', `{debian: "zlib1g-dev ${option}"}`],
    ['a release', `{debian: {bookworm: ["${option}"]}}`],
    ['an installer', `{debian: {bookworm: {apt: {packages: ["${option}"]}}}}`],
    ['any system', `{"*": ["${option}"]}`],
  ])('validate tells of one in a rosdep file: %s', (_, rule) => {
    write('names/distro.yaml', distro());
    write(
      'names/src/package.xml',
      '<package format="3"><name>pkg</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">A</maintainer><license>MIT</license><export><build_type>cmake</build_type></export></package>',
    );
    write('names/rosdep.yaml', `# rules\nfine: {debian: [zlib1g-dev], fedora: ["pkgconfig(x)"]}\nzlib: ${rule}\n`);
    const o = spawnSync('node', [bundle, 'validate'], { cwd: join(folder, 'names'), encoding: 'utf8' });
    expect(o.stderr).toContain(`rosdep.yaml:3: error: the rule of 'zlib' names ${JSON.stringify(option)}`);
    expect(o.stderr).toContain('1 error, 0 warnings');
    expect(o.status).toBe(1);
  });

  it('are checked again before apt is called', async () => {
    const base = {
      digest: 'd',
      root: '/none',
      lists: '/none',
      archive: 'a',
      folder: join(folder, 'base'),
      tar: '',
      packages: [],
      made: 0,
      sources: '',
    };
    const system = new AptResolver(unshareDriver(), folder, base);
    expect(await system.resolve(['zlib1g-dev', option])).toMatch(/is no name of a Debian package/);
  });
});

describe('an archive without a key', () => {
  const faults = (platform: string): string[] => {
    const read = parseDistro(distro(platform), 'distro.yaml');
    return read.ok ? [] : read.diagnostics.map((d) => `${d.line} ${d.code} ${d.message}`);
  };
  it('is used only if distro.yaml marks it as trusted', () => {
    const underlay = (more: string) => `, underlays: {ros: {uri: "http://127.0.0.1/ros", suite: bookworm${more}}}`;
    expect(faults(underlay(''))).toEqual([
      '4 archive-trust platforms.bookworm.underlays.ros is an archive without a key',
    ]);
    expect(faults(underlay(', trusted: true'))).toEqual([]);
    expect(faults(underlay(', key: ros.asc'))).toEqual([]);
    expect(faults(underlay(', key: ros.asc, trusted: true'))[0]).toContain('would disable the check of its signature');
    expect(faults(', mirror: {uri: "http://127.0.0.1/debian"}')).toEqual([]);
    expect(faults(', mirror: {uri: "http://127.0.0.1/debian", key: a.asc, trusted: true}')).toHaveLength(1);
    const read = parseDistro(distro(underlay(', key: ros.asc')), 'distro.yaml');
    if (!read.ok) throw new Error('it is good');
    const platform = ownEntry(read.value.platforms, 'bookworm');
    delete ownEntry(platform.underlays, 'ros').key;
    expect(underlaySources(platform, '/d')).toEqual(['deb http://127.0.0.1/ros bookworm main']);
  });

  it('never gives a package a name that begins with "-"', () => {
    const named = (pattern: string) => parseDistro(distro('', `naming: {package: "${pattern}"}\n`), 'distro.yaml').ok;
    expect([named('-o{name}'), named('{name}-'), named('ros-{distribution}-{name}'), named('{name}')]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('addresses of sources', () => {
  it('have a known scheme', () => {
    for (const url of [
      'https://h/x',
      'http://h/x',
      'ssh://git@h/x',
      'git://h/x',
      'file:///x',
      'git@h:x.git',
      'h:x',
      '../x',
      '/x',
      'C:/x',
    ])
      expect(isSourceUrl(url, true)).toBe(true);
    for (const url of [
      '',
      '-x',
      '--upload-pack=x',
      'ext::sh -c x',
      'ext::x',
      'fd::17',
      '::x',
      'ftp://h/x',
      'javascript://x',
      'https://h/x y',
      'https://h/\x1b[2J',
      'https://h/\x9bm',
    ])
      expect(isSourceUrl(url, true)).toBe(false);
    expect(['https://h/x.tar', 'file:///x.tar', 'x.tar', 'ssh://h/x', 'h:x'].map((u) => isSourceUrl(u, false))).toEqual(
      [true, true, true, false, false],
    );
    expect(['/x', '../x', 'file:///x', 'FILE:///x', 'https://h/x', 'git@h:x'].map(isLocalUrl)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('are shown without their secrets', () => {
    expect(redacted("can't read https://bot:s3cret@git.acme.test/x.git: no")).toBe(
      "can't read https://git.acme.test/x.git: no",
    );
    expect(redacted('https://ghp_0123456789abcdefghij0123@h/x')).toBe('https://h/x');
    expect(redacted('https://h/x?X-Amz-Signature=abc&y=1&token=t')).toBe('https://h/x?X-Amz-Signature=…&y=1&token=…');
    for (const text of ['ssh://git@h/x', 'git@h:x', 'mail a@b.org', 'https://h/@scope/x'])
      expect(redacted(text)).toBe(text);
  });
});

describe('a pull request on the distro repository', () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], {
      cwd: join(folder, 'pr'),
      encoding: 'utf8',
    });
  const underlay = ', underlays: {ros: {uri: "http://127.0.0.1/ros", suite: bookworm, key: ros.asc}}';
  const request = async (text: string, change: () => void = () => undefined) => {
    rmSync(join(folder, 'pr'), { recursive: true, force: true });
    write(
      'pr/distro.yaml',
      distro(underlay, "store: file:/srv/store\npackage_settings: {'*': {limits: {minutes: 5}}}\n"),
    );
    write('pr/ros.asc', 'the good key');
    write('pr/fix.patch', 'a patch');
    git('init', '-q', '-b', 'main');
    git('add', '-A');
    git('commit', '-qm', 'one');
    const target = git('rev-parse', 'HEAD').trim();
    write('pr/distro.yaml', text);
    change();
    git('add', '-A');
    git('commit', '-qm', 'two');
    const read = await readWorkspace(join(folder, 'pr/distro.yaml'), join(folder, 'state'));
    if (!read.ok) throw new Error(JSON.stringify(read.diagnostics));
    return requestWorkspace({ ...read.value, root: join(folder, 'pr') }, target);
  };

  it('takes platforms, archives, keys, proxies and the store from the target branch', async () => {
    const hostile = `organization: acme
distributions: {d: {platforms: [bookworm, mine], folders: [src], ros_version: 2}, e: {platforms: [mine], folders: [src], ros_version: 2}}
platforms:
  bookworm: {os: debian, release: bookworm, proxy: "http://evil.test", mirror: {uri: "http://evil.test/debian", trusted: true}, underlays: {ros: {uri: "http://evil.test/ros", suite: x, trusted: true}}}
  mine: {os: debian, release: trixie}
package_settings: {pkg: {patches: [fix.patch], limits: {memory: 900G}}}
store: file:/elsewhere
`;
    const read = await request(hostile, () => {
      write('pr/ros.asc', 'another key');
      write('pr/fix.patch', 'another patch');
    });
    if (!read.ok) throw new Error(JSON.stringify(read.diagnostics));
    const { distro: settled, root, keyRoot } = read.value;
    expect(Object.keys(settled.platforms)).toEqual(['bookworm']);
    expect(settled.platforms.bookworm).toMatchObject({
      underlays: { ros: { uri: 'http://127.0.0.1/ros', key: 'ros.asc' } },
    });
    expect(ownEntry(settled.platforms, 'bookworm').mirror).toBeUndefined();
    expect(ownEntry(settled.platforms, 'bookworm').proxy).toBeUndefined();
    expect(settled.store).toBe('file:/srv/store');
    expect(Object.keys(settled.distributions)).toEqual(['d']);
    expect(ownEntry(settled.distributions, 'd').platforms).toEqual(['bookworm']);
    expect(read.diagnostics.map((d) => d.code)).toEqual(['request-platform', 'request-platform', 'request-platform']);
    expect(settled.package_settings).toMatchObject({
      pkg: { patches: ['fix.patch'] },
      '*': { limits: { minutes: 5 } },
    });
    expect(settled.package_settings.pkg?.limits).toBeUndefined();
    const { files } = filesOf(settled, root, keyRoot);
    const contents = Object.fromEntries(
      Object.entries(files).map(([p, c]) => [p, Buffer.from(c, 'base64').toString()]),
    );
    expect(contents).toEqual({ 'fix.patch': 'another patch', 'ros.asc': 'the good key' });
  });

  it('may not lead out of the repository by symlinks', async () => {
    write('secret', 'of the host');
    const text = distro(underlay, 'package_settings: {pkg: {patches: [fix.patch]}}\n');
    const read = await request(text, () => {
      rmSync(join(folder, 'pr/fix.patch'));
      symlinkSync(join(folder, 'secret'), join(folder, 'pr/fix.patch'));
      symlinkSync('distro.yaml', join(folder, 'pr/fine'));
    });
    expect(read).toMatchObject({ ok: false, diagnostics: [{ code: 'request-link', file: 'fix.patch' }] });
  });

  it('is not planned without its target branch', () => {
    const o = spawnSync('node', [bundle, 'prepare', '--request', '7', '--state', join(folder, 'state')], {
      cwd: join(folder, 'pr'),
      encoding: 'utf8',
    });
    expect(o.stderr).toContain('needs --target');
    expect(o.status).toBe(1);
  });

  it.each(['--request', '--change'])('is not taken for a trusted run where the value of %s is empty', (option) => {
    const o = spawnSync('node', [bundle, 'prepare', option, '', '--state', join(folder, 'state')], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(o.stderr).toContain(`${option} '' is no value`);
    expect(o.status).toBe(2);
  });
});

describe('text for a terminal', () => {
  const escape = '\x1b]0;owned\x07\x1b[2J\x9b31m\u202e';
  it('shows control characters of names, files and messages', () => {
    expect(printable(`a${escape}b\n\tc\r`)).toBe('a\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eb\n\tc\\x0d');
    expect(JSON.parse(printableJson(JSON.stringify({ name: escape })))).toEqual({ name: escape });
    expect(printableJson(JSON.stringify({ name: escape }))).toMatch(/^[\x20-\x7e]*$/);
    expect(renderDiagnostics([{ ...error('x', `m${escape}`, { file: `f${escape}`, hint: `h${escape}` }) }])).toMatch(
      /^[\n\x20-\x7e]*$/,
    );
  });

  it('is all that a command prints, whatever names a repository has', () => {
    write('escape/distro.yaml', distro().replace('rosdep: [rosdep.yaml]', ''));
    write(
      'escape/src/package.xml',
      `<package format="3"><name>pkg</name><version>1.0.0</version><description>d &#x9b;31m</description><maintainer email="a@b.org">A&#x9b;2J</maintainer><license>M\u202eIT</license><depend>no\u009b2Jne</depend><url>https://bot:s3cret@h/x</url></package>`,
    );
    mkdirSync(join(folder, 'escape/src/\x1b[2Jdir'), { recursive: true });
    write('escape/src/\x1b[2Jdir/package.xml', '<package');
    for (const args of [
      ['validate'],
      ['plan'],
      ['plan', '--json'],
      ['query', 'packages', '--json'],
      ['explain', 'pkg'],
    ]) {
      const o = spawnSync('node', [bundle, ...args], { cwd: join(folder, 'escape'), encoding: 'utf8' });
      expect(o.stdout + o.stderr).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
      expect(o.stdout + o.stderr).not.toContain('s3cret');
      expect([0, 1, 2]).toContain(o.status);
    }
  });
});
