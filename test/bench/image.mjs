// npm run bench -- image: the example's images, from nothing and after a change of one package, compared with tar of
// the same root. The time for the root itself (mmdebstrap, apt, dpkg) is measured separately, as that of the layers.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cache, installTools } from '../setup.mjs';
import { copyExample } from '../e2e/edits.mjs';
import { bundle, median, timed } from './common.mjs';

export default async function ({ runs, note }) {
  installTools(['mmdebstrap', 'newuidmap', 'sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'zstd', 'xz']);
  mkdirSync(join(cache, 'shared'), { recursive: true });
  const folder = mkdtempSync(join(cache, 'bench-image-'));
  try {
    copyExample(folder);
    mkdirSync(join(folder, '.slipway'));
    for (const part of ['bases', 'archives', 'layers']) {
      mkdirSync(join(cache, 'shared', part), { recursive: true });
      symlinkSync(join(cache, 'shared', part), join(folder, '.slipway', part));
    }
    const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
    const image = (name, kinds) =>
      `  ${name}: {channel: nightly, distribution: mini, kinds: [${kinds}], kernel: linux-image-cloud-amd64}\n`;
    writeFileSync(
      join(folder, 'distro.yaml'),
      `${distro}${image('docker', 'docker')}${image('all', 'docker, rootfs, disk')}`,
    );
    const slipway = (...args) => timed(process.execPath, [bundle, ...args], { cwd: folder });
    const build = (name) => slipway('image', 'build', name, '--local').seconds;
    const forget = (...more) => {
      for (const name of ['.slipway/store/images', '.slipway/store/image-lists', ...more])
        rmSync(join(folder, name), { recursive: true, force: true });
    };
    note('building the packages, and fetching what images need');
    slipway('build', '--distribution', 'mini');
    build('all');
    forget('.slipway/images/layers');
    note('a docker image from nothing');
    const first = build('docker');
    const rendered = [];
    for (let r = 0; r < runs; r++) {
      forget();
      rendered.push(build('docker'));
    }
    const [docker] = readdirSync(join(folder, 'out/images')).filter((f) => f.startsWith('docker_'));
    const size = statSync(join(folder, 'out/images', docker)).size;
    note('tar of the same root');
    const root = join(folder, 'root');
    mkdirSync(root);
    timed('sh', [
      '-c',
      'for l in $(tar -xOf "$1" manifest.json | grep -o "blobs/sha256/[0-9a-f]*" | tail -n +2); do tar -xOf "$1" $l | tar -x -C "$2"; done',
      'sh',
      join(folder, 'out/images', docker),
      root,
    ]);
    const tar = [];
    for (let r = 0; r < runs; r++)
      tar.push(
        timed('sh', [
          '-c',
          'tar -cf "$2" --numeric-owner -C "$1" . && sync "$2"; rm "$2"',
          'sh',
          root,
          join(folder, 'root.tar'),
        ]).seconds,
      );
    note('all kinds, their layers at hand');
    build('all');
    forget();
    const all = build('all');
    note('after one package changed');
    appendFileSync(join(folder, 'src/robot/acme_drive/src/drive.cpp'), '\nint unused() { return 1; }\n');
    timed('./repositories.sh', [], { cwd: folder });
    slipway('build', '--distribution', 'mini');
    const second = build('docker');
    const nothing = Array.from({ length: runs }, () => build('docker'));
    return rowsOf({ size, first, second, rendered, tar, all, nothing });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf({ size, first, second, rendered, tar, all, nothing }) {
  return [
    { name: 'image.mb', value: size / 1e6, meaning: 'the docker image' },
    { name: 'image.first_s', value: first, meaning: 'a docker image, its layers made too (packages fetched)' },
    { name: 'image.second_s', value: second, meaning: 'after one package changed' },
    { name: 'image.second_vs_first', value: second / first, meaning: 'of the first time, at most 0.5' },
    { name: 'image.docker_s', value: median(rendered), meaning: 'a docker image of layers at hand' },
    { name: 'image.tar_s', value: median(tar), meaning: 'tar of the same root' },
    { name: 'image.docker_vs_tar', value: median(rendered) / median(tar), meaning: 'of tar’s time, at most 1.5' },
    { name: 'image.all_s', value: all, meaning: 'docker, rootfs and disk of layers at hand, at most 60 s' },
    { name: 'image.nothing_s', value: median(nothing), meaning: 'nothing changed, at most 1 s' },
  ];
}
