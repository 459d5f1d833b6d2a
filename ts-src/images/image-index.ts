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

const indexFile = 'index.json.asc';

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

/** Writes the simplestreams index for LXD and Incus, if there are LXD images. */
async function writeStreams(
  place: Endpoint,
  channel: string,
  organization: string,
  images: readonly IndexEntry[],
): Promise<void> {
  const files = images.flatMap((i) =>
    i.kind === 'lxd' && i.file !== undefined && i.size !== undefined && i.sha256 !== undefined
      ? [{ ...i, file: i.file, size: i.size, sha256: i.sha256 }]
      : [],
  );
  if (!files.length) return;
  for (const [name, text] of Object.entries(simplestreams(channel, organization, files)))
    await place.put(name, Buffer.from(text));
}

/**
 * Adds entries to a channel's index: a clear-signed file that is replaced by compare-and-swap, and a plain copy for
 * clients without GnuPG.
 */
export async function writeIndex(
  place: Endpoint,
  channel: string,
  organization: string,
  entries: readonly IndexEntry[],
  signer: Signer,
): Promise<Result<true>> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const read = await place.read(indexFile);
    const index = await readIndex(read?.data, channel, signer);
    if (!index)
      return bad(
        error('image-index', `${place.where}/${indexFile} is not an index of ${channel} that this key signed`, {
          hint: 'find out who changed it; after a change of the key, move the file away and publish the images again',
        }),
      );
    const same = (a: IndexEntry, b: IndexEntry) =>
      a.image === b.image && a.version === b.version && a.architecture === b.architecture;
    const images = [...entries, ...index.images.filter((old) => !entries.some((e) => same(e, old)))];
    const text = `${JSON.stringify({ schema: 1, channel, images } satisfies ImageIndex, null, 1)}\n`;
    const signed = await signer.sign(text, 'clearsign');
    if (!signed.ok) return signed;
    if (!(await place.replace(indexFile, Buffer.from(signed.value), read?.tag))) continue;
    await place.put('index.json', Buffer.from(text));
    await writeStreams(place, channel, organization, images);
    return good(true);
  }
  return bad(
    error('image-index', `the index of images at ${place.where} is changed by other runs all the time`, {
      hint: 'run the same command again',
    }),
  );
}
