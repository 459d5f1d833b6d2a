import { gzipSync } from 'node:zlib';

const largestBlock = 0xffff;

/**
 * A gzip file with stored blocks: its bytes do not depend on the version of zlib. For small members of packages, which
 * tools expect to be compressed.
 */
export function storedGzip(data: Buffer): Buffer {
  // The last two bytes are the compression level ("best") and the system (Unix).
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3])];
  for (let at = 0; at === 0 || at < data.length; at += largestBlock) {
    const block = data.subarray(at, at + largestBlock);
    const header = Buffer.alloc(5);
    header[0] = at + largestBlock >= data.length ? 1 : 0;
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(~block.length & largestBlock, 3);
    parts.push(header, block);
  }
  // CRC-32 and size, which do not depend on the compression.
  return Buffer.concat([...parts, gzipSync(data, { level: 1 }).subarray(-8)]);
}
