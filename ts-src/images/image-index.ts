import * as z from 'zod';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { Endpoint } from '../publish/endpoint.ts';
import { signedText } from '../publish/signatures.ts';
import type { Signer } from '../publish/signing.ts';
import { simplestreams } from './lxd.ts';
import { digest, plainName } from './record.ts';

/** A file of an image in a channel's index. */
const entry = z.object({
  image: plainName,
  version: plainName,
  architecture: plainName,
  state: digest,
  kind: plainName,
  file: plainName.optional(),
  size: z.number().int().min(0).optional(),
  sha256: digest.optional(),
  /** For docker images and AMIs: reference to pull or start; for LXD metadata: the image's fingerprint. */
  reference: z.string().max(1000).optional(),
});
export type IndexEntry = z.output<typeof entry>;

const imageIndex = z.object({ schema: z.literal(1), channel: z.string(), images: z.array(entry) });
type ImageIndex = z.output<typeof imageIndex>;

/** What is needed of the place of a channel's images. */
type Place = Pick<Endpoint, 'where' | 'read' | 'replace' | 'put'>;

const indexFile = 'index.json.asc';
/** Attempts to write the index while other runs write it, too. */
const attempts = 10;

/**
 * The index of a place, which this key is about to sign again. Undefined if this key did not sign it, or another
 * channel's: whoever can write to the place could have images signed that nobody published.
 */
async function readIndex(
  data: Buffer | undefined,
  channel: string,
  signer: Pick<Signer, 'publicKey'>,
): Promise<ImageIndex | undefined> {
  if (!data) return { schema: 1, channel, images: [] };
  const text = await signedText(data, signer.publicKey);
  try {
    const read = imageIndex.safeParse(JSON.parse(text ?? ''));
    return read.success && read.data.channel === channel ? read.data : undefined;
  } catch {
    return undefined;
  }
}

/** The simplestreams index for LXD and Incus, by path; empty if there are no LXD images. */
function streamsOf(channel: string, organization: string, images: readonly IndexEntry[]): Record<string, string> {
  const files = images.flatMap((i) =>
    i.kind === 'lxd' && i.file !== undefined && i.size !== undefined && i.sha256 !== undefined
      ? [{ ...i, file: i.file, size: i.size, sha256: i.sha256 }]
      : [],
  );
  return files.length ? simplestreams(channel, organization, files) : {};
}

/** SHA256SUMS of an index, as systemd-sysupdate reads it. */
export const checksums = (images: readonly IndexEntry[]): string =>
  [
    ...new Set(
      images.flatMap((i) => (i.file === undefined || i.sha256 === undefined ? [] : `${i.sha256}  ${i.file}\n`)),
    ),
  ]
    .sort()
    .join('');

/** Writes the files that repeat the index for other tools. */
async function writeCopies(
  place: Place,
  organization: string,
  { channel, images }: ImageIndex,
  signer: Signer,
): Promise<Result<true>> {
  const sums = checksums(images);
  const signature = await signer.sign(sums, 'detached');
  if (!signature.ok) return signature;
  await place.put('index.json', Buffer.from(indexText({ schema: 1, channel, images })));
  await place.put('SHA256SUMS', Buffer.from(sums));
  await place.put('SHA256SUMS.gpg', Buffer.from(signature.value));
  for (const [name, text] of Object.entries(streamsOf(channel, organization, images)))
    await place.put(name, Buffer.from(text));
  return good(true);
}

const indexText = (index: ImageIndex): string => `${JSON.stringify(index, null, 1)}\n`;

/**
 * Adds entries to a channel's index: a clear-signed file that is replaced by compare-and-swap. Then writes what repeats
 * it: a plain copy for clients without GnuPG, checksums for systemd-sysupdate, and simplestreams for LXD. If the index
 * was changed meanwhile, these are written again, so that the last ones are those of the newest index.
 */
export async function writeIndex(
  place: Place,
  channel: string,
  organization: string,
  entries: readonly IndexEntry[],
  signer: Signer,
): Promise<Result<true>> {
  const same = (a: IndexEntry, b: IndexEntry) =>
    a.image === b.image && a.version === b.version && a.architecture === b.architecture;
  let added = false;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const read = await place.read(indexFile);
    const index = await readIndex(read?.data, channel, signer);
    if (!index)
      return bad(
        error('image-index', `${place.where}/${indexFile} is not an index of ${channel} that this key signed`, {
          hint: 'find out who changed it; after a change of the key, move the file away and publish the images again',
        }),
      );
    if (!added) {
      index.images = [...entries, ...index.images.filter((old) => !entries.some((e) => same(e, old)))];
      const signed = await signer.sign(indexText(index), 'clearsign');
      if (!signed.ok) return signed;
      added = await place.replace(indexFile, Buffer.from(signed.value), read?.tag);
      if (!added) continue;
    }
    const written = await writeCopies(place, organization, index, signer);
    if (!written.ok) return written;
    const now = await readIndex((await place.read(indexFile))?.data, channel, signer);
    if (now && indexText(now) === indexText(index)) return good(true);
  }
  return bad(
    error('image-index', `the index of images at ${place.where} is changed by other runs all the time`, {
      hint: 'run the same command again',
    }),
  );
}
