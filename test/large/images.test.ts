// npm run e2e:images: the example's image in docker's real engine, in a real registry, as a disk that qemu boots by
// UEFI and by a BIOS, and as an AMI on moto.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { cache, discard, example, execute, slipway, start } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { installTools } from '../setup.mjs';
import { boto } from './terraform.mjs';

const text = z.string().optional();
const indexes = z.object({
  images: z.array(z.object({ kind: z.string(), reference: text, file: text, sha256: text })),
});
const partition = z.object({ start: z.number(), size: z.number(), name: z.string() });
const tables = z.object({ partitiontable: z.object({ partitions: z.array(partition) }) });

let folder: string;
let engine: ChildProcess;
let registry: ChildProcess;
let work: string;
let env: NodeJS.ProcessEnv;
let aws: Awaited<ReturnType<typeof s3Server>>;
/** The registry is behind a proxy that cuts connections while `broken` is above 0. */
let broken = 0;
const proxy = createServer((from, to) => {
  if (from.method === 'PUT' && broken > 0) {
    broken--;
    from.once('data', () => from.socket.destroy());
    return;
  }
  from.pipe(
    request({ host: '127.0.0.1', port: 15_077, path: from.url, method: from.method, headers: from.headers }, (r) => {
      to.writeHead(r.statusCode ?? 502, r.headers);
      r.pipe(to);
    }).on('error', () => to.destroy()),
  );
});

beforeAll(async () => {
  installTools([
    'dockerd',
    'docker',
    'docker-registry',
    'sfdisk',
    'mcopy',
    'mkfs.vfat',
    'qemu-img',
    'qemu-system-x86_64',
    'bmaptool',
  ]);
  if (!existsSync('/usr/share/OVMF'))
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'ovmf']);
  work = mkdtempSync(join(cache, 'images-'));
  env = { DOCKER_HOST: `unix://${work}/d.sock` };
  const data = ['--data-root', join(work, 'data'), '--exec-root', join(work, 'exec'), '--pidfile', join(work, 'pid')];
  const network = ['--iptables=false', '--bridge=none', '--storage-driver', 'overlay2'];
  engine = spawn('dockerd', ['-H', env.DOCKER_HOST ?? '', ...data, ...network], { stdio: 'ignore' });
  writeFileSync(
    join(work, 'registry.yml'),
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${join(work, 'registry')}}}\nhttp: {addr: "127.0.0.1:15077"}\n`,
  );
  registry = spawn('docker-registry', ['serve', join(work, 'registry.yml')], { stdio: 'ignore' });
  await new Promise<void>((resolve) => proxy.listen(15_078, '127.0.0.1', () => resolve()));
  aws = await s3Server();
  folder = example('images-large');
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'distro.yaml'),
    `${distro}    repository: 127.0.0.1:15078/acme/robot
  machine:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [disk, ami]
    boot: [uefi, bios]
    kernel: linux-image-cloud-{architecture}
    users: [{name: ada, sudo: true}]
    check: [[drive, "4"]]
    ami:
      region: eu-central-1
      copies: [us-east-1]
      share: ["123456789012"]
      encrypted: false
      parameter: /acme/images/machine
      endpoint: ${aws.endpoint}
`,
  );
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
  for (let i = 0; i < 120 && (await execute('docker', ['info'], { env })).code !== 0; i++) await sleep(500);
});
afterAll(async () => {
  aws?.stop();
  proxy.close();
  proxy.closeAllConnections();
  registry.kill();
  const ended = new Promise((resolve) => engine.once('exit', resolve));
  engine.kill('SIGTERM');
  await ended;
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

const image = (...args: string[]) => slipway(['image', ...args, '--local'], folder, { env });
const published = () => `file://${join(folder, 'published/apt')}`;
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

it('runs in docker, is pushed by digest, and a version is never moved', async () => {
  expect((await image('build', 'robot')).code).toBe(0);
  broken = 2;
  const done = await image('publish', 'robot', '--to', published());
  expect(done.code, done.stderr).toBe(0);
  expect(broken).toBe(0);
  const reference = done.stdout.split('\n').find((l) => l.includes('@sha256:')) ?? '';
  const ran = await execute('docker', ['run', '--rm', '--network=none', reference, 'drive', '4'], { env });
  expect(ran.stdout).toBe('<twist frame="base" angular="-2.2831853071795862"/>\n');
  // Publishing again changes nothing; the index is signed by the repository's key.
  const again = await image('publish', 'robot', '--to', published());
  expect(again.stdout).toContain(reference);
  const home = mkdtempSync(join(work, 'gpg-'));
  const gpg = (...args: string[]) => execute('gpg', ['--batch', '--homedir', home, ...args]);
  await gpg('--import', join(folder, 'out/apt/key.asc'));
  const shown = await gpg('--decrypt', join(folder, 'published/images/index.json.asc'));
  expect(shown.code, shown.stderr).toBe(0);
  const index = indexes.parse(JSON.parse(shown.stdout));
  expect(index.images.find((i) => i.kind === 'docker')?.reference).toBe(reference);
  const rootfs = index.images.find((i) => i.kind === 'rootfs');
  expect(digest(join(folder, 'published/images', rootfs?.file ?? ''))).toBe(rootfs?.sha256);
});

it('is not published if a check fails', async () => {
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  writeFileSync(join(folder, 'distro.yaml'), distro.replace('check: [[drive, 4]]', 'check: [["false"]]'));
  expect((await image('build', 'robot', '--kind', 'docker')).code).toBe(0);
  const refused = await image('publish', 'robot', '--to', published());
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("the docker image of 'robot' is not good: 'false' ended with 1");
  writeFileSync(join(folder, 'distro.yaml'), distro);
});

it('leaves tags unchanged if the registry fails, and continues later', async () => {
  appendFileSync(join(folder, 'distro.yaml'), '# the same images\n');
  broken = 1000;
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  writeFileSync(join(folder, 'distro.yaml'), distro.replace('robot:\n', 'robot:\n    hostname: other\n'));
  expect((await image('build', 'robot')).code).toBe(0);
  const failed = await image('publish', 'robot', '--to', published());
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('[image-push]');
  broken = 0;
  expect((await image('publish', 'robot', '--to', published())).code).toBe(0);
  writeFileSync(join(folder, 'distro.yaml'), distro);
});

it('boots as a disk that is reproducible and has sound file systems', async () => {
  const made = await image('build', 'machine');
  expect(made.code, made.stderr).toBe(0);
  const [packed = '', bmap = ''] = made.stdout.split('\n');
  const before = made.stdout.trim().split('\n').map(digest);
  const raw = join(work, 'disk.raw');
  execFileSync('bmaptool', ['copy', '--bmap', bmap, packed, raw]);
  const table = tables.parse(JSON.parse(execFileSync('sfdisk', ['--json', raw], { encoding: 'utf8' })));
  const root = table.partitiontable.partitions.find((p) => p.name === 'root');
  execFileSync('dd', [
    `if=${raw}`,
    `of=${join(work, 'root.raw')}`,
    'bs=1M',
    `skip=${(root?.start ?? 0) / 2048}`,
    `count=${(root?.size ?? 0) / 2048}`,
    'status=none',
  ]);
  execFileSync('e2fsck', ['-f', '-n', join(work, 'root.raw')], { stdio: 'ignore' });
  rmSync(raw);
  for (const name of ['images', 'image-lists']) rmSync(join(folder, '.slipway/store', name), { recursive: true });
  rmSync(join(folder, '.slipway/images'), { recursive: true });
  mkdirSync(join(folder, '.slipway/images'));
  rmSync(join(folder, 'out/images'), { recursive: true });
  const again = await image('build', 'machine');
  expect(again.code, again.stderr).toBe(0);
  expect(again.stdout.trim().split('\n').map(digest)).toEqual(before);
  // One disk for both kinds, booted once by each firmware.
  expect(new Set(again.stdout.trim().split('\n')).size).toBe(3);
});

it('boots as a disk by UEFI and BIOS, and is an AMI in its regions, named by a parameter', async () => {
  // The service refuses or cuts a fraction of the requests.
  aws.erring = 0.05;
  const done = await image('publish', 'machine', '--to', published());
  aws.erring = 0;
  expect(done.code, done.stderr).toBe(0);
  expect(done.stderr.match(/^starting the/gm)).toHaveLength(1);
  const regions = [...done.stdout.matchAll(/^([a-z0-9-]+) (ami-[0-9a-f]+)$/gm)].map((m) => [m[1], m[2]]);
  expect(regions.map(([region]) => region)).toEqual(['eu-central-1', 'us-east-1']);
  const told = boto(
    join(cache, 'moto'),
    aws.direct,
    `
keys = {'aws_access_key_id': 'test', 'aws_secret_access_key': 'test'}
for region in ['eu-central-1', 'us-east-1']:
    at = {'endpoint_url': ${JSON.stringify(aws.direct)}, 'region_name': region, **keys}
    ec2 = boto3.client('ec2', **at)
    id = ec2.describe_images(Owners=['self'])['Images'][0]['ImageId']
    shared = ec2.describe_image_attribute(ImageId=id, Attribute='launchPermission')['LaunchPermissions']
    named = boto3.client('ssm', **at).get_parameter(Name='/acme/images/machine')['Parameter']['Value']
    print(region, id, named, shared[0]['UserId'])`,
  );
  expect(told.trim().split('\n')).toEqual(regions.map(([region, id]) => `${region} ${id} ${id} 123456789012`));
  const index = indexes.parse(JSON.parse(readFileSync(join(folder, 'published/images/index.json'), 'utf8')));
  expect(index.images.flatMap((i) => (i.kind === 'ami' ? [i.reference] : []))).toEqual(
    regions.map(([region, id]) => `${region}:${id}`),
  );
  // Publishing again neither boots nor registers; the newest AMI, which the parameter names, is not retired.
  const again = await image('publish', 'machine', '--to', published());
  expect(again.stdout).toBe(done.stdout);
  const retired = await image('retire', 'machine', '--keep', '1');
  expect(retired.stdout, retired.stderr).toContain('machine: 0 removed');
});

it('continues after it was killed', async () => {
  for (const name of ['images', 'image-lists'])
    rmSync(join(folder, '.slipway/store', name), { recursive: true, force: true });
  for (const wait of [1000, 3000, 6000]) {
    const child = start(['image', 'build', 'robot', '--local'], folder);
    await sleep(wait);
    child.kill('SIGKILL');
    await child.ended;
  }
  const ran = await image('build', 'robot');
  expect(ran.code, ran.stderr).toBe(0);
  expect(readdirSync(join(folder, '.slipway/work')).length).toBeLessThan(4);
});

it('reports a full disk', async () => {
  const disk = join(work, 'small');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', disk]);
  try {
    const state = join(disk, 'state');
    mkdirSync(state);
    for (const part of ['bases', 'archives'])
      execFileSync('ln', ['-s', join(folder, '.slipway', part), join(state, part)]);
    execFileSync('cp', ['-a', join(folder, '.slipway/gnupg'), state]);
    for (const name of ['images', 'image-lists'])
      rmSync(join(folder, '.slipway/store', name), { recursive: true, force: true });
    const ran = await slipway(['image', 'build', 'robot', '--local', '--state-folder', state], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/the disk (of \S+ )?is full/);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});
