import type { KeptUnderlays } from '../read/underlay.ts';
import type { Workspace } from '../read/workspace.ts';
import { isDebianName, isDebianVersion } from '../model/names.ts';
import { openStore } from '../store/open-store.ts';

const isVersions = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(([name, version]) => isDebianName(name) && isDebianVersion(String(version)));

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
    async read(id) {
      const kept = renews ? undefined : await store.readJson(nameOf(id));
      return isVersions(kept) ? kept : undefined;
    },
    keep: (id, versions) => (keeps ? store.writeJson(nameOf(id), versions) : Promise.resolve()),
  };
}
