import { docsRecordName, filesOfDocs, type DocRecord } from '../../model/docs.ts';
import { isDocRecord } from '../../model/stored.ts';
import type { Store } from '../../store/store.ts';

/** What the store has under a documentation task's key, where its files are there as far as that can be seen. */
export async function readDocRecord(store: Store, key: string): Promise<DocRecord | undefined> {
  const record = await store.readJson(docsRecordName(key));
  if (!isDocRecord(record) || record.key !== key) return undefined;
  return store.holds(filesOfDocs(record)) ? record : undefined;
}
