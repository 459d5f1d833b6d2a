import type { KeptUnderlays } from '../read/underlay.ts';
import type { Workspace } from '../read/workspace.ts';
import { openStore } from '../store/open-store.ts';

/** How a command uses what is kept of underlays. */
export interface UnderlayUse {
  /** The store, where the command line names one. */
  store?: string | undefined;
  /** What it reads is kept: it builds on it, and is trusted. */
  keeps?: boolean;
  /** What is kept is not used: the bases are made anew. */
  renews?: boolean;
}

/** Versions by package of an underlay's repository, as they were when its packages were first mirrored. */
export async function keptUnderlays(
  { distro, root, state }: Workspace,
  { store: named, keeps, renews }: UnderlayUse,
): Promise<KeptUnderlays | undefined> {
  if (distro.mirror !== 'state') return undefined;
  const store = await openStore(named ?? distro.store, root, state, undefined);
  const nameOf = (id: string): string => `mirror/underlays/${id}.json`;
  return {
    read: (id) => (renews ? Promise.resolve(undefined) : store.readJson<Record<string, string>>(nameOf(id))),
    keep: (id, versions) => (keeps ? store.writeJson(nameOf(id), versions) : Promise.resolve()),
  };
}
