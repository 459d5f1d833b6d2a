import { closeSync, mkdirSync, openSync, readFileSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeBytes, writeFile } from '../io/write.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { bytesOf, hasBios } from '../model/images.ts';
import { imageFile, imageVersion } from '../model/names.ts';
import { run } from '../io/process.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { biosPartition, bootSector, grubMenu, placedCore } from './bios.ts';
import { writeBmap } from './bmap.ts';
import type { Facts } from './facts.ts';
import { normalizeExt4 } from './ext4.ts';
import { toolFailed, type RenderOptions, type Rendered } from './rendered.ts';
import { labels, lacksRepart } from './machine.ts';
import type { MadeRoot } from './root.ts';
import type { Room } from './room.ts';
import { scripts } from './scripts.ts';
import { slotEnding } from './sysupdate.ts';
import { removeTree } from '../io/remove-tree.ts';

const sector = 512;
const mebibyte = 2 ** 20;

/** By architecture: file names of UEFI, and partition types (UAPI discoverable partitions specification). */
const firmware: Record<string, { efi: string; boot: string; root: string; console: string }> = {
  amd64: {
    efi: 'systemd-bootx64.efi',
    boot: 'BOOTX64.EFI',
    root: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    console: 'ttyS0,115200',
  },
  arm64: {
    efi: 'systemd-bootaa64.efi',
    boot: 'BOOTAA64.EFI',
    root: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
    console: 'ttyAMA0',
  },
};
const types = {
  esp: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linux: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

/** Derives a UUID from a text: version 8, whose bits are free (RFC 9562). */
export function uuidOf(text: string): string {
  const h = sha256(text);
  const variant = ((parseInt(h.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-8${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

interface Part {
  name: string;
  type: string;
  /** File with its content, and its size in sectors. */
  file: string | undefined;
  sectors: number;
  /** Placed before the others regardless of its number, so that the root at the end can grow. */
  front?: boolean;
}

const espSectors = (facts: Facts): number => ((facts.image.spec.partitions === 'ab' ? 512 : 256) * mebibyte) / sector;

/** Writes the ESP's files besides kernel, initrd and boot programs. */
function writeBootFiles(folder: string, facts: Facts, key: string, version: string): void {
  const { spec, target, name } = facts.image;
  const ab = spec.partitions === 'ab';
  const partition = ab ? `PARTLABEL=${version}` : `PARTUUID=${uuidOf(`${key} partition 1`)}`;
  const title = `${facts.distro.organization} ${name}`;
  // An A/B system whose root does not boot must restart, so that it falls back to the previous root, and not wait in a
  // shell.
  const restart = ab ? ' panic=10' : '';
  const kernelOptions = `root=${partition} rw console=tty0 console=${firmware[target.architecture]?.console}${restart}`;
  const write = (file: string, text: string) => writeFile(join(folder, file), text, { flag: 'wx' });
  write('name', version);
  write('entry-name', ab ? `${version}+3.conf` : 'slipway.conf');
  write('loader.conf', 'timeout 1\nconsole-mode keep\n');
  write(
    'entry.conf',
    [
      `title ${title}`,
      `version ${imageVersion(facts.state.stamp, key)}`,
      `linux /slipway/${version}.vmlinuz`,
      `initrd /slipway/${version}.initrd`,
      `options ${kernelOptions}`,
      '',
    ].join('\n'),
  );
  if (hasBios(spec)) write('grub.cfg', grubMenu(title, version, kernelOptions));
}

/** Makes a disk with a GPT: an ESP with systemd-boot, and a root, or two roots and a data partition. */
export async function makeDisk(
  room: Room,
  facts: Facts,
  root: MadeRoot,
  options: RenderOptions,
): Promise<Result<{ raw: string; folder: string }>> {
  const { spec, target, name } = facts.image;
  const known = firmware[target.architecture];
  if (!known) return bad(error('image-kind', `no disks are made for ${target.architecture}`));
  if (spec.partitions === 'ab' && lacksRepart(target))
    return bad(
      error('image-kind', `no disks with two slots are made for ${target.release}: it has no systemd-repart`, {
        hint: 'use `partitions: grow`, or a later release',
      }),
    );
  const folder = join(options.folder, 'disk');
  mkdirSync(folder);
  const { key, epoch } = options;
  const rootUuid = uuidOf(`${key} root`);
  const version = `${name}_${imageVersion(facts.state.stamp, key)}`;
  const ab = spec.partitions === 'ab';
  const bios = hasBios(spec);
  writeBootFiles(folder, facts, key, version);
  const esp = espSectors(facts);
  const size = spec.size === undefined ? 0 : bytesOf(spec.size);
  const rootSize = ab || size === 0 ? size : size - esp * sector - (bios ? 3 : 2) * mebibyte;
  const made = await room.driver.read({
    layers: root.layers.map((l) => l.root),
    work: newScratch(room.state),
    command: [
      'sh',
      '-c',
      scripts.disk,
      'disk',
      folder,
      String(epoch),
      known.efi,
      known.boot,
      String(Math.floor(rootSize / mebibyte)),
      rootUuid,
      String(esp),
      sha256(`${key} esp`).slice(0, 8),
    ],
    log: room.log,
    signal: room.signal,
  });
  if (made.code !== 0) return bad(diskFailed(room, spec.size));
  normalizeExt4(join(folder, 'root.raw'), epoch);
  const rootSectors = statSync(join(folder, 'root.raw')).size / sector;
  const parts: Part[] = [
    { name: labels.esp, type: types.esp, file: 'esp.raw', sectors: esp },
    { name: ab ? version : labels.root, type: known.root, file: 'root.raw', sectors: rootSectors },
  ];
  if (ab) {
    const data = await makeData(folder, uuidOf(`${key} data`), epoch);
    if (!data.ok) return data;
    parts.push({ name: '_empty', type: known.root, file: undefined, sectors: rootSectors });
    parts.push({ name: labels.data, type: types.linux, file: 'data.raw', sectors: data.value });
  }
  if (!bios) return assemble(folder, key, parts);
  const sectors = mebibyte / sector;
  parts.push({ name: labels.bios, type: biosPartition, file: 'bios-core.img', sectors, front: true });
  const core = placedCore(readFileSync(join(folder, 'bios-core.img')), sectors);
  if (!core) return bad(noGrub(name));
  writeFile(join(folder, 'bios-core.img'), core);
  const assembled = await assemble(folder, key, parts);
  if (!assembled.ok || writeBootSector(assembled.value.raw, join(folder, 'bios-boot.img'), sectors)) return assembled;
  return bad(noGrub(name));
}

const noGrub = (image: string) =>
  error('image-render', `unsupported GRUB in the image '${image}': a BIOS could not start it`, {
    hint: 'remove `bios` from `boot`, and report this with the version of grub-pc-bin',
  });

function writeBootSector(raw: string, boot: string, core: number): boolean {
  const handle = openSync(raw, 'r+');
  try {
    const before = Buffer.alloc(sector);
    readSync(handle, before, 0, sector, 0);
    const made = bootSector(before, readFileSync(boot), core);
    if (made) writeBytes(handle, made.subarray(0, sector), raw, 0);
    return made !== undefined;
  } finally {
    closeSync(handle);
  }
}

const diskFailed = (room: Room, size: string | undefined) =>
  error('image-render', `the disk could not be made${size === undefined ? '' : `; is ${size} enough for it?`}`, {
    file: room.log,
    hint: 'the cause is at the end of that log',
  });

/** An empty data partition, which grows at first boot. */
async function makeData(folder: string, uuid: string, epoch: number): Promise<Result<number>> {
  const file = join(folder, 'data.raw');
  const size = 64 * mebibyte;
  const made = await run('sh', [
    '-c',
    'PATH=$PATH:/usr/sbin:/sbin; truncate --size="$2" "$1" && E2FSPROGS_FAKE_TIME="$4" mke2fs -q -F -t ext4 -L data -U "$3" -E "hash_seed=$3,nodiscard" "$1"',
    'data',
    file,
    String(size),
    uuid,
    String(epoch),
  ]);
  if (made.code !== 0) return bad(toolFailed('mke2fs', made));
  normalizeExt4(file, epoch);
  return good(size / sector);
}

/** Writes partitions one after the other, aligned to 1 MiB, with a partition table at both ends. */
async function assemble(
  folder: string,
  key: string,
  parts: readonly Part[],
): Promise<Result<{ raw: string; folder: string }>> {
  const raw = join(folder, 'disk.raw');
  const align = mebibyte / sector;
  let at = align;
  const lines = ['label: gpt', `label-id: ${uuidOf(`${key} disk`)}`, `first-lba: ${align}`, 'unit: sectors', ''];
  const places = new Map<Part, number>();
  for (const part of [...parts.filter((p) => p.front), ...parts.filter((p) => !p.front)]) {
    places.set(part, at);
    at += Math.ceil(part.sectors / align) * align;
  }
  for (const [i, part] of parts.entries())
    lines.push(
      `start=${places.get(part)}, size=${part.sectors}, type=${part.type}, ` +
        `uuid=${uuidOf(`${key} partition ${i}`)}, name="${part.name}"`,
    );
  const script = `set -eu; PATH=$PATH:/usr/sbin:/sbin; truncate --size="$2" "$1"; sfdisk --quiet --no-reread --no-tell-kernel "$1"`;
  const table = await run('sh', ['-c', script, 'table', raw, String((at + align) * sector)], {
    input: `${lines.join('\n')}\n`,
  });
  if (table.code !== 0) return bad(toolFailed('sfdisk', table));
  for (const [part, start] of places) {
    if (part.file === undefined) continue;
    const copied = await run('dd', [
      `if=${join(folder, part.file)}`,
      `of=${raw}`,
      'bs=1M',
      `seek=${start / align}`,
      'conv=notrunc,sparse',
      'status=none',
    ]);
    if (copied.code !== 0) return bad(toolFailed('dd', copied));
  }
  return good({ raw, folder });
}

/** The files of a disk image: compressed raw with block map, qcow2, and files for A/B updates. */
export async function renderDisk(
  room: Room,
  facts: Facts,
  root: MadeRoot,
  options: RenderOptions,
): Promise<Result<Rendered>> {
  const made = await makeDisk(room, facts, root, options);
  if (!made.ok) return made;
  const { raw, folder } = made.value;
  const named = (ending: string): string =>
    join(
      options.folder,
      imageFile(
        facts.image.name,
        imageVersion(facts.state.stamp, options.key),
        facts.image.target.architecture,
        ending,
      ),
    );
  const files = [named('raw.zst'), named('raw.bmap'), named('qcow2')];
  const zstd = (from: string, to: string) => run('zstd', ['-3', '-T0', '--quiet', '-o', to, from]);
  const packed = await zstd(raw, named('raw.zst'));
  if (packed.code !== 0) return bad(toolFailed('zstd', packed));
  await writeBmap(raw, named('raw.bmap'));
  const qcow = ['convert', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd', raw, named('qcow2')];
  const converted = await run('qemu-img', qcow);
  if (converted.code !== 0) return bad(toolFailed('qemu-img', converted));
  if (facts.image.spec.partitions === 'ab') {
    const pack = ['-c', 'gzip -n -6 < "$1" > "$2"', 'gzip', join(folder, 'root.raw'), named(slotEnding)];
    const slot = await run('sh', pack);
    if (slot.code !== 0) return bad(toolFailed('gzip', slot));
    for (const [from, ending] of [
      ['vmlinuz', 'vmlinuz'],
      ['initrd', 'initrd'],
      ['entry.conf', 'conf'],
    ] as const) {
      renameSync(join(folder, from), named(ending));
      files.push(named(ending));
    }
    files.push(named(slotEnding));
  }
  const bytes = statSync(raw).size;
  removeTree(folder);
  return good({ files, bytes });
}
