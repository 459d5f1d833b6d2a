import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, readFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debFaults, type DebPolicy } from '../../ts-src/inspect/deb.ts';
import { allowedPaths, memberFaults, type Member, type PackageFault } from '../../ts-src/inspect/members.ts';
import { stagedMembers } from '../../ts-src/inspect/staged.ts';
import { arMembers, writeAr } from '../../ts-src/io/ar.ts';
import { writeTar } from '../../ts-src/io/tar.ts';
import { controlStanzas } from '../../ts-src/publish/deb.ts';
import { renderControl, simplified, type BinaryControl } from '../../ts-src/render/control.ts';

const prefix = '/opt/acme/d';

const allowed = allowedPaths('acme-d-x', prefix, ['/opt/ros/noetic']);

const textsOf = (faults: readonly PackageFault[]): string => faults.map((f) => f.text).join('\n');
const member = (path: string, type: Member['type'] = 'file', more: Partial<Member> = {}): Member => ({
  path,
  type,
  mode: type === 'directory' ? 0o755 : 0o644,
  target: '',
  ...more,
});

const at = (path: string, ...rest: [Member['type']?, Partial<Member>?]) => member(`${prefix}/${path}`, ...rest);

describe('members of a package', () => {
  it.each<[string, Member[]]>([
    [
      'files and folders of the prefix',
      [member('/', 'directory'), member('/opt', 'directory'), at('lib', 'directory'), at('lib/a.so')],
    ],
    ['documents', [member('/usr/share/doc/acme-d-x/copyright')]],
    ['a link beside', [at('lib/a.so', 'link', { target: 'a.so.1' }), at('lib/a.so.1')]],
    ['a link to a library of the system', [at('lib/b.so', 'link', { target: '/usr/lib/x86_64-linux-gnu/libb.so' })]],
    ['a link out to the system by dots', [at('lib/b.so', 'link', { target: '../../../../usr/lib/libb.so' })]],
    ['a link into an underlay', [at('u', 'link', { target: '/opt/ros/noetic/share' })]],
    [
      'a virtual environment',
      [
        at('venv/bin/python', 'link', { target: 'python3' }),
        at('venv/bin/python3', 'link', { target: '/usr/bin/python3.11' }),
      ],
    ],
    ['a hard link to its own file', [at('a'), at('b', 'hard link', { target: `${prefix}/a` })]],
  ])('may be %s', (_, members) => expect(memberFaults(members, allowed)).toEqual([]));

  it.each<[string, Member[], RegExp]>([
    ['a file elsewhere', [member('/etc/sudoers.d/x')], /\/etc\/sudoers\.d\/x is outside the prefix \/opt\/acme\/d/],
    ['a folder elsewhere', [member('/etc', 'directory')], /\/etc is outside/],
    ['a neighbour of the prefix', [member('/opt/acme/dx/a')], /outside/],
    ["another package's documents", [member('/usr/share/doc/bash/copyright')], /outside/],
    ['a set-user-id program', [at('bin/su', 'file', { mode: 0o4755 })], /\/bin\/su has a set-user-id/],
    ['a set-group-id folder', [at('bin', 'directory', { mode: 0o2755 })], /set-group-id/],
    ['a sticky folder', [at('tmp', 'directory', { mode: 0o1755 })], /sticky/],
    ['a file for everybody', [at('a', 'file', { mode: 0o666 })], /writable by everybody/],
    ['a device', [at('null', 'device')], /null is a device/],
    ['a FIFO', [at('f', 'FIFO')], /is a FIFO/],
    ['a socket', [at('s', 'socket')], /is a socket/],
    ['an unknown kind', [at('s', 'unknown')], /unknown type/],
    ['a line break in a name', [at('a\n/etc/passwd')], /a\\n\/etc\/passwd has control characters/],
    ['an escape in a name', [at('a\x1b[2J')], /a\\u001b\[2J has control characters/],
    ['a C1 control', [at('a\x9b2J')], /control characters/],
    ['what is no UTF-8', [at('a\ufffd')], /not UTF-8/],
    ['a whiteout', [at('lib/.wh.a/b')], /means that a file is removed/],
    ['dots in a path', [at('../../../etc/passwd')], /no plain path/],
    ['an empty part', [at('lib//a')], /no plain path/],
    ['a link to the host', [at('p', 'link', { target: '/etc/passwd' })], /p is a link to \/etc\/passwd, outside/],
    ['a link to a program', [at('p', 'link', { target: '/usr/bin/passwd' })], /outside/],
    ['a link out by dots', [at('p', 'link', { target: '../../../../etc/shadow' })], /outside/],
    ['a link to /', [at('p', 'link', { target: '/' })], /outside/],
    ['a link to /proc', [at('p', 'link', { target: '/proc/self/root' })], /outside/],
    [
      'a link to the folder above the prefix',
      [at('p', 'link', { target: '..' }), at('q', 'link', { target: 'p/../..' })],
      /outside/,
    ],
    [
      'a link out through a link',
      [at('a/b/up', 'link', { target: prefix }), at('a/b/c', 'link', { target: 'up/../../../etc' })],
      /c is a link/,
    ],
    ['links in circles', [at('a', 'link', { target: 'b' }), at('b', 'link', { target: 'a' })], /leads nowhere/],
    [
      'a file below a link',
      [at('lib64', 'link', { target: 'lib' }), at('lib64/a')],
      /lies below .*lib64, which is a link/,
    ],
    ['a file below a file', [at('a'), at('a/b')], /lies below/],
    ['the prefix as a link', [member(prefix, 'link', { target: '/usr/lib' })], /link where a folder belongs/],
    ['a hard link to the host', [at('a', 'hard link', { target: '/etc/shadow' })], /hard link to \/etc\/shadow/],
    ['one path twice', [at('a'), at('a', 'link', { target: 'b' })], /twice/],
    ["dpkg's own folder", [member('/DEBIAN/postinst')], /outside/],
    ['an escape in a target', [at('a', 'link', { target: 'b\x1b' })], /control characters/],
  ])('may not be %s', (_, members, reason) => expect(textsOf(memberFaults(members, allowed))).toMatch(reason));
  it('may be anywhere if no folder is named', () => {
    const anywhere = { folders: ['/'], targets: ['/'], links: new Map<string, string>() };
    const file: Member = { path: '/opt/acme/d/lib/x', type: 'file', mode: 0o644, target: '' };
    expect(memberFaults([file], anywhere)).toEqual([]);
    expect(textsOf(memberFaults([{ ...file, mode: 0o4755 }], anywhere))).toContain('set-user-id');
  });

  it('are each inside, whatever their paths and links', () => {
    const part = fc.constantFrom('..', '.', '', 'etc', 'opt', 'acme', 'd', 'a', 'b', 'usr', 'lib', '\n');
    const path = fc.array(part, { maxLength: 9 }).map((p) => `/${p.join('/')}`);
    fc.assert(
      fc.property(path, path, fc.boolean(), (p, target, link) => {
        const m = member(p, link ? 'link' : 'file', { target });
        if (memberFaults([m], allowed).length) return;
        const real = new URL(`file://${p}`).pathname;
        expect(real.startsWith(`${prefix}/`) || real.startsWith('/usr/share/doc/acme-d-x/')).toBe(true);
        if (link)
          expect(new URL(`file://${target}`).pathname).toMatch(/^\/(opt\/acme\/d|usr\/lib|lib|usr\/share)(\/|$)/);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a tree that a build left', () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'slipway-staged-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is read without following symlinks, and reported with every kind of file', () => {
    const root = join(folder, 'tree');
    mkdirSync(join(root, 'opt/acme/d'), { recursive: true });
    writeFileSync(join(root, 'opt/acme/d/su'), 'x');
    chmodSync(join(root, 'opt/acme/d/su'), 0o4755);
    symlinkSync('/etc', join(root, 'opt/acme/d/etc'));
    execFileSync('mkfifo', [join(root, 'opt/acme/d/fifo')]);
    const staged = stagedMembers(root);
    if (typeof staged === 'string') throw new Error(staged);
    expect(staged.members.length).toBe(6);
    const faults = textsOf(memberFaults(staged.members, allowed));
    for (const reason of [/su has a set-user-id/, /etc is a link to \/etc/, /fifo is a FIFO/])
      expect(faults).toMatch(reason);
  });

  it('is refused if it is a symlink, a file, or missing', () => {
    symlinkSync('/etc', join(folder, 'link'));
    writeFileSync(join(folder, 'file'), '');
    expect(stagedMembers(join(folder, 'link'))).toMatch(/no folder/);
    expect(stagedMembers(join(folder, 'file'))).toMatch(/no folder/);
    expect(stagedMembers(join(folder, 'absent'))).toMatch(/can't be read/);
  });
});

const good: BinaryControl = {
  package: 'acme-d-x',
  source: 'acme-d-x',
  version: '1.0.0-0bookworm.1',
  architecture: 'amd64',
  maintainer: 'a <a@b.org>',
  installedSize: 1,
  section: 'misc',
  depends: ['libc6'],
  provides: ['acme-d-x-abi-0123456789abcdef'],
  conflicts: [],
  replaces: [],
  summary: 'd',
  description: ['more', '.', 'still more'],
};

const planned: DebPolicy = { ...good, allowed };

describe('a package file', () => {
  let folder: string;
  let count = 0;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'slipway-debs-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A package made by dpkg-deb, with any control part. */
  function built(control: Record<string, string>, files: Record<string, string> = { 'opt/acme/d/a': 'a' }): string {
    const root = join(folder, String(++count));
    for (const [name, text] of Object.entries({
      ...Object.fromEntries(Object.entries(control).map(([k, v]) => [`DEBIAN/${k}`, v])),
      ...files,
    })) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text, { mode: /inst$|rm$|config$/.test(name) ? 0o755 : 0o644 });
    }
    execFileSync('dpkg-deb', ['--root-owner-group', '--nocheck', '-Zgzip', '--build', root, `${root}.deb`]);
    return `${root}.deb`;
  }
  const control = renderControl(good);

  it('as planned has no fault', async () => {
    const file = built({ control, md5sums: '' });
    expect(await debFaults(file, planned)).toEqual([]);
  });

  it("with Slipway's control part is read correctly by dpkg", async () => {
    const from = built({ control });
    const data = arMembers(from)!.find((m) => m.name.startsWith('data.tar'))!;
    const file = join(folder, 'own.deb');
    const parts = [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar', data: writeTar([{ path: 'control', data: control }], 1) },
      { name: data.name, from, member: data },
    ];
    await writeAr(file, parts, 1);
    expect(execFileSync('dpkg-deb', ['--field', file, 'Package', 'Depends'], { encoding: 'utf8' })).toBe(
      'Package: acme-d-x\nDepends: libc6\n',
    );
    expect(execFileSync('dpkg-deb', ['--contents', file], { encoding: 'utf8' })).toContain('./opt/acme/d/a');
    expect(await debFaults(file, planned)).toEqual([]);
  });

  it.each(['preinst', 'postinst', 'prerm', 'postrm', 'config', 'triggers', 'conffiles', 'templates', 'symbols', 'x'])(
    'may not have %s',
    async (name) => {
      const texts: Record<string, string> = { conffiles: '/opt/acme/d/a\n', triggers: 'interest /usr\n' };
      const text = texts[name] ?? '#!/bin/sh\n';
      const file = built({ control, [name]: text });
      expect(textsOf(await debFaults(file, planned))).toContain(`its control part has "${name}"`);
    },
  );

  it('is not indexed if dpkg would run or obey something in it', async () => {
    const read = (path: string) => controlStanzas([{ name: 'acme-d-x_1.0.0-0bookworm.1_amd64.deb', path }]);
    expect(await read(built({ control, md5sums: '' }))).toEqual([control]);
    for (const name of ['postinst', 'triggers', 'conffiles'])
      expect(await read(built({ control, [name]: name === 'conffiles' ? '/opt/acme/d/a\n' : 'x\n' }))).toEqual([
        undefined,
      ]);
    expect(await read(built({ control: `${control}Essential: yes\n` }))).toEqual([undefined]);
    expect(await read(built({ control: control.replace('Package: acme-d-x', 'Package: bash') }))).toEqual([undefined]);
  });

  it.each<[string, string, RegExp]>([
    ['another name', control.replace('acme-d-x\n', 'bash\n'), /its Package is "bash", planned was "acme-d-x"/],
    ['another version', control.replace('1.0.0-0', '99:1.0.0-0'), /its Version is "99:1/],
    ['another architecture', control.replace('amd64', 'all'), /its Architecture is "all"/],
    ['Essential', `${control}Essential: yes\n`, /has the field "Essential"/],
    ['Protected', `${control}Protected: yes\n`, /has the field "Protected"/],
    ['Pre-Depends', `${control}Pre-Depends: libc6\n`, /has the field "Pre-Depends"/],
    ['Breaks', `${control}Breaks: bash\n`, /has the field "Breaks"/],
    ['Enhances in odd case', `${control}eSSential: yes\n`, /Essential/i],
    ['more that it provides', control.replace('Provides: ', 'Provides: libc6, '), /its Provides is "libc6, acme/],
    ['conflicts', `${control}Conflicts: bash\n`, /its Conflicts is "bash"/],
    ['replaces', `${control}Replaces: bash\n`, /its Replaces is "bash"/],
  ])('may not have %s', async (_, text, reason) => {
    expect(textsOf(await debFaults(built({ control: text }), planned))).toMatch(reason);
  });

  it('may not have two stanzas, or a field twice', async () => {
    const make = async (text: string) => {
      const from = built({ control });
      const data = arMembers(from)!.find((m) => m.name.startsWith('data.tar'))!;
      const file = join(folder, `twice-${++count}.deb`);
      const parts = [
        { name: 'debian-binary', data: Buffer.from('2.0\n') },
        { name: 'control.tar', data: writeTar([{ path: 'control', data: text }], 1) },
        { name: data.name, from, member: data },
      ];
      await writeAr(file, parts, 1);
      return textsOf(await debFaults(file, planned));
    };
    expect(await make(`${control}\nPackage: bash\n`)).toMatch(/no single stanza/);
    expect(await make(`${control}Package: acme-d-x\n`)).toMatch(/Package twice/);
    expect(await make('')).toMatch(/no single stanza/);
    expect(await make(`${control}X: a\x1bb\n`)).toMatch(/control characters/);
  });

  it('may not contain what its tree may not', async () => {
    expect(textsOf(await debFaults(built({ control }, { 'etc/cron.d/x': '* * * * * root x' }), planned))).toMatch(
      /\/etc\/cron\.d\/x is outside/,
    );
  });

  it('is refused if invalid: text, truncated, changed, a symlink', async () => {
    const whole = built({ control });
    const bytes = readFileSync(whole);
    const other = join(folder, 'other.deb');
    for (const text of [
      Buffer.from('x'),
      Buffer.alloc(0),
      bytes.subarray(0, 200),
      bytes.subarray(0, bytes.length - 40),
    ]) {
      writeFileSync(other, text);
      expect((await debFaults(other, planned)).length).toBeGreaterThan(0);
    }
    symlinkSync(whole, join(folder, 'link.deb'));
    await expect(debFaults(join(folder, 'link.deb'), planned)).rejects.toThrow(/ELOOP/);
  });
});

it('redundant relations are removed', () =>
  expect(simplified(['libc6', 'a', 'libc6 (>= 2.34)', 'a', 'b (<< 2)', 'b', 'x | y'])).toEqual([
    'a',
    'libc6 (>= 2.34)',
    'b (<< 2)',
    'b',
    'x | y',
  ]));
