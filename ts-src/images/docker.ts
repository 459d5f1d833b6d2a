import { closeSync, fsyncSync, openSync, readSync } from 'node:fs';
import { naming, writeBytes } from '../io/write.ts';
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
  const json = (path: string, value: unknown) => tarFile(path, Buffer.from(JSON.stringify(value)), image.time);
  const distinct = [...new Map(image.layers.map((l) => [l.diffId, l])).values()];
  const parts: (Buffer | string)[] = [
    json('oci-layout', { imageLayoutVersion: '1.0.0' }),
    json('index.json', index),
    json('manifest.json', docker),
    tarFile(blob(described.digest), manifest, image.time),
    tarFile(blob(describeBlob('', config).digest), config, image.time),
    ...distinct.flatMap((layer) => [
      tarHeader({ path: blob(layer.diffId), kind: 'file', mode: 0o644, size: layer.size, time: image.time }),
      layer.tar,
      paddingOf(layer.size),
    ]),
    endOfTar,
  ];
  const hashed = Promise.all([sha256InThread(distinct.map((l) => [l.tar])), sha256InThread([parts])]);
  // A missing layer also fails below, where the fault is thrown.
  hashed.catch(() => undefined);
  const size = writeParts(parts, target);
  const [ofLayers, [whole = '']] = await hashed;
  const damaged = distinct.find((layer, n) => ofLayers[n] !== layer.diffId);
  return { id: `sha256:${sha256(config)}`, sha256: whole, size, ...(damaged ? { damaged } : {}) };
}

/** Writes bytes and copies of files (by path) one after the other; returns the size. */
function writeParts(parts: readonly (Buffer | string)[], target: string): number {
  const out = openSync(target, 'w');
  let size = 0;
  const write = (data: Buffer) => {
    writeBytes(out, data, target);
    size += data.length;
  };
  try {
    for (const part of parts) {
      if (typeof part === 'string') copyFile(part, write);
      else write(part);
    }
    naming(target, () => fsyncSync(out));
  } finally {
    closeSync(out);
  }
  return size;
}

function copyFile(path: string, write: (data: Buffer) => void): void {
  const buffer = Buffer.alloc(1 << 20);
  const from = openSync(path, 'r');
  try {
    for (let n = readSync(from, buffer); n > 0; n = readSync(from, buffer)) write(buffer.subarray(0, n));
  } finally {
    closeSync(from);
  }
}
