import { append } from '../model/lists.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { dropFromList, imageLists, listImages, readRecord, recordName } from './record.ts';

export interface Reached {
  files: StoredFile[];
  /** Names of unneeded records, and the images of each channel that are removed with them. */
  expired: { channel: string; key: string; name: string }[];
}

/**
 * Objects of the store that images use. An image stays while its state is in the channel, while it is published, and
 * for some days after its build.
 */
export async function reachedByImages(
  store: Store,
  states: ReadonlySet<string>,
  now: number,
  milliseconds: number,
): Promise<Reached> {
  const reached: Reached = { files: [], expired: [] };
  for (const channel of await imageLists(store)) {
    for (const listed of await listImages(store, channel)) {
      const record = await readRecord(store, listed.key);
      if (!record) continue;
      if (states.has(record.state) || record.published !== undefined || now - record.made < milliseconds)
        append(reached.files, [...record.artifacts.flatMap((a) => a.files), ...record.layers.map((l) => l.file)]);
      else reached.expired.push({ channel, key: record.key, name: recordName(record.key) });
    }
  }
  return reached;
}

/** Removes unneeded images from their channels' lists. */
export async function forgetImages(store: Store, expired: Reached['expired']): Promise<void> {
  for (const channel of new Set(expired.map((e) => e.channel)))
    await dropFromList(store, channel, new Set(expired.filter((e) => e.channel === channel).map((e) => e.key)));
}
