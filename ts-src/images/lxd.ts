import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { writeFile } from '../io/write.ts';
import { plainEnvironment } from '../io/process.ts';
import { bad, compare, good, type Result } from '../model/diagnostics.ts';
import { ownIn } from '../model/maps.ts';
import { imageFile, imageVersion } from '../model/names.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { Facts } from './facts.ts';
import { toolFailed, type Rendered, type RenderOptions } from './rendered.ts';
import type { MadeRoot } from './root.ts';
import type { Room } from './room.ts';
import { tarOf } from './tar-writer.ts';

/** File endings of a split image, as LXD and Incus expect them. */
export const lxdEndings = { metadata: 'lxd.tar.xz', root: 'squashfs' } as const;

const processors: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  armhf: 'armv7l',
  i386: 'i686',
};

/** `metadata.yaml` and its templates: a container has no fstab of the disk, and gets its own host name. */
export function lxdMetadata(facts: Pick<Facts, 'image' | 'distro'>, version: string, epoch: number): Buffer {
  const { name, target } = facts.image;
  const architecture = processors[target.architecture] ?? target.architecture;
  const metadata = {
    architecture,
    creation_date: epoch,
    properties: {
      architecture,
      description: `${facts.distro.organization} ${name} ${version}`,
      name,
      os: target.os,
      release: target.release,
      serial: version,
    },
    templates: {
      '/etc/fstab': { when: ['create'], template: 'empty.tpl' },
      '/etc/hostname': { when: ['create', 'copy'], template: 'hostname.tpl' },
    },
  };
  // JSON is YAML.
  const files = new Map([
    ['metadata.yaml', { data: `${JSON.stringify(metadata, null, 1)}\n` }],
    ['templates/empty.tpl', { data: '' }],
    ['templates/hostname.tpl', { data: '{{ container.name }}\n' }],
  ]);
  return tarOf(files, epoch);
}

/** SOURCE_DATE_EPOCH limits all times: mksquashfs uses it for its own time, and for newer files. */
const script = `xz --format=xz --check=crc32 --threads=1 -6 --stdout -- "$1" > "$2"
exec mksquashfs m "$3" -noappend -quiet -no-progress -comp zstd -Xcompression-level 3 -one-file-system`;

/** A split image: metadata, and the root as squashfs. Its id is LXD's fingerprint. */
export async function renderLxd(
  room: Room,
  facts: Facts,
  root: MadeRoot,
  options: RenderOptions,
): Promise<Result<Rendered>> {
  const { name, target } = facts.image;
  const version = imageVersion(facts.state.stamp, options.key);
  const work = newScratch(room.state);
  const plain = join(work, 'metadata.tar');
  writeFile(plain, lxdMetadata(facts, version, options.epoch));
  const fileOf = (ending: string) => join(options.folder, imageFile(name, version, target.architecture, ending));
  const [metadata, squashed] = [fileOf(lxdEndings.metadata), fileOf(lxdEndings.root)];
  const packed = await room.driver.read({
    layers: root.layers.map((l) => l.root),
    work: newScratch(room.state),
    command: ['sh', '-e', '-c', script, 'lxd', plain, metadata, squashed],
    env: { ...plainEnvironment(), SOURCE_DATE_EPOCH: String(options.epoch) },
    signal: room.signal,
  });
  if (packed.code !== 0) return bad(toolFailed('xz and mksquashfs', packed));
  const files = [metadata, squashed];
  return good({ files, id: await fingerprint(files) });
}

async function fingerprint(files: readonly string[]): Promise<string> {
  const digest = createHash('sha256');
  for (const file of files)
    for await (const chunk of createReadStream(file)) if (Buffer.isBuffer(chunk)) digest.update(chunk);
  return digest.digest('hex');
}

/** One file of an LXD image in a channel's index. */
export interface LxdFile {
  image: string;
  version: string;
  architecture: string;
  file: string;
  size: number;
  sha256: string;
  /** For metadata: the fingerprint of both files together. */
  reference?: string | undefined;
}

interface Product {
  aliases: string;
  arch: string;
  os: string;
  release: string;
  release_title: string;
  versions: Record<string, { items: Record<string, object> }>;
}

/** The simplestreams index of a channel's LXD images: path below the folder of images → text. */
export function simplestreams(
  channel: string,
  organization: string,
  files: readonly LxdFile[],
): Record<string, string> {
  const products: Record<string, Product> = {};
  for (const file of [...files].sort((a, b) => compare(a.file, b.file))) {
    const id = `${organization}:${file.image}:${file.architecture}`;
    const product = (products[id] ??= {
      aliases: `${file.image},${file.image}/${file.architecture}`,
      arch: file.architecture,
      os: organization,
      release: file.image,
      release_title: `${file.image} of ${channel}`,
      versions: {},
    });
    const version = (product.versions[file.version] = ownIn(product.versions, file.version) ?? { items: {} });
    const of = { path: file.file, size: file.size, sha256: file.sha256 };
    if (file.file.endsWith(`.${lxdEndings.root}`)) version.items.squashfs = { ...of, ftype: 'squashfs' };
    else version.items['lxd.tar.xz'] = { ...of, ftype: 'lxd.tar.xz', combined_squashfs_sha256: file.reference };
  }
  const content = 'images';
  const json = (value: object) => `${JSON.stringify(value, null, 1)}\n`;
  return {
    'streams/v1/images.json': json({
      content_id: content,
      datatype: 'image-downloads',
      format: 'products:1.0',
      products,
    }),
    'streams/v1/index.json': json({
      format: 'index:1.0',
      index: {
        [content]: {
          datatype: 'image-downloads',
          format: 'products:1.0',
          path: 'streams/v1/images.json',
          products: Object.keys(products).sort(compare),
        },
      },
    }),
  };
}
