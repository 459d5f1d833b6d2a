import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { ImageSpec } from '../model/images.ts';
import { dockerTag, imageVersion } from '../model/names.ts';
import { isStoredFile } from '../model/stored.ts';
import type { StoredFile } from '../model/result.ts';
import { run } from '../io/process.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { Store } from '../store/store.ts';
import { mediaTypes, ociConfig, ociManifest, ociPlatform, describeBlob, type Descriptor } from './docker.ts';
import { artifactOf, type ImageRecord } from './record.ts';
import { Registry, registryFault, type Blob } from './registry.ts';

/** An image of one architecture for a registry: layers are compressed; its id is the same as docker's. */
interface Pushable {
  record: ImageRecord;
  blobs: Blob[];
  manifest: Buffer;
}

const packedName = (diffId: string): string => `image-packed/${diffId.slice(0, 2)}/${diffId}.json`;

/** A layer compressed by gzip, with the same bytes on every machine; cached in the store. */
async function packed(store: Store, state: string, layer: StoredFile): Promise<StoredFile | undefined> {
  const known = await store.readJson(packedName(layer.sha256));
  if (isStoredFile(known) && (await store.path(known)) !== undefined) return known;
  const path = await store.path(layer);
  if (path === undefined) return undefined;
  const folder = newScratch(state);
  makeFolder(folder);
  const target = join(folder, 'layer.tar.gz');
  const made = await run('sh', ['-c', 'gzip -n -6 < "$1" > "$2"', 'gzip', path, target]);
  if (made.code !== 0) return undefined;
  const stored = await store.put(target);
  await store.writeJson(packedName(layer.sha256), stored);
  return stored;
}

async function pushable(store: Store, state: string, record: ImageRecord, config: Buffer): Promise<Result<Pushable>> {
  const lost = (what: string) =>
    bad(error('image-push', `the store lost ${what} of '${record.name}'`, { hint: 'build it again' }));
  if (`sha256:${sha256(config)}` !== artifactOf(record, 'docker')?.id) return lost('the configuration');
  const blobs: Blob[] = [{ digest: `sha256:${sha256(config)}`, size: config.length, data: config }];
  const layers: Descriptor[] = [];
  for (const { file } of record.layers) {
    const gz = await packed(store, state, file);
    const path = gz && (await store.path(gz));
    if (!gz || path === undefined) return lost('a layer');
    blobs.push({ digest: `sha256:${gz.sha256}`, size: gz.size, data: { file: path } });
    layers.push({ mediaType: mediaTypes.packedLayer, digest: `sha256:${gz.sha256}`, size: gz.size });
  }
  return good({ record, blobs, manifest: ociManifest(config, layers) });
}

export interface Pushed {
  /** Reference for pulling the image: `REPOSITORY@DIGEST`. */
  digest: string;
  tags: string[];
}

/**
 * Pushes an image of all architectures under one index. Sets tags last: the version's, which never moves, then the
 * channel's.
 */
export async function pushImage(
  store: Store,
  state: string,
  spec: ImageSpec,
  records: readonly ImageRecord[],
): Promise<Result<Pushed>> {
  const [first] = records;
  if (spec.repository === undefined || !first) throw new Error('an image without a repository is not pushed');
  const images: Pushable[] = [];
  for (const record of records) {
    const config = configOf(record);
    if (!config)
      return bad(
        error('image-push', `the store does not know the layers of '${record.name}'`, { hint: 'build it again' }),
      );
    const image = await pushable(store, state, record, config);
    if (!image.ok) return image;
    images.push(image.value);
  }
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: images.map(({ record, manifest }) => ({
        ...describeBlob(mediaTypes.manifest, manifest),
        platform: ociPlatform(record.architecture),
      })),
    }),
  );
  const digest = `sha256:${sha256(index)}`;
  try {
    const registry = new Registry(spec.repository);
    const version = versionOf(records);
    const there = await registry.tag(version);
    if (there && there.digest !== digest)
      return bad(
        error('image-tag', `${spec.repository}:${version} already is a different image: a version is never replaced`, {
          hint: `its digest is ${there.digest}, this image has ${digest}`,
        }),
      );
    for (const image of images) {
      for (const blob of image.blobs) await registry.pushBlob(blob);
      await registry.pushManifest(`sha256:${sha256(image.manifest)}`, mediaTypes.manifest, image.manifest);
    }
    await registry.pushManifest(digest, mediaTypes.index, index);
    const tags = [version, dockerTag(first.channel)];
    for (const tag of tags) await registry.pushManifest(tag, mediaTypes.index, index);
    return good({ digest, tags });
  } catch (e) {
    return registryFault(spec.repository, e);
  }
}

/** The version of an image of one architecture, or of all that are pushed together. */
function versionOf(records: readonly ImageRecord[]): string {
  const [first, ...more] = records;
  if (!first) return '';
  const stamp = first.version.replace(/-.*$/, '');
  return more.length ? imageVersion(stamp, sha256(records.map((r) => r.key).join(' '))) : first.version;
}

/** The image's configuration as written by the build. */
function configOf(record: ImageRecord): Buffer | undefined {
  if (!record.docker) return undefined;
  return ociConfig({
    architecture: record.architecture,
    layers: record.layers.map((l) => ({ diffId: l.file.sha256, tar: '', size: l.file.size, what: l.what })),
    command: record.docker.command,
    labels: record.docker.labels,
    time: record.docker.time,
  });
}
