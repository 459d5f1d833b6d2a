import { join, resolve } from 'node:path';
import { sha256 } from '../model/digest.ts';
import { storeFolder } from '../io/store-folder.ts';
import { FileBlobs } from './file-blobs.ts';

import { Store, type StoreUse } from './store.ts';

/** The same rule as in distro.yaml's schema. */
export const isStoreUri = (uri: string): boolean =>
  /^(file:[^\0-\x1f\x7f]+|s3:\/\/[a-z0-9][a-z0-9.-]+(\/[^?#\s]*)?(\?[^#\s]*)?)$/.test(uri);

/** Opens the store that a distro file names. */
export async function openStore(
  uri: string,
  root: string,
  state: string,
  untrusted: string | undefined,
): Promise<Store> {
  const use: StoreUse = { cache: join(state, 'cache/objects'), ...(untrusted === undefined ? {} : { untrusted }) };
  const folder = storeFolder(uri, root);
  if (folder !== undefined) return new Store(new FileBlobs(folder, memoryOf(folder, state)), use);
  const [{ S3Blobs }, { parseS3 }] = await Promise.all([import('./s3-blobs.ts'), import('./s3-place.ts')]);
  return new Store(new S3Blobs(parseS3(uri, process.env)), use);
}

/** Whether a store lies in a machine's state, so that no other machine writes to it. */
export function isOwnStore(uri: string, root: string, state: string): boolean {
  const folder = storeFolder(uri, root);
  return folder !== undefined && `${resolve(folder)}/`.startsWith(`${resolve(state)}/`);
}

/** File that records that a store was seen. Not needed for a store below the state, which exists together with it. */
const memoryOf = (folder: string, state: string): string | undefined =>
  `${resolve(folder)}/`.startsWith(`${resolve(state)}/`)
    ? undefined
    : join(state, 'stores', sha256(resolve(folder)).slice(0, 16));
