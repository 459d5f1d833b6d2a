import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { bytesOf } from '../model/images.ts';
import { imageFile, imageVersion } from '../model/names.ts';
import { exists } from '../io/files.ts';
import { run } from '../io/process.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { writeBmap } from './bmap.ts';
import type { Facts } from './facts.ts';
import { normalizeExt4 } from './ext4.ts';
import { toolFailed, type RenderOptions, type Rendered } from './rendered.ts';
import { labels } from './machine.ts';
import type { MadeRoot } from './root.ts';
import type { Room } from './room.ts';
import { scripts } from './scripts.ts';

const sector = 512;
const mebibyte = 2 ** 20;

/** UEFI's names of programs, and the types of partitions (UAPI discoverable partitions specification). */
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

/** A UUID that follows from a text: of version 8, whose bits are free (RFC 9562). */
export function uuidOf(text: string): string {
  const h = sha256(text);
  const variant = ((parseInt(h.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-8${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

interface Part {
  name: string;
  type: string;
  /** The file of its content, and its size in sectors. */
  file: string | undefined;
  sectors: number;
}

const espSectors = (facts: Facts): number => ((facts.image.spec.partitions === 'ab' ? 512 : 256) * mebibyte) / sector;

/** Makes a disk with a GPT: an ESP with systemd-boot, and a root, or two of them and a partition for data. */
export async function makeDisk(
  room: Room,
  facts: Facts,
  root: MadeRoot,
  options: RenderOptions,
): Promise<Result<{ raw: string; folder: string }>> {
  const { spec, target, name } = facts.image;
  const known = firmware[target.architecture];
  if (!known) return bad(error('image-kind', `no disks are made for ${target.architecture}`));
  const folder = join(options.folder, 'disk');
  mkdirSync(folder);
  const { key, epoch } = options;
  const rootUuid = uuidOf(`${key} root`);
  const version = `${name}_${imageVersion(facts.state.stamp, key)}`;
  const ab = spec.partitions === 'ab';
  const partition = ab ? `PARTLABEL=${version}` : `PARTUUID=${uuidOf(`${key} partition 1`)}`;
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text, { flag: 'wx' });
  // A root that does not start leads to another try, and then to the former one: not to a shell.
  const restart = ab ? ' panic=10' : '';
  write('name', version);
  write('entry-name', ab ? `${version}+3.conf` : 'slipway.conf');
  write('loader.conf', 'timeout 1\nconsole-mode keep\n');
  write(
    'entry.conf',
    [
      `title ${facts.distro.organization} ${name}`,
      `version ${imageVersion(facts.state.stamp, key)}`,
      `linux /slipway/${version}.vmlinuz`,
      `initrd /slipway/${version}.initrd`,
      `options root=${partition} rw console=tty0 console=${known.console}${restart}`,
      '',
    ].join('\n'),
  );
  const esp = espSectors(facts);
  const size = spec.size === undefined ? 0 : bytesOf(spec.size);
  const rootSize = ab || size === 0 ? size : size - esp * sector - 2 * mebibyte;
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
  return assemble(folder, key, parts);
}

const diskFailed = (room: Room, size: string | undefined) =>
  error('image-render', `the disk could not be made${size === undefined ? '' : `; is ${size} enough for it?`}`, {
    file: room.log,
    hint: 'the end of that log tells why',
  });

/** An empty partition for data, which grows at the first start. */
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
  if (made.code !== 0) return bad(toolFailed('mke2fs', made.stderr));
  normalizeExt4(file, epoch);
  return good(size / sector);
}

/** Puts partitions behind each other, aligned to 1 MiB, with a partition table before and behind them. */
async function assemble(
  folder: string,
  key: string,
  parts: readonly Part[],
): Promise<Result<{ raw: string; folder: string }>> {
  const raw = join(folder, 'disk.raw');
  const align = mebibyte / sector;
  let at = align;
  const lines = ['label: gpt', `label-id: ${uuidOf(`${key} disk`)}`, `first-lba: ${align}`, 'unit: sectors', ''];
  const places: { part: Part; at: number }[] = [];
  for (const [i, part] of parts.entries()) {
    places.push({ part, at });
    lines.push(
      `start=${at}, size=${part.sectors}, type=${part.type}, uuid=${uuidOf(`${key} partition ${i}`)}, name="${part.name}"`,
    );
    at += Math.ceil(part.sectors / align) * align;
  }
  const script = `set -eu; PATH=$PATH:/usr/sbin:/sbin; truncate --size="$2" "$1"; sfdisk --quiet --no-reread --no-tell-kernel "$1"`;
  const table = await run('sh', ['-c', script, 'table', raw, String((at + align) * sector)], {
    input: `${lines.join('\n')}\n`,
  });
  if (table.code !== 0) return bad(toolFailed('sfdisk', table.stderr));
  for (const { part, at: start } of places) {
    if (part.file === undefined) continue;
    const copied = await run('dd', [
      `if=${join(folder, part.file)}`,
      `of=${raw}`,
      'bs=1M',
      `seek=${start / align}`,
      'conv=notrunc,sparse',
      'status=none',
    ]);
    if (copied.code !== 0) return bad(toolFailed('dd', copied.stderr));
  }
  return good({ raw, folder });
}

/** The files of a disk: packed raw with a block map, qcow2, and what an A/B machine updates itself with. */
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
  if (packed.code !== 0) return bad(toolFailed('zstd', packed.stderr));
  await writeBmap(raw, named('raw.bmap'));
  const qcow = ['convert', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd', raw, named('qcow2')];
  const converted = await run('qemu-img', qcow);
  if (converted.code !== 0) return bad(toolFailed('qemu-img', converted.stderr));
  if (facts.image.spec.partitions === 'ab') {
    const slot = await zstd(join(folder, 'root.raw'), named('root.raw.zst'));
    if (slot.code !== 0) return bad(toolFailed('zstd', slot.stderr));
    for (const [from, ending] of [
      ['vmlinuz', 'vmlinuz'],
      ['initrd', 'initrd'],
      ['entry.conf', 'conf'],
    ] as const) {
      renameSync(join(folder, from), named(ending));
      files.push(named(ending));
    }
    files.push(named('root.raw.zst'));
  }
  const bytes = statSync(raw).size;
  rmSync(folder, { recursive: true, force: true });
  return good({ files, bytes });
}

/** Blocks of a file that hold something, with their numbers. */
export function* blocksOf(file: string, size: number): Generator<{ index: number; data: Buffer }> {
  if (!exists(file)) return;
  const handle = openSync(file, 'r');
  const zero = Buffer.alloc(size);
  const buffer = Buffer.alloc(size);
  try {
    for (let index = 0; ; index++) {
      const n = readSync(handle, buffer, 0, size, index * size);
      if (n === 0) return;
      if (n < size) buffer.fill(0, n);
      if (!buffer.equals(zero)) yield { index, data: Buffer.from(buffer) };
    }
  } finally {
    closeSync(handle);
  }
}
