import { at } from '../model/lists.ts';
import {
  rosdepInstallers as installers,
  type OsTarget,
  type RosdepDatabase,
  type RosdepResolution,
} from '../model/rosdep.ts';

const defaultInstaller: Record<string, string> = { debian: 'apt', ubuntu: 'apt' };

/**
 * Resolves a key on a platform as rosdep does: os → (release, or `*`) → installer → packages. Each level may be left
 * out. A string is a list separated by spaces; an empty list means that nothing needs to be installed.
 */
export function resolveRosdep(database: RosdepDatabase, key: string, target: OsTarget): RosdepResolution {
  const byOs = database.rules.get(key);
  if (!byOs) return { kind: 'no-key' };
  const entry = byOs.get(target.os) ?? byOs.get('*');
  if (!entry)
    return {
      kind: 'not-here',
      file: database.files[[...byOs.values()][0]?.file ?? 0] ?? '',
      reason: `it has a rule for ${[...byOs.keys()].sort().join(', ') || 'no system'}, not for ${target.os}`,
    };
  const file = at(database.files, entry.file);
  const installer = defaultInstaller[target.os] ?? 'apt';
  let rule = entry.rule;
  const unclear = (): RosdepResolution => ({
    kind: 'not-here',
    file,
    reason:
      `its rule for ${target.os} ${target.release} is not understood: it must be a ` +
      `list of package names, or an installer with 'packages'`,
  });
  if (Array.isArray(rule)) {
    const packages = words(rule);
    return packages ? { kind: 'packages', installer, packages, depends: [], file } : unclear();
  }
  const isMap = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
  if (isMap(rule) && !Object.keys(rule).some((k) => installers.has(k))) {
    const byRelease = new Map(Object.entries(rule));
    const found = byRelease.has(target.release) ? byRelease.get(target.release) : byRelease.get('*');
    if (found === undefined)
      return {
        kind: 'not-here',
        file,
        reason: `it has a rule for ${target.os} ${Object.keys(rule).sort().join(', ')}, not for ${target.release}`,
      };
    rule = found;
  }
  if (rule === null || rule === undefined)
    return {
      kind: 'not-here',
      file,
      reason: `its rule for ${target.os} ${target.release} is null: it is not available there`,
    };
  let name = installer;
  let depends: string[] = [];
  if (isMap(rule)) {
    const all = Object.keys(rule).filter((k) => installers.has(k));
    const [used, ...others] = all.includes(installer) ? [installer] : all;
    if (used === undefined || others.length)
      return {
        kind: 'not-here',
        file,
        reason: others.length
          ? `its rule for ${target.os} ${target.release} names several installers`
          : `its rule for ${target.os} ${target.release} names no installer that is known`,
      };
    name = used;
    const inner = rule[name];
    if (isMap(inner)) {
      depends = words(inner.depends ?? []) ?? [];
      rule = name === 'source' ? [] : inner.packages;
    } else rule = inner;
  }
  const packages = words(rule);
  return packages ? { kind: 'packages', installer: name, packages, depends, file } : unclear();
}

/** Names in a string or a list of strings. Undefined for anything else, which must not count as an empty list. */
function words(v: unknown): string[] | undefined {
  if (typeof v === 'string') return v.split(/\s+/).filter(Boolean);
  return Array.isArray(v) && v.every((name) => typeof name === 'string') ? v : undefined;
}
