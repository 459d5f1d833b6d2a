import * as z from 'zod';
import { isChannelName } from '../model/channels.ts';
import { imageKinds, type ImageKind } from '../model/images.ts';
import type { Store } from '../store/store.ts';

export const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const plainName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,250}$/);
/** Milliseconds since 1970 that a date can hold. */
const time = z.number().min(0).max(8.64e15);
/** A part of the path of the channel's list. */
const channel = z.string().refine(isChannelName);
const stored = z.strictObject({ name: plainName, sha256: digest, size: z.number().int().min(0) });

const artifact = z.strictObject({
  kind: z.enum(imageKinds),
  files: z.array(stored).min(1),
  /** For docker: digest of the configuration. */
  id: z.string().max(200).optional(),
  /** For disks: uncompressed size. */
  bytes: z.number().int().min(0).optional(),
  /** Time of the successful check, in milliseconds since 1970. */
  checked: time.optional(),
});

/** The record of a built image in the store, under its key. */
const record = z.strictObject({
  schema: z.literal(1),
  key: digest,
  name: plainName,
  channel,
  state: digest,
  version: plainName,
  platform: z.string(),
  architecture: plainName,
  distribution: z.string(),
  spec: digest,
  base: digest,
  /** Package versions: of the distribution, and of the platform beyond the base. */
  own: z.record(z.string(), z.string()),
  system: z.record(z.string(), z.string()),
  layers: z.array(z.strictObject({ what: z.string(), file: stored })),
  artifacts: z.array(artifact),
  /** Milliseconds since 1970. */
  made: time,
  milliseconds: z.number().min(0),
  /** Settings of the docker image besides layers. */
  docker: z
    .strictObject({
      command: z.array(z.string()),
      labels: z.record(z.string(), z.string()),
      time: z.number().int().min(0).max(253_402_300_799),
    })
    .optional(),
  /** Time of publication, in milliseconds since 1970. */
  published: time.optional(),
});

export type ImageRecord = z.output<typeof record>;
export type Artifact = ImageRecord['artifacts'][number];

export const recordName = (key: string): string => `images/${key.slice(0, 2)}/${key}.json`;

export async function readRecord(store: Store, key: string): Promise<ImageRecord | undefined> {
  const found = record.safeParse(await store.readJson<unknown>(recordName(key)));
  return found.success && found.data.key === key ? found.data : undefined;
}

export const writeRecord = (store: Store, made: ImageRecord): Promise<void> =>
  store.writeJson(recordName(made.key), made);

/** The newest images of a channel, newest first. */
const list = z.strictObject({
  schema: z.literal(1),
  images: z.array(
    z.strictObject({
      key: digest,
      name: plainName,
      architecture: plainName,
      state: digest,
      version: plainName,
      made: time,
    }),
  ),
});
export type ListedImage = z.output<typeof list>['images'][number];

const listFolder = 'image-lists';
const listName = (channel: string): string => `${listFolder}/${channel}.json`;

/** Channels that have images. */
export const imageLists = async (store: Store): Promise<string[]> =>
  (await store.names(listFolder)).map((n) => n.slice(listFolder.length + 1).replace(/\.json$/, '')).sort();

export async function listImages(store: Store, channel: string): Promise<ListedImage[]> {
  const found = list.safeParse(await store.readJson<unknown>(listName(channel)));
  return found.success ? found.data.images : [];
}

/** Adds an image at the front of a list, keeping entries of concurrent writers. */
export async function addToList(store: Store, made: ImageRecord): Promise<void> {
  const entry: ListedImage = {
    key: made.key,
    name: made.name,
    architecture: made.architecture,
    state: made.state,
    version: made.version,
    made: made.made,
  };
  for (let attempt = 0; attempt < 20; attempt++) {
    const { value, tag } = await store.readTagged<unknown>(listName(made.channel));
    const read = list.safeParse(value);
    const images = read.success ? read.data.images : [];
    if (images[0]?.key === made.key) return;
    const next = { schema: 1, images: [entry, ...images.filter((i) => i.key !== made.key)] };
    if (await store.replaceJson(listName(made.channel), next, tag)) return;
  }
  throw Object.assign(new Error(`the list of images of ${made.channel} is changed by other runs all the time`), {
    code: 'EBUSY',
  });
}

/** Removes images from a channel's list. */
export async function dropFromList(store: Store, channel: string, keys: ReadonlySet<string>): Promise<boolean> {
  const { value, tag } = await store.readTagged<unknown>(listName(channel));
  const read = list.safeParse(value);
  if (!read.success) return false;
  const images = read.data.images.filter((i) => !keys.has(i.key));
  return store.replaceJson(listName(channel), { schema: 1, images }, tag);
}

export const artifactOf = (made: ImageRecord, kind: ImageKind): Artifact | undefined =>
  made.artifacts.find((a) => a.kind === kind);
