import type { Store } from '../store/store.ts';
import { isWholeKey } from './signing.ts';

const nameOf = (channel: string): string => `channel-keys/${channel}.json`;

interface Kept {
  schema: 1;
  key: string;
}

/**
 * The public key that a channel was last signed with. It is kept in the store, since whoever can write to the place
 * that serves the channel can replace the key there.
 */
export async function keptKey(store: Store, channel: string): Promise<string | undefined> {
  const kept = await store.readJson<Partial<Kept> | null>(nameOf(channel));
  return typeof kept?.key === 'string' && isWholeKey(kept.key) ? kept.key : undefined;
}

export async function keepKey(store: Store, channel: string, key: string): Promise<void> {
  if ((await keptKey(store, channel)) !== key)
    await store.writeJson(nameOf(channel), { schema: 1, key } satisfies Kept);
}
