import { expect, it } from 'vitest';
import { versionOf, writerVersions } from '../../ts-src/images/writers.ts';

it("an image's key has the versions of the programs that write it", async () => {
  expect(await versionOf('tar')).toMatch(/^tar: tar \(GNU tar\) \d+\.\d+/);
  expect(await writerVersions(['docker'])).toEqual([await versionOf('tar')]);
  const disk = await writerVersions(['docker', 'disk']);
  expect(disk.map((v) => v.split(':')[0])).toEqual([
    'gzip',
    'mcopy',
    'mke2fs',
    'mkfs.vfat',
    'qemu-img',
    'sfdisk',
    'tar',
    'zstd',
  ]);
});
