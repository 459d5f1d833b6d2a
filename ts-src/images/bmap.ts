import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { writeFile } from '../io/write.ts';
import { sha256 } from '../model/digest.ts';

const block = 4096;
const step = 1024;

/** Ranges of blocks with data, with their digests. */
function mapped(file: string): { size: number; ranges: { first: number; last: number; digest: string }[] } {
  const handle = openSync(file, 'r');
  const { size } = fstatSync(handle);
  const chunk = Buffer.alloc(block * step);
  const zero = Buffer.alloc(block);
  const ranges: { first: number; last: number; digest: string }[] = [];
  let first = -1;
  let hash = createHash('sha256');
  const end = (last: number) => {
    if (first >= 0) ranges.push({ first, last, digest: hash.digest('hex') });
    first = -1;
    hash = createHash('sha256');
  };
  try {
    for (let at = 0; at * block < size; at += step) {
      const n = readSync(handle, chunk, 0, chunk.length, at * block);
      for (let i = 0; i * block < n; i++) {
        const data = chunk.subarray(i * block, Math.min(n, (i + 1) * block));
        if (data.equals(zero.subarray(0, data.length))) end(at + i - 1);
        else {
          if (first < 0) first = at + i;
          hash.update(data);
        }
      }
    }
    end(Math.ceil(size / block) - 1);
  } finally {
    closeSync(handle);
  }
  return { size, ranges };
}

/** Writes a block map (bmap-tools' format 2.0). Flashing tools then write only blocks with data, and verify them. */
export async function writeBmap(raw: string, target: string): Promise<void> {
  const { size, ranges } = mapped(raw);
  const count = ranges.reduce((n, r) => n + r.last - r.first + 1, 0);
  const lines = ranges.map(
    (r) => `        <Range chksum="${r.digest}"> ${r.first === r.last ? r.first : `${r.first}-${r.last}`} </Range>`,
  );
  const text = (own: string) => `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> ${size} </ImageSize>
    <BlockSize> ${block} </BlockSize>
    <BlocksCount> ${Math.ceil(size / block)} </BlocksCount>
    <MappedBlocksCount> ${count} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${own} </BmapFileChecksum>
    <BlockMap>
${lines.join('\n')}
    </BlockMap>
</bmap>
`;
  // The checksum covers the file with zeros in the checksum's place.
  writeFile(target, text(sha256(text('0'.repeat(64)))), { flag: 'wx' });
  return Promise.resolve();
}
