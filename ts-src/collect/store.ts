import { forgetImages } from '../images/reach.ts';
import type { Store } from '../store/store.ts';
import type { StoreContents } from './reach.ts';

const objectName = (digest: string): string => `objects/${digest.slice(0, 2)}/${digest}`;

/**
 * Removes things from a store, records before objects: a reader of a record may rely on its objects. Objects that
 * remaining records name stay.
 */
export async function removeFromStore(
  store: Store,
  { things, stay, expired: images }: StoreContents,
  expired: ReadonlySet<unknown>,
): Promise<void> {
  await forgetImages(store, images);
  const named = new Set(things.filter((thing) => !expired.has(thing)).flatMap((thing) => thing.objects));
  const gone = things.filter((thing) => expired.has(thing));
  for (const { name } of gone) if (!name.startsWith('objects/')) await store.blobs.remove(name);
  const objects = new Set(gone.flatMap((thing) => thing.objects));
  for (const digest of objects)
    if (!named.has(digest) && !stay.has(digest)) await store.blobs.remove(objectName(digest));
}
