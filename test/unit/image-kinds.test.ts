import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootSector, placedCore } from '../../ts-src/images/bios.ts';
import { writeDockerTar } from '../../ts-src/images/docker.ts';
import { simplestreams } from '../../ts-src/images/lxd.ts';
import { tarOf } from '../../ts-src/images/tar-writer.ts';
import { sha256 } from '../../ts-src/model/digest.ts';

describe('images of LXD', () => {
  const file = (version: string, ending: string, more: object = {}) => ({
    image: 'robot',
    version,
    architecture: 'amd64',
    file: `robot_${version}_amd64.${ending}`,
    size: 3,
    sha256: 'ab',
    ...more,
  });

  it('have a simplestreams index that does not depend on the order of publication', () => {
    const files = ['1', '2'].flatMap((v) => [file(v, 'lxd.tar.xz', { reference: 'cd' }), file(v, 'squashfs')]);
    const made = simplestreams('nightly', 'acme', files);
    expect(simplestreams('nightly', 'acme', files.reverse())).toEqual(made);
    expect(Object.keys(made)).toEqual(['streams/v1/images.json', 'streams/v1/index.json']);
    const images: unknown = JSON.parse(made['streams/v1/images.json'] ?? '');
    expect(images).toMatchObject({
      products: {
        'acme:robot:amd64': {
          aliases: 'robot,robot/amd64',
          arch: 'amd64',
          versions: {
            1: {
              items: {
                'lxd.tar.xz': { ftype: 'lxd.tar.xz', path: 'robot_1_amd64.lxd.tar.xz', combined_squashfs_sha256: 'cd' },
                squashfs: { ftype: 'squashfs', path: 'robot_1_amd64.squashfs', size: 3, sha256: 'ab' },
              },
            },
          },
        },
      },
    });
    expect(JSON.parse(made['streams/v1/index.json'] ?? '')).toMatchObject({
      index: { images: { products: ['acme:robot:amd64'], path: 'streams/v1/images.json' } },
    });
  });
});

describe('disks that a BIOS starts', () => {
  const core = Buffer.alloc(3000, 7);
  core.writeUInt16LE(0x820, 510);
  const boot = Buffer.alloc(512, 1);
  boot.writeUInt16LE(0xaa55, 510);

  it('contain GRUB with its sector numbers, and keep their partition table', () => {
    const placed = placedCore(core, 2048);
    expect(placed?.length).toBe(6 * 512);
    expect(placed?.readBigUInt64LE(500)).toBe(2049n);
    expect([placed?.readUInt16LE(508), placed?.readUInt16LE(510)]).toEqual([5, 0x820]);
    const table = Buffer.alloc(512, 9);
    const made = bootSector(table, boot, 2048);
    expect(made?.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(made?.subarray(440)).toEqual(table.subarray(440));
    expect(made?.subarray(0, 0x5c)).toEqual(boot.subarray(0, 0x5c));
  });

  it('are refused if GRUB is invalid, or does not fit', () => {
    expect(placedCore(Buffer.alloc(3000), 2048)).toBeUndefined();
    expect(placedCore(core.subarray(0, 512), 2048)).toBeUndefined();
    expect(placedCore(Buffer.concat([core, Buffer.alloc(2 << 20)]), 2048)).toBeUndefined();
    expect(bootSector(Buffer.alloc(512), Buffer.alloc(512), 2048)).toBeUndefined();
  });
});

describe('docker images', () => {
  it('report a layer with unexpected bytes, and fail without one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docker-'));
    const layer = (name: string) => {
      const data = tarOf(new Map([[name, { data: name }]]), 1e9);
      writeFileSync(join(folder, name), data);
      return { diffId: sha256(data), tar: join(folder, name), size: data.length, what: name };
    };
    const image = { architecture: 'amd64', layers: ['a', 'b'].map(layer), command: [], labels: {}, time: 1e9 };
    const target = join(folder, 'docker.tar');
    const written = await writeDockerTar(image, ['acme/robot:1'], target);
    expect(written).toMatchObject({ sha256: sha256(readFileSync(target)), size: readFileSync(target).length });
    expect(written.damaged).toBeUndefined();
    const bytes = readFileSync(join(folder, 'b'));
    bytes[600] = (bytes[600] ?? 0) ^ 1;
    writeFileSync(join(folder, 'b'), bytes);
    expect((await writeDockerTar(image, ['acme/robot:1'], target)).damaged?.what).toBe('b');
    rmSync(join(folder, 'a'));
    await expect(writeDockerTar(image, ['acme/robot:1'], target)).rejects.toMatchObject({ code: 'ENOENT' });
    rmSync(folder, { recursive: true });
  });
});
