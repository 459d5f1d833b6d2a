// npm run e2e:images: an unprivileged user makes a docker image whose platform layers equal root's byte for byte, and a
// disk that boots.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { bundle, discard, example, execute, slipway } from '../e2e/helpers.ts';
import { installTools, plainUser } from '../setup.mjs';

const { name: user, home } = plainUser;
const folder = join(home, 'images');
const manifests = z.array(z.object({ Layers: z.array(z.string()) }));
const as = (...args: string[]) =>
  execute(
    'setpriv',
    ['--reuid', user, '--regid', user, '--init-groups', 'env', `HOME=${home}`].concat(
      ['sh', '-c', 'cd "$1" && shift && exec node ../slipway.cjs "$@"', 'sh', folder],
      args,
    ),
    { cwd: home },
  );
const layersOf = (tar: string) =>
  manifests.parse(JSON.parse(execFileSync('tar', ['-xOf', tar, 'manifest.json'], { encoding: 'utf8' })))[0]?.Layers;

beforeAll(() => {
  installTools(['sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'qemu-system-x86_64', 'zstd', 'mksquashfs']);
  if (!existsSync('/usr/share/OVMF'))
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'ovmf']);
  if (spawnSync('id', [user]).status !== 0) execFileSync('useradd', ['--create-home', '--home-dir', home, user]);
  if (!readFileSync('/etc/subuid', 'utf8').includes(`${user}:`))
    execFileSync('usermod', ['--add-subuids', '300000-365535', '--add-subgids', '300000-365535', user]);
  mkdirSync(home, { recursive: true });
  execFileSync('chown', [`${user}:`, home]);
  copyFileSync(bundle, join(home, 'slipway.cjs'));
});
afterAll(async () => {
  await as('clean', '--all');
  await discard(folder);
});

it('makes the same as root, and disks that boot', async () => {
  const ofRoot = example('images-root');
  const file = join(ofRoot, 'distro.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}
  machine:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [disk, lxd]
    kernel: linux-image-cloud-{architecture}
    check: [[drive, "4"]]
`,
  );
  rmSync(folder, { recursive: true, force: true });
  cpSync(ofRoot, folder, { recursive: true, filter: (from) => !from.includes('/.slipway') });
  execFileSync('chown', ['-R', `${user}:`, folder]);
  expect((await slipway(['build', '--distribution', 'mini'], ofRoot)).code).toBe(0);
  const whole = await slipway(['image', 'build', 'robot', '--local', '--kind', 'docker'], ofRoot);
  expect(whole.code, whole.stderr).toBe(0);

  const built = await as('build', '--distribution', 'mini');
  expect(built.code, built.stderr).toBe(0);
  const docker = await as('image', 'build', 'robot', '--local', '--kind', 'docker');
  const log = join(folder, 'out/logs/images/robot-amd64.log');
  expect(docker.code, docker.stderr + (docker.code === 0 ? '' : readFileSync(log, 'utf8').slice(-3000))).toBe(0);
  const [mine, roots] = [docker, whole].map((ran) => layersOf(ran.stdout.trim()));
  expect(mine).toHaveLength(3);
  expect(mine?.slice(0, 2)).toEqual(roots?.slice(0, 2));
  await discard(ofRoot);

  const disk = await as('image', 'build', 'machine', '--local');
  expect(disk.code, disk.stderr).toBe(0);
  const done = await as('image', 'publish', 'machine', '--local', '--to', `file://${folder}/published/apt`);
  // LXD needs root. The disk was booted, but nothing is published if one kind can't be checked.
  expect(done.stderr).toContain("the lxd image of 'machine' is not good");
  expect(done.stderr).not.toContain("the disk image of 'machine' is not good");
  expect(existsSync(join(folder, 'published/images'))).toBe(false);
});
