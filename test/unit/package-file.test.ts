import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlFaults, readDeb } from '../../ts-src/inspect/deb.ts';
import { allowedPaths } from '../../ts-src/inspect/members.ts';
import { unpackPackage } from '../../ts-src/inspect/unpack.ts';
import { PackageFileError } from '../../ts-src/io/deb.ts';

interface Member {
  name: string;
  type?: string;
  mode?: number;
  user?: number;
  owner?: string;
  target?: string;
  data?: string | Buffer;
  size?: number;
}

function tar(members: Member[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, type = '0', mode = 0o644, user = 0, owner = '', target = '', data = '', size } of members) {
    const body = Buffer.from(data);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
    for (const at of [108, 116]) header.write(`${user.toString(8).padStart(7, '0')}\0`, at);
    header.write(`${(size ?? body.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write(`${(1_700_000_000).toString(8).padStart(11, '0')}\0`, 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(target, 157, 100);
    header.write('ustar  \0', 257);
    for (const at of [265, 297]) header.write(owner, at, 32);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function deb(control: Buffer, data: Buffer): Buffer {
  const member = (name: string, body: Buffer) =>
    Buffer.concat([
      Buffer.from(
        `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(body.length).padEnd(10)}\`\n`,
      ),
      body,
      Buffer.alloc(body.length % 2, '\n'),
    ]);
  return Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar', control),
    member('data.tar', data),
  ]);
}

const fields = `Package: acme-d-p
Version: 1.0-1
Architecture: amd64
Maintainer: A <a@b.org>
Depends: libc6
Provides: acme-d-p-abi-1
Section: misc
Priority: optional
Description: a package
 of a robot
`;
const policy = {
  package: 'acme-d-p',
  version: '1.0-1',
  architecture: 'amd64',
  provides: ['acme-d-p-abi-1'],
  conflicts: [],
  replaces: [],
  allowed: allowedPaths('acme-d-p', '/opt/acme/d', []),
};
const top = ['./', './opt/', './opt/acme/', './opt/acme/d/', './opt/acme/d/lib/'].map((name): Member => ({
  name,
  type: '5',
  mode: 0o755,
}));
const good: Member[] = [
  ...top,
  { name: './opt/acme/d/lib/libp.so', mode: 0o755, data: 'library' },
  { name: './opt/acme/d/lib/libq.so', type: '2', mode: 0o777, target: 'libp.so' },
  { name: './opt/acme/d/lib/same', type: '1', mode: 0o755, target: './opt/acme/d/lib/libp.so' },
];

describe('a package file', () => {
  let folder = '';
  let file = '';
  let n = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'package-file-'));
    file = join(folder, 'p.deb');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (members: Member[], control: Member[] = [{ name: './control', data: fields }]) =>
    writeFileSync(file, deb(tar(control), tar(members)));
  const unpack = () => unpackPackage(file, join(folder, `out-${n++}`), policy);

  it('as planned is unpacked, with plain modes and its times', async () => {
    write(good, [
      { name: './', type: '5', mode: 0o755 },
      { name: './control', data: fields },
      { name: './md5sums', data: 'x\n' },
    ]);
    const contents = await unpack();
    expect(contents.files).toEqual(['/opt/acme/d/lib/libp.so', '/opt/acme/d/lib/libq.so', '/opt/acme/d/lib/same']);
    expect(contents.control).toBe(fields.trimEnd());
    expect([...contents.members]).toEqual([['md5sums', 'x\n']]);
    const lib = join(folder, `out-${n - 1}`, 'opt/acme/d/lib');
    expect(readdirSync(lib)).toEqual(['libp.so', 'libq.so', 'same']);
    expect(readFileSync(join(lib, 'same'), 'utf8')).toBe('library');
    expect(lstatSync(join(lib, 'libp.so')).mode & 0o7777).toBe(0o755);
    expect(lstatSync(join(lib, 'libp.so')).mtimeMs).toBe(1_700_000_000_000);
  });

  const bad: [string, Member[], RegExp][] = [
    ['a set-user-id program', [...top, { name: './opt/acme/d/x', mode: 0o4755 }], /x has a set-user-id/],
    ['a sticky folder', [...top, { name: './opt/acme/d/x/', type: '5', mode: 0o1755 }], /has a sticky bit/],
    ['a file that everybody may write', [...top, { name: './opt/acme/d/x', mode: 0o666 }], /is writable by everybody/],
    ['a file of another user', [...top, { name: './opt/acme/d/x', user: 1000 }], /is not owned by root/],
    ['a file of a user by name', [...top, { name: './opt/acme/d/x', owner: 'www-data' }], /is not owned by root/],
    ['a file named as a folder', [...top, { name: './opt/acme/d/x/', data: 'x' }], /is a file named as a folder/],
    ['a device', [...top, { name: './opt/acme/d/x', type: '3' }], /is a device/],
    ['a FIFO', [...top, { name: './opt/acme/d/x', type: '6' }], /is a FIFO/],
    [
      'extended attributes',
      [...top, { name: './x', type: 'x', data: '30 SCHILY.xattr.x=y\n' }, ...good],
      /extended attributes/,
    ],
    ['a sparse file', [...top, { name: './opt/acme/d/x', type: 'S' }], /of a kind that no package needs/],
    [
      'a file of the system',
      [...top, { name: './etc/', type: '5', mode: 0o755 }, { name: './etc/sudoers' }],
      /\/etc\/sudoers is outside the prefix \/opt\/acme\/d/,
    ],
    ['the way out', [...top, { name: './opt/acme/d/../../../../x' }], /is no plain path/],
    ['an absolute name', [...top, { name: '/opt/acme/d/x' }], /is no plain path/],
    ['a newline in a name', [...top, { name: './opt/acme/d/a\nb' }], /a\\nb has control characters/],
    ['an escape in a name', [...top, { name: './opt/acme/d/\u001b[2J' }], /\\u001b\[2J has control/],
    ['a name twice', [...good, { name: './opt/acme/d/lib/libp.so' }], /is there twice/],
    [
      'a file below a link',
      [...top, { name: './opt/acme/d/x', type: '2', target: 'lib' }, { name: './opt/acme/d/x/y' }],
      /lies in no folder of the package/,
    ],
    [
      'a folder over a link',
      [...top, { name: './opt/acme/d/x', type: '2', target: '/usr' }, { name: './opt/acme/d/x/', type: '5' }],
      /is there twice/,
    ],
    [
      'a link out of the root',
      [...top, { name: './opt/acme/d/x', type: '2', target: '../../../../etc/shadow' }],
      /is a link to .*, outside of/,
    ],
    [
      'a link to a file of the host',
      [...top, { name: './opt/acme/d/x', type: '2', target: '/etc/shadow' }],
      /is a link to \/etc\/shadow, outside of/,
    ],
    [
      'a link with a newline',
      [...top, { name: './opt/acme/d/x', type: '2', target: 'a\nb' }],
      /is a link to a name with control/,
    ],
    [
      'a hard link to the host',
      [...top, { name: './opt/acme/d/x', type: '1', target: '/etc/shadow' }],
      /which is no file of the package/,
    ],
    [
      'a hard link through a link',
      [...good, { name: './opt/acme/d/x', type: '1', target: './opt/acme/d/lib/libq.so' }],
      /which is no file of the package/,
    ],
    [
      'an endless file',
      [...top, { name: './opt/acme/d/x', size: 2 ** 32, data: 'x' }],
      /ends in the middle|larger than|can't read/,
    ],
  ];
  it.each(bad)('with %s is refused, and nothing is written outside', async (_, members, message) => {
    write(members);
    await expect(unpack()).rejects.toThrow(message);
    await expect(unpack()).rejects.toThrow(PackageFileError);
    expect(existsSync(join(folder, 'x'))).toBe(false);
    await expect(readDeb(file, policy)).rejects.toThrow(PackageFileError);
  });

  it.each(['preinst', 'postinst', 'prerm', 'postrm', 'config', 'triggers', 'conffiles', '../x', 'x\ny'])(
    'with the control member %j is refused',
    async (name) => {
      write(good, [
        { name: './control', data: fields },
        { name: `./${name}`, mode: 0o755, data: '#!/bin/sh\n' },
      ]);
      await expect(unpack()).rejects.toThrow(/its control part has .*, which dpkg would obey/);
    },
  );

  it.each([
    ['another package', fields.replace('acme-d-p', 'libc6'), /its Package is "libc6", planned was "acme-d-p"/],
    ['another version', fields.replace('1.0-1', '99:1'), /its Version is "99:1"/],
    ['another architecture', fields.replace('amd64', 'all'), /its Architecture is "all"/],
    ['Essential', `${fields}Essential: yes\n`, /the field "Essential"/],
    ['a field twice', `${fields}Version: 2\n`, /the field Version twice/],
    ['Provides of others', fields.replace('Provides: ', 'Provides: bash, '), /its Provides is "bash, /],
    ['Conflicts', `${fields}Conflicts: bash\n`, /its Conflicts is "bash"/],
    ['Replaces', `${fields}Replaces: bash (<< 9)\n`, /its Replaces is "bash/],
    ['Breaks', `${fields}Breaks: bash\n`, /the field "Breaks"/],
    ['a second paragraph', `${fields}\nPackage: bash\nStatus: install ok installed\n`, /is no single stanza/],
    ['an escape', fields.replace('robot', '\u001b[2J'), /control characters/],
  ])('with %s in its control file is refused', async (_, control, message) => {
    write(good, [{ name: './control', data: control }]);
    await expect(unpack()).rejects.toThrow(message);
  });

  it('with zeros is unpacked as a sparse file with the same bytes', async () => {
    const data = Buffer.alloc(3 << 20);
    data.write('begin', 0);
    data.write('middle', (1 << 20) + 5000);
    data.write('end', data.length - 3);
    const odd = Buffer.concat([Buffer.alloc(4096), Buffer.from('x'), Buffer.alloc(100)]);
    const path = './opt/acme/d/lib/';
    const members = [
      { name: `${path}sparse`, data },
      { name: `${path}odd`, data: odd },
      { name: `${path}empty`, data: '' },
      { name: `${path}zeros`, data: Buffer.alloc(9000) },
    ];
    writeFileSync(file, deb(tar([{ name: './control', data: fields }]), tar([...top, ...members])));
    const target = join(folder, 'sparse');
    await unpackPackage(file, target, policy);
    for (const { name, data: bytes } of members)
      expect(readFileSync(join(target, name)).equals(Buffer.from(bytes)), name).toBe(true);
    expect(lstatSync(join(target, path, 'sparse')).blocks * 512).toBeLessThan(1 << 20);
  });

  it('of random bytes is refused or unpacked inside its folder, nothing else', async () => {
    const whole = deb(tar([{ name: './control', data: fields }]), tar(good));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        async (edits) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of edits) bytes[at] = value;
          writeFileSync(file, bytes);
          const target = join(folder, `out-${n++}`);
          try {
            const { files } = await unpackPackage(file, target, policy);
            for (const f of files) expect(f).toMatch(/^\/(opt\/acme\/d|usr\/share\/doc\/acme-d-p)\//);
          } catch (e) {
            expect(e).toBeInstanceOf(PackageFileError);
          }
          rmSync(target, { recursive: true, force: true });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('control text of any kind is accepted or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(fields.length), (text, at) => {
        const control = fields.slice(0, at) + text + fields.slice(at);
        if (controlFaults(control, policy).length) return;
        expect(control.trimEnd()).not.toMatch(/\n\n|\u001b|^(Essential|Status):/m);
      }),
      { numRuns: 1000 },
    );
  });
});
