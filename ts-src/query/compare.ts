import type { Change, PackageChange, ScopeChange } from '../model/answers.ts';
import { compare } from '../model/diagnostics.ts';
import { append, at } from '../model/lists.ts';
import type { Plan, PlannedPackage, Scope } from '../model/plan.ts';
import { closuresOf } from '../plan/closure.ts';
import { compareReleases } from '../plan/versions.ts';
import type { Facts, FactsOf } from './settings-facts.ts';

const order: Change[] = ['added', 'removed', 'up', 'down', 'changed', 'rebuilt'];

/**
 * Compares two plans, and their packages' settings in distro.yaml if given. A package counts as rebuilt if it is
 * unchanged but something in its build root changed. This is an upper bound: a change that does not affect a package's
 * interface rebuilds that package only. Linear in the size of the roots.
 */
export function comparePlans(before: Plan, after: Plan, facts?: { before: FactsOf; after: FactsOf }): ScopeChange[] {
  const id = (s: Scope) => `${s.distribution} ${s.platform}`;
  const old = new Map(before.scopes.map((s) => [id(s), s]));
  const now = new Map(after.scopes.map((s) => [id(s), s]));
  return [...new Map([...old, ...now])]
    .sort(([a], [b]) => compare(a, b))
    .map(([key, scope]) => {
      return {
        distribution: scope.distribution,
        platform: scope.platform,
        packages: compareScopes(old.get(key), now.get(key), facts),
      };
    });
}

function compareScopes(
  before: Scope | undefined,
  after: Scope | undefined,
  facts: { before: FactsOf; after: FactsOf } | undefined,
): PackageChange[] {
  const changes: PackageChange[] = [];
  const old = new Map((before?.packages ?? []).map((p) => [p.name, p]));
  const packages = after?.packages ?? [];
  const touched = new Set<string>();
  for (const p of packages) {
    const was = old.get(p.name);
    const change: PackageChange | undefined = was
      ? difference(
          was,
          p,
          before && after && facts ? changedFacts(facts.before(before, p.name), facts.after(after, p.name)) : [],
        )
      : { name: p.name, change: 'added', after: p.version };
    if (!change) continue;
    touched.add(p.name);
    changes.push(change);
  }
  const names = new Set(packages.map((p) => p.name));
  for (const p of old.values())
    if (!names.has(p.name)) changes.push({ name: p.name, change: 'removed', before: p.version });
  if (after && touched.size) {
    const closures = closuresOf(after);
    packages.forEach((p, n) => {
      if (touched.has(p.name)) return;
      const because = closures
        .root(n)
        .map((d) => at(packages, d).name)
        .filter((d) => touched.has(d));
      if (because.length)
        changes.push({
          name: p.name,
          change: 'rebuilt',
          after: p.version,
          why:
            because.length > 3
              ? `${because.slice(0, 3).join(', ')} and ${because.length - 3} more`
              : because.join(', '),
        });
    });
  }
  return changes.sort((a, b) => order.indexOf(a.change) - order.indexOf(b.change) || compare(a.name, b.name));
}

/** Labels of changed settings. */
const changedFacts = (was: Facts, now: Facts): string[] =>
  [...new Set([...Object.keys(was), ...Object.keys(now)])].filter((label) => was[label] !== now[label]);

/** Compares sources by the best identification that both have: tree, commit, or name of a branch or tag. */
function sameContent(was: PlannedPackage['source'], now: PlannedPackage['source']): boolean {
  if (was.tree && now.tree) return was.tree === now.tree;
  if (was.commit && now.commit) return was.commit === now.commit;
  return was.ref === now.ref;
}

function difference(was: PlannedPackage, p: PlannedPackage, settings: string[]): PackageChange | undefined {
  const versions = { name: p.name, before: was.version, after: p.version };
  if (was.version !== p.version)
    return { ...versions, change: (compareReleases(was.version, p.version) ?? -1) < 0 ? 'up' : 'down' };
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const why: string[] = [];
  if (!sameContent(was.source, p.source)) why.push('source');
  if (was.source.url !== p.source.url) why.push('repository');
  if (!same([was.build, was.run], [p.build, p.run])) why.push('dependencies');
  if (!same([was.systemBuild, was.impliedBuild, was.systemRun], [p.systemBuild, p.impliedBuild, p.systemRun]))
    why.push('system packages');
  if (!same([was.buildType, was.debian, was.bounds], [p.buildType, p.debian, p.bounds])) why.push('packaging');
  if (!same([was.tools], [p.tools])) why.push('build tools');
  if (!same([was.test, was.systemTest, was.impliedTest], [p.test, p.systemTest, p.impliedTest]))
    why.push('test dependencies');
  if (!same([was.docs, was.systemDocs], [p.docs, p.systemDocs])) why.push('documentation dependencies');
  append(why, settings);
  if ((was.blocked === undefined) !== (p.blocked === undefined))
    why.push(p.blocked === undefined ? 'no longer blocked' : 'blocked');
  return why.length ? { ...versions, change: 'changed', why: why.join(', ') } : undefined;
}
