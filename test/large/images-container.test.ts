// npm run e2e:images: a container of Debian 13 with SYS_ADMIN, and no other right that docker does not give anyway,
// makes a docker image and a disk.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { debianMirror } from '../mirror.mjs';
import { bundle, cache, discard, example, slipway } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { startDocker } from './docker.mjs';
import { makeRoot } from './fresh-root.mjs';

/** What docs/images.md tells to install in the container. */
const tools = 'nodejs git gnupg gpgv iproute2 mmdebstrap mount uidmap xz-utils'
  .concat(' fdisk e2fsprogs dosfstools mtools qemu-utils zstd')
  .split(' ');
let folder: string;
let work: string;
let engine: Awaited<ReturnType<typeof startDocker>>;

beforeAll(async () => {
  installTools(['dockerd', 'docker', 'sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'zstd']);
  work = mkdtempSync(join(cache, 'container-'));
  engine = await startDocker(work);
  const made = makeRoot('trixie', tools);
  engine.importRoot(made.root, 'slipway-images');
  made.remove();
  folder = example('images-container');
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8').replace('release: bookworm', `release: bookworm\n    mirror: {uri: "${debianMirror()}"}`)}
  small:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [docker, disk]
    kernel: linux-image-cloud-{architecture}
`,
  );
  expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
});
afterAll(async () => {
  await engine.stop();
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

/** Names of the files that a build told. */
const filesIn = (told: string) =>
  told
    .split('\n')
    .filter((line) => line.startsWith(folder))
    .map((path) => basename(path))
    .filter((name) => name.startsWith('small_'))
    .sort();

const options = '--rm --init --network=host --cap-add=SYS_ADMIN --security-opt=apparmor=unconfined'.split(' ');
const command = 'slipway-images node slipway.cjs image build small --local'.split(' ');
const inContainer = () =>
  engine.docker('run', ...options, `--volume=${folder}:${folder}`, `--workdir=${folder}`, ...command);
/** Removes what was made of the packages; the state has no link to folders that containers do not have. */
function forget(...more: string[]): void {
  for (const name of ['store/images', 'store/image-lists', 'bases', 'archives', 'layers', 'images', ...more])
    rmSync(join(folder, '.slipway', name), { recursive: true, force: true });
  rmSync(join(folder, 'out/images'), { recursive: true });
}

/** What decides the bytes of images besides their inputs. */
const versions = [
  '-c',
  'tar --version | head -n 1; zstd --version; /usr/sbin/mke2fs -V 2>&1; mcopy --version | head -n 1',
];

it('makes images from the base system in the store: with the same tools the same, with others under other keys', async () => {
  const here = await slipway(['image', 'build', 'small', '--local'], folder);
  expect(here.code, here.stderr).toBe(0);
  const expected = filesIn(here.stdout);
  expect(expected).toHaveLength(4);
  copyFileSync(bundle, join(folder, 'slipway.cjs'));
  forget();
  const ran = await inContainer();
  expect(ran.code, ran.told).toBe(0);
  expect(ran.told).toContain('making the disk image');
  const theirs = await engine.docker('run', '--rm', 'slipway-images', 'sh', ...versions);
  const same = theirs.told.trim() === execFileSync('sh', versions, { encoding: 'utf8' }).trim();
  expect(filesIn(ran.told).every((name) => expected.includes(name))).toBe(same);
  expect(filesIn(ran.told).some((name) => expected.includes(name))).toBe(same);
});

it('makes the base system, too', async () => {
  forget('store/bases');
  const ran = await inContainer();
  expect(ran.code, ran.told).toBe(0);
  expect(ran.told).toContain('with mmdebstrap');
  expect(filesIn(ran.told)).toHaveLength(4);
});
