import type { KeptUnderlays } from '../read/underlay.ts';
import type { Workspace } from '../read/workspace.ts';
import { isDebianName, isDebianVersion } from '../model/names.ts';
import { openStore } from '../store/open-store.ts';

const isVersions = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(([name, version]) => isDebianName(name) && isDebianVersion(String(version)));

/** How a command uses the recorded versions of underlays. */
export interface UnderlayUse {
  /** The store named on the command line. */
  store?: string | undefined;
  /** Records the versions that it reads, because it builds on them and is trusted. */
  keeps?: boolean;
  /** Ignores recorded versions, because the bases are renewed. */
  renews?: boolean;
}

/** Versions by package of an underlay's repository, recorded when its packages were first mirrored. */
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
