import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownPackages } from '../../ts-src/images/closure.ts';
import { writeBmap } from '../../ts-src/images/bmap.ts';
import { uuidOf } from '../../ts-src/images/disk.ts';
import { environmentScript } from '../../ts-src/images/environment.ts';
import { crc32c } from '../../ts-src/images/ext4.ts';
import { readInputs } from '../../ts-src/images/inputs.ts';
import { whiteouts } from '../../ts-src/images/layers.ts';
import { TarScanner } from '../../ts-src/images/scan-tar.ts';
import { secretsIn } from '../../ts-src/images/scan.ts';
import { tarOf } from '../../ts-src/images/tar-writer.ts';
import { imageSchema } from '../../ts-src/model/images.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';

const base = `organization: acme
distributions: {mini: {platforms: [bookworm], folders: [src], ros_version: 2}}
platforms: {bookworm: {os: debian, release: bookworm, architectures: [amd64, arm64, armhf]}}
images:
`;
const faultsOf = (images: string): string => {
  const read = parseDistro(base + images, 'distro.yaml');
  return read.ok ? '' : renderDiagnostics(read.diagnostics);
};

describe('images in distro.yaml', () => {
  it('takes an image of a few lines', () => {
    const read = parseDistro(`${base}  robot:\n    channel: nightly\n    packages: [acme_drive]\n`, 'distro.yaml');
    expect(read.ok && read.value.images.robot).toMatchObject({
      kinds: ['docker'],
      locale: 'C.UTF-8',
      variant: 'default',
    });
  });

  it('tells all faults at once, with their lines', () => {
    const told = faultsOf(`  robot:
    channel: ../nightly
    kinds: [docker, floppy]
    users: [{name: root}]
    files: [{from: ../secret, to: /etc/x}]
    hostname: "a b"
    colour: blue
`);
    for (const line of [5, 6, 7, 8, 9, 10, 11])
      if (line !== 5) expect(told, String(line)).toContain(`distro.yaml:${line}:`);
    expect(told).toContain("unknown key 'colour' in images.robot");
  });

  it('checks what images name', () => {
    expect(faultsOf('  robot: {platform: trixie}\n')).toContain("images.robot names the platform 'trixie'");
    expect(faultsOf('  robot: {distribution: maxi}\n')).toContain("images.robot names the distribution 'maxi'");
    expect(faultsOf('  robot: {kinds: [disk]}\n')).toContain('which is not made for armhf');
    expect(faultsOf('  robot: {kinds: [disk], architectures: [arm64], boot: [uefi, bios]}\n')).toContain(
      'images.robot.boot has bios, which arm64 does not know',
    );
    expect(
      faultsOf('  robot: {kinds: [disk], architectures: [amd64], boot: [uefi, bios], partitions: ab}\n'),
    ).toContain('images.robot.boot has bios, which can not choose between two roots');
    expect(faultsOf('  robot: {kinds: [disk], architectures: [amd64], boot: [bios]}\n')).toContain('uefi, or uefi and');
    expect(faultsOf('  robot: {kinds: [ami], architectures: [amd64]}\n')).toContain('images.robot.ami is missing');
    const two = 'architectures: [amd64, arm64], kinds: [ami]';
    expect(faultsOf(`  robot: {${two}, ami: {region: eu-west-1, parameter: /acme/robot}}\n`)).toContain(
      'images.robot.ami.parameter is one for 2 architectures',
    );
    expect(faultsOf(`  robot: {${two}, ami: {region: eu-west-1, parameter: "/acme/{architecture}"}}\n`)).toBe('');
    expect(faultsOf('  robot: {state: abcdef12}\n')).toContain('images.robot.channel is missing');
  });

  it('refuses names that a shell, a path or a unit could misinterpret', () => {
    const bad: [string, unknown][] = [
      ['users', [{ name: 'a;b' }]],
      ['services', ['-x']],
      ['services', ['a b.service']],
      ['files', [{ from: 'a', to: '/etc/../x' }]],
      ['files', [{ from: 'a', to: '/proc/x' }]],
      ['timezone', '../../etc/passwd'],
      ['locale', 'de_DE.UTF-8; reboot'],
      ['apt', 'https://user:secret@example.org/apt'],
      ['repository', 'example.org/acme/robot:latest'],
      ['system', ['a b']],
      ['kernel', 'x y'],
      ['size', '8 GB'],
    ];
    for (const [key, value] of bad) expect(imageSchema.safeParse({ [key]: value }).success, key).toBe(false);
  });
});

describe('files that an image takes from the distro repository', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'images-'));
    mkdirSync(join(folder, 'overlay/etc'), { recursive: true });
    writeFileSync(join(folder, 'overlay/etc/motd'), 'hello\n');
    writeFileSync(join(folder, 'key.pub'), `ssh-ed25519 ${'A'.repeat(68)} ada@example.org\n`);
    writeFileSync(join(folder, 'bad.pub'), 'command="rm -rf /" nonsense\n');
    writeFileSync(join(folder, 'hook.sh'), 'no interpreter\n');
    symlinkSync('/etc/passwd', join(folder, 'link'));
    writeFileSync(join(folder, 'distro.yaml'), base);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = (spec: unknown) => readInputs(folder, join(folder, 'distro.yaml'), 'robot', imageSchema.parse(spec));

  it('have a digest that depends on content only', async () => {
    const one = await read({ overlay: 'overlay', users: [{ name: 'ada', keys: ['key.pub'] }] });
    chmodSync(join(folder, 'overlay/etc/motd'), 0o600);
    execFileSync('touch', ['-d', '@1000000000', join(folder, 'overlay/etc/motd')]);
    const other = await read({ overlay: './overlay/', users: [{ name: 'ada', keys: ['key.pub'] }] });
    expect(one.ok && other.ok && one.value.digest === other.value.digest).toBe(true);
  });

  it('are each checked, and every fault is reported', async () => {
    const found = await read({
      overlay: 'nothing',
      hook: 'hook.sh',
      users: [{ name: 'ada', keys: ['bad.pub', 'none.pub'] }],
      files: [{ from: 'link', to: '/etc/x' }],
    });
    expect(found.ok).toBe(false);
    const told = found.ok ? '' : renderDiagnostics(found.diagnostics);
    for (const text of [
      'bad.pub holds something else',
      'none.pub, which is not there',
      'is a link',
      'does not begin with "#!"',
      'overlay nothing',
    ])
      expect(told).toContain(text);
  });
});

const stanza = (name: string, depends: string, provides = '') =>
  `Package: ${name}\nVersion: 1.0\nDepends: ${depends}\n${provides ? `Provides: ${provides}\n` : ''}Description: x\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${'0'.repeat(64)}\n\n`;
const index = [
  stanza('acme-mini-drive', 'acme-mini-math-abi-1, libc6 (>= 2.34)'),
  stanza('acme-mini-math', 'libc6', 'acme-mini-math-abi-1'),
  stanza('acme-mini-teleop', 'nothing | acme-mini-drive (= 1.0)'),
  stanza('acme-mini-teleop-dbgsym', 'acme-mini-teleop'),
].join('');
const debian = (name: string) => `acme-mini-${name.replaceAll('_', '-')}`;

describe('packages of an image', () => {
  it('include run dependencies of the named ones, also by virtual names', () => {
    const found = ownPackages('robot', index, ['drive'], debian);
    expect(found.ok && found.value.map((p) => p.name)).toEqual(['acme-mini-drive', 'acme-mini-math']);
    const all = ownPackages('robot', index, ['*'], debian);
    expect(all.ok && all.value.map((p) => p.name)).toEqual(['acme-mini-drive', 'acme-mini-math', 'acme-mini-teleop']);
    const glob = ownPackages('robot', index, ['tele*'], debian);
    expect(glob.ok && glob.value.length).toBe(3);
  });
  it('report a name that the state does not have', () => {
    const found = ownPackages('robot', index, ['drvie'], debian);
    expect(found.ok ? '' : renderDiagnostics(found.diagnostics)).toContain('did you mean acme-mini-drive?');
  });
});

describe('layers', () => {
  it('name what a layer removes once: for a folder only the folder', () => {
    expect(whiteouts(['a', 'a/b', 'a/b/c', 'd', 'e'], new Set(['a', 'e']))).toEqual(['.wh.d', 'a/.wh.b']);
  });
  it('finds planted secrets, and no others', () => {
    const scan = (path: string, text: string, everywhere = true) =>
      secretsIn(path, text.length, Buffer.from(text), everywhere).map((f) => f.what);
    const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAA\n'.repeat(4)}`;
    expect(scan('./opt/acme/x', key)).toEqual(['a private key']);
    expect(scan('./opt/acme/x', '-----BEGIN RSA PRIVATE KEY-----\n" is what a key begins with')).toEqual([]);
    expect(scan('etc/ssh/ssh_host_rsa_key', 'x')).toEqual(['an SSH host key']);
    expect(scan('root/.netrc', 'x')).toEqual(['logins']);
    expect(scan('opt/acme/x', `key = AKIA${'A'.repeat(16)}`)).toEqual(['an AWS access key']);
    expect(scan('opt/acme/x', `ghp_${'a'.repeat(36)}`)).toEqual(['a GitHub token']);
    expect(scan('etc/apt/sources.list', 'deb http://ada:secret@example.org/debian x main')).toEqual([
      'a URL with a password',
    ]);
    expect(scan('usr/share/doc/x', 'http://user:password@host/')).toEqual([]);
    expect(scan('usr/lib/python3/test.pem', key, false)).toEqual([]);
  });
  it('finds keys after headers, and after other beginnings', () => {
    const scan = (text: string) => secretsIn('opt/x', text.length, Buffer.from(text), true).map((f) => f.what);
    const key = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n';
    const begin = '-----BEGIN RSA PRIVATE KEY-----';
    expect(scan(`${begin}\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,01\r\n\r\n${key}`)).toEqual([
      'a private key',
    ]);
    expect(scan(`-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n${key}`)).toEqual(['a private key']);
    expect(scan(`-----BEGIN ${begin} ${begin}\n${key}`)).toEqual(['a private key']);
    expect(scan(`${begin} a: b\n`)).toEqual([]);
  });
  it('searches files in time that grows with their size, whatever is in them', () => {
    const texts = [
      `-----BEGIN PRIVATE KEY-----\n${'a: '.repeat(5_000_000)}!`,
      '-----BEGIN PRIVATE KEY-----\na: '.repeat(500_000),
      '-----BEGIN PRIVATE KEY----- a: '.repeat(500_000),
      'a-'.repeat(8_000_000),
      'a://'.repeat(4_000_000),
      `a://${'a:'.repeat(8_000_000)}`,
    ];
    const begun = performance.now();
    for (const text of texts)
      expect(secretsIn('etc/x', text.length, Buffer.from(text), true), text.slice(0, 40)).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
  it('reads archives as tar writes them, in pieces of any size', () => {
    const folder = mkdtempSync(join(tmpdir(), 'scan-'));
    const long = `${'a'.repeat(120)}/${'b'.repeat(120)}`;
    mkdirSync(join(folder, 'r', 'a'.repeat(120)), { recursive: true });
    writeFileSync(join(folder, 'r', long), 'long\n');
    writeFileSync(join(folder, 'r/c'), 'short\n');
    for (const format of ['pax', 'gnu']) {
      execFileSync('tar', [`--format=${format}`, '--sort=name', '-cf', 't.tar', '-C', 'r', '.'], { cwd: folder });
      const found: string[] = [];
      const scanner = new TarScanner((path, _, content) => found.push(`${path} ${content?.toString().trim()}`));
      const tar = readFileSync(join(folder, 't.tar'));
      for (let at = 0; at < tar.length; at += 700) scanner.push(tar.subarray(at, at + 700));
      expect(found).toEqual([`./${long} long`, './c short']);
    }
    rmSync(folder, { recursive: true });
  });
  it('writes tars that tar reads, with long names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tar-'));
    const long = `${'a'.repeat(80)}/${'b'.repeat(80)}`;
    writeFileSync(
      join(folder, 't.tar'),
      tarOf(
        new Map([
          [long, { data: 'x\n', mode: 0o755 }],
          ['c', { data: '' }],
        ]),
        1e9,
      ),
    );
    execFileSync('tar', ['-xf', 't.tar'], { cwd: folder });
    expect(readFileSync(join(folder, long), 'utf8')).toBe('x\n');
    rmSync(folder, { recursive: true });
  });
});

it('set the environment by setup.sh if it exists, else by paths', () => {
  const folder = mkdtempSync(join(tmpdir(), 'environment-'));
  mkdirSync(join(folder, 'a'));
  writeFileSync(join(folder, 'a/setup.sh'), 'export A=1\n');
  const script = `${environmentScript([`${folder}/a`, `${folder}/b`])}echo "$A $LD_LIBRARY_PATH"\n`;
  expect(execFileSync('sh', ['-euc', script], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })).toBe(
    `1 ${folder}/b/lib\n`,
  );
  rmSync(folder, { recursive: true });
});

it('checksums of file systems and flashing tools', () => {
  // RFC 3720's test vector, without the final inversion.
  expect((crc32c(0xffffffff, Buffer.alloc(32)) ^ 0xffffffff) >>> 0).toBe(0x8a9136aa);
  expect(uuidOf('x')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it('maps the blocks of a disk that hold something', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bmap-'));
  const raw = Buffer.alloc(10 * 4096);
  raw.write('x', 4096);
  raw.write('y', 2 * 4096);
  raw.write('z', 9 * 4096);
  writeFileSync(join(folder, 'raw'), raw);
  await writeBmap(join(folder, 'raw'), join(folder, 'bmap'));
  const text = readFileSync(join(folder, 'bmap'), 'utf8');
  expect([...text.matchAll(/> ([\d-]+) <\/Range>/g)].map((m) => m[1])).toEqual(['1-2', '9']);
  expect(text).toContain('<MappedBlocksCount> 3 </MappedBlocksCount>');
  rmSync(folder, { recursive: true });
});
