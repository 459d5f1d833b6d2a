import { docsRecordName, filesOfDocs, type DocRecord } from '../../model/docs.ts';
import { isDocRecord } from '../../model/stored.ts';
import type { Store } from '../../store/store.ts';

/** The stored record of a documentation task, if its files still seem to be in the store. */
export async function readDocRecord(store: Store, key: string): Promise<DocRecord | undefined> {
  const record = await store.readJson(docsRecordName(key));
  if (!isDocRecord(record) || record.key !== key) return undefined;
  return store.holds(filesOfDocs(record)) ? record : undefined;
}
