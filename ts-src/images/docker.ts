import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { sha256InThread } from '../io/hash-thread.ts';
import { sha256 } from '../model/digest.ts';
import { endOfTar, paddingOf, tarFile, tarHeader } from './tar-writer.ts';

/** A layer as an image names it. */
export interface OciLayer {
  /** SHA-256 of the tar, and the tar's path. */
  diffId: string;
  tar: string;
  size: number;
  what: string;
}

export interface OciImage {
  architecture: string;
  layers: readonly OciLayer[];
  command: readonly string[];
  labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  time: number;
}

/** OCI's names of architectures (Go's GOARCH). */
const oci: Record<string, { architecture: string; variant?: string }> = {
  amd64: { architecture: 'amd64' },
  arm64: { architecture: 'arm64', variant: 'v8' },
  armhf: { architecture: 'arm', variant: 'v7' },
  i386: { architecture: '386' },
  ppc64el: { architecture: 'ppc64le' },
  riscv64: { architecture: 'riscv64' },
  s390x: { architecture: 's390x' },
};
export const ociPlatform = (architecture: string): { architecture: string; os: string; variant?: string } => ({
  ...(oci[architecture] ?? { architecture }),
  os: 'linux',
});

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');

/** The configuration of an image (OCI image spec 1.0). Its digest is the image's id. */
export function ociConfig(image: OciImage): Buffer {
  const { architecture, variant } = ociPlatform(image.architecture);
  return Buffer.from(
    JSON.stringify({
      created: iso(image.time),
      architecture,
      ...(variant === undefined ? {} : { variant }),
      os: 'linux',
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Entrypoint: ['/usr/lib/slipway/entrypoint'],
        Cmd: image.command.length ? image.command : ['/bin/bash'],
        Labels: image.labels,
      },
      rootfs: { type: 'layers', diff_ids: image.layers.map((l) => `sha256:${l.diffId}`) },
      history: image.layers.map((l) => ({ created: iso(image.time), created_by: `slipway: ${l.what}` })),
    }),
  );
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  packedLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export const describeBlob = (mediaType: string, data: Buffer): Descriptor => ({
  mediaType,
  digest: `sha256:${sha256(data)}`,
  size: data.length,
});

export const ociManifest = (config: Buffer, layers: readonly Descriptor[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: describeBlob(mediaTypes.config, config),
      layers,
    }),
  );

export interface WrittenImage {
  /** Digest of the configuration: docker's name of the image. */
  id: string;
  /** SHA-256 and size of the file. */
  sha256: string;
  size: number;
  /** A layer with an unexpected digest: the file is unusable then. */
  damaged?: OciLayer;
}

/**
 * Writes a tar that is both a docker archive and an OCI layout, for `docker load` and OCI tools. Verifies the layers
 * while copying them.
 */
export async function writeDockerTar(image: OciImage, tags: readonly string[], target: string): Promise<WrittenImage> {
  const config = ociConfig(image);
  const layers = image.layers.map((l) => ({ mediaType: mediaTypes.layer, digest: `sha256:${l.diffId}`, size: l.size }));
  const manifest = ociManifest(config, layers);
  const described = describeBlob(mediaTypes.manifest, manifest);
  const blob = (digest: string): string => `blobs/sha256/${digest.replace('sha256:', '')}`;
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: tags.map((tag) => ({
      ...described,
      platform: ociPlatform(image.architecture),
      annotations: { 'org.opencontainers.image.ref.name': tag.slice(tag.lastIndexOf(':') + 1) },
    })),
  };
  const docker = [
    {
      Config: blob(describeBlob('', config).digest),
      RepoTags: tags,
      Layers: layers.map((l) => blob(l.digest)),
    },
  ];
  const out = openSync(target, 'w');
  const hash = createHash('sha256');
  let size = 0;
  const distinct = [...new Map(image.layers.map((l) => [l.diffId, l])).values()];
  const verified = sha256InThread(distinct.map((l) => l.tar));
  // A missing layer also fails below, where the fault is thrown.
  verified.catch(() => undefined);
  const write = (data: Buffer) => {
    for (let at = 0; at < data.length;) at += writeSync(out, data, at);
    hash.update(data);
    size += data.length;
  };
  const json = (path: string, value: unknown) => write(tarFile(path, Buffer.from(JSON.stringify(value)), image.time));
  try {
    json('oci-layout', { imageLayoutVersion: '1.0.0' });
    json('index.json', index);
    json('manifest.json', docker);
    write(tarFile(blob(described.digest), manifest, image.time));
    write(tarFile(blob(describeBlob('', config).digest), config, image.time));
    for (const layer of distinct) {
      write(tarHeader({ path: blob(layer.diffId), kind: 'file', mode: 0o644, size: layer.size, time: image.time }));
      copyLayer(layer, write);
      write(paddingOf(layer.size));
    }
    write(endOfTar);
    fsyncSync(out);
  } finally {
    closeSync(out);
  }
  const digests = await verified;
  const damaged = distinct.find((layer, n) => digests[n] !== layer.diffId);
  return { id: `sha256:${sha256(config)}`, sha256: hash.digest('hex'), size, ...(damaged ? { damaged } : {}) };
}

function copyLayer(layer: OciLayer, write: (data: Buffer) => void): void {
  const buffer = Buffer.alloc(1 << 20);
  const from = openSync(layer.tar, 'r');
  try {
    for (let n = readSync(from, buffer); n > 0; n = readSync(from, buffer)) write(buffer.subarray(0, n));
  } finally {
    closeSync(from);
  }
}
