import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { writeBytes } from '../io/write.ts';

/** CRC-32C as Linux computes it for ext4: no final inversion (fs/ext4/ext4.h, ext4_chksum). */
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});
export function crc32c(seed: number, data: Uint8Array): number {
  let c = seed;
  for (const byte of data) c = (table[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  return c >>> 0;
}

const word = (value: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(value >>> 0);
  return b;
};

/** Time fields of an inode (ext4's on-disk format): offsets of the seconds and of their fraction. */
const changed: [number, number][] = [
  [0x08, 0x8c],
  [0x0c, 0x84],
  [0x10, 0x88],
  [0x90, 0x94],
];
const checksumLow = 0x7c;
const checksumHigh = 0x82;

/**
 * Sets the times of every inode in a new ext4 file system from its mtime. mke2fs takes ctime and crtime from the clock,
 * so builds would not be reproducible. `latest`: upper limit of all times, in seconds since 1970.
 */
export function normalizeExt4(file: string, latest: number): void {
  const handle = openSync(file, 'r+');
  try {
    const size = fstatSync(handle).size;
    const read = (at: number, length: number): Buffer => {
      if (at < 0 || at + length > size) throw new Error('an ext4 file system names blocks beyond its end');
      const data = Buffer.alloc(length);
      readSync(handle, data, 0, length, at);
      return data;
    };
    const sb = read(1024, 1024);
    if (sb.readUInt16LE(56) !== 0xef53) throw new Error('this is no ext4 file system');
    const blockSize = 1024 << sb.readUInt32LE(24);
    const perGroup = sb.readUInt32LE(40);
    const inodeSize = sb.readUInt16LE(88);
    const groups = Math.ceil(sb.readUInt32LE(0) / perGroup);
    const wide = (sb.readUInt32LE(96) & 0x80) !== 0;
    const descriptor = wide ? sb.readUInt16LE(254) : 32;
    const checksums = (sb.readUInt32LE(100) & 0x400) !== 0;
    const seed = sb.readUInt32LE(96) & 0x2000 ? sb.readUInt32LE(0x270) : crc32c(0xffffffff, sb.subarray(104, 120));
    const descriptors = read((sb.readUInt32LE(20) + 1) * blockSize, groups * descriptor);
    for (let g = 0; g < groups; g++) {
      const d = descriptors.subarray(g * descriptor, (g + 1) * descriptor);
      if (d.readUInt16LE(0x12) & 1) continue;
      const high = wide ? d.readUInt32LE(0x28) : 0;
      const at = (d.readUInt32LE(8) + high * 2 ** 32) * blockSize;
      const unused = d.readUInt16LE(0x1c) + (wide ? d.readUInt16LE(0x32) * 65536 : 0);
      const length = (perGroup - unused) * inodeSize;
      const inodes = read(at, length);
      for (let i = 0; i < perGroup - unused; i++) {
        const inode = inodes.subarray(i * inodeSize, (i + 1) * inodeSize);
        if (inode.readUInt16LE(0) === 0) continue;
        normalizeInode(inode, latest);
        if (checksums) sealInode(inode, g * perGroup + i + 1, seed);
      }
      writeBytes(handle, inodes.subarray(0, length), file, at);
    }
  } finally {
    closeSync(handle);
  }
}

function normalizeInode(inode: Buffer, latest: number): void {
  const time = Math.min(inode.readUInt32LE(0x10), latest);
  const extra = inode.length > 128 ? inode.readUInt16LE(0x80) : 0;
  for (const [seconds, fraction] of changed) {
    if (seconds < 0x80 || seconds + 4 <= 0x80 + extra) inode.writeUInt32LE(time, seconds);
    if (fraction + 4 <= 0x80 + extra) inode.writeUInt32LE(0, fraction);
  }
}

/** Checksum of an inode over the file system's seed, the inode's number, generation and bytes. */
function sealInode(inode: Buffer, number: number, seed: number): void {
  const wide = inode.length > 128 && inode.readUInt16LE(0x80) >= 4;
  inode.writeUInt16LE(0, checksumLow);
  if (wide) inode.writeUInt16LE(0, checksumHigh);
  const own = crc32c(crc32c(seed, word(number)), word(inode.readUInt32LE(0x64)));
  const sum = crc32c(own, inode);
  inode.writeUInt16LE(sum & 0xffff, checksumLow);
  if (wide) inode.writeUInt16LE(sum >>> 16, checksumHigh);
}
