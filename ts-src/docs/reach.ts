import { append } from '../model/lists.ts';
import { isDigest } from '../model/stored.ts';
import type { Store } from '../store/store.ts';
import type { DocPackage } from './package-info.ts';

/** The documentation in a channel's newest site; garbage collection keeps it regardless of its age. */
interface SiteRoot {
  schema: 1;
  keys: string[];
}

const folder = 'sites';

export async function keepSite(
  store: Store,
  channel: string,
  packages: readonly Pick<DocPackage, 'record'>[],
): Promise<void> {
  const keys = packages.flatMap((p) => (p.record ? [p.record.key] : [])).sort();
  await store.writeJson(`${folder}/${channel}.json`, { schema: 1, keys } satisfies SiteRoot);
}

/** Keys of the documentation tasks whose pages are in the channels' newest sites. */
export async function reachedBySites(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const { name } of store.blobs.list(folder)) {
    const root = await store.readRoot<Partial<SiteRoot>>(name);
    append(keys, Array.isArray(root?.keys) ? (root.keys as unknown[]).filter(isDigest) : []);
  }
  return keys;
}
