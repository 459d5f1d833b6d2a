import { join } from 'node:path';
import { ownEntry, ownIn } from '../model/maps.ts';
import { warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Lockfile, LockedPlatform } from '../model/lockfile.ts';
import { readJson, writeWhole } from '../io/files.ts';
import type { Workspace } from '../read/workspace.ts';
import type { TaskGraph } from './task-graph.ts';

const file = (workspace: Pick<Workspace, 'state'>): string => join(workspace.state, 'platforms.json');

/** The platforms locked by the last builds of this workspace. */
export function knownPlatforms(workspace: Pick<Workspace, 'state' | 'distro'>): Lockfile['platforms'] {
  const known = readJson<Record<string, unknown>>(file(workspace)) ?? {};
  const ids = new Set(
    Object.entries(workspace.distro.platforms).flatMap(([name, p]) => p.architectures.map((a) => `${name}-${a}`)),
  );
  return Object.fromEntries(
    Object.entries(known).flatMap(([id, platform]) => (ids.has(id) && isLocked(platform) ? [[id, platform]] : [])),
  );
}

/** The file may be damaged or from another program. */
function isLocked(value: unknown): value is LockedPlatform {
  if (typeof value !== 'object' || value === null || !('base' in value) || !('packages' in value)) return false;
  const { base, packages } = value;
  return typeof base === 'string' && typeof packages === 'object' && packages !== null;
}

/** The system packages of a run's roots, by platform and architecture. */
export async function platformsOf(runs: readonly TaskGraph[]): Promise<Lockfile['platforms']> {
  const platforms: Record<string, LockedPlatform> = {};
  for (const graph of runs) {
    const locked = (platforms[`${graph.target.platform}-${graph.target.architecture}`] ??= {
      base: graph.base.digest,
      archive: graph.base.archive,
      packages: {},
    });
    const sets = await Promise.all(
      [...new Set(graph.sets.flatMap((set, n) => (set && graph.records[n] ? [set] : [])))].map((set) => set.packages()),
    );
    for (const p of [...graph.base.packages, ...sets.flatMap((set) => (typeof set === 'string' ? [] : set))]) {
      const at = p.indexOf('=');
      locked.packages[p.slice(0, at)] = p.slice(at + 1);
    }
  }
  return platforms;
}

/** Saves what `platformsOf` returned, for `slipway lock`. */
export const keepPlatforms = (workspace: Pick<Workspace, 'state' | 'distro'>, platforms: Lockfile['platforms']): void =>
  writeWhole(file(workspace), JSON.stringify({ ...knownPlatforms(workspace), ...platforms }));

/** Warns about locked system packages that the archive no longer serves: the builds use other versions. */
export function moved(lock: Lockfile, platforms: Lockfile['platforms']): Diagnostic[] {
  return Object.entries(platforms).flatMap(([id, now]) => {
    const then = Object.hasOwn(lock.platforms, id) ? lock.platforms[id] : undefined;
    if (!then) return [];
    const changes = Object.entries(now.packages).flatMap(([name, version]) =>
      (ownIn(then.packages, name) ?? version) === version
        ? []
        : [`${name} ${ownEntry(then.packages, name)} → ${version}`],
    );
    if (!changes.length && then.base === now.base) return [];
    const what = changes.length
      ? `${changes.slice(0, 8).join(', ')}${changes.length > 8 ? ` and ${changes.length - 8} more` : ''}`
      : 'its base system has another digest';
    return [
      warning(
        'lock-moved',
        `${id}: the archive has changed since the lockfile was made, so the packages are not the same: ${what}`,
        { hint: 'set `mirror` of the platform to a snapshot of that time, or make a new lockfile' },
      ),
    ];
  });
}
