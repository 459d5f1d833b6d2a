import { NearNames, compare } from '../model/diagnostics.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';
import type { Resolver } from './resolve.ts';

/** A system package in the plan that the platform's archive lacks. */
export interface MissingPackage {
  name: string;
  /** The rosdep key that names it, and the file with the rule; undefined if distro.yaml names it. */
  key: string | undefined;
  file: string | undefined;
  /** Packages that need it to build or run, which are blocked; and packages that need it for tests or documentation. */
  neededBy: string[];
  testedBy: string[];
  /** A similar name in the archive. */
  near: string | undefined;
}

/** The system packages of a scope that an archive lacks, without duplicates, sorted by name. */
export function missingPackages(scope: Scope, resolver: Resolver, names: ReadonlySet<string>): MissingPackage[] {
  const found = new Map<string, MissingPackage>();
  let near: NearNames | undefined;
  const look = (p: PlannedPackage, list: readonly string[], tests: boolean): void => {
    for (const written of list) {
      const name = written.replace(/[=:/<>( ].*$/s, '');
      if (names.has(name)) continue;
      let missing = found.get(name);
      if (!missing) {
        near ??= new NearNames(names);
        missing = {
          name,
          ...originOf(p, name, resolver),
          neededBy: [],
          testedBy: [],
          near: likelyName(name, near, names),
        };
        found.set(name, missing);
      }
      const users = tests ? missing.testedBy : missing.neededBy;
      if (users.at(-1) !== p.name) users.push(p.name);
    }
  };
  for (const p of scope.packages) {
    look(p, p.systemBuild, false);
    look(p, p.systemRun, false);
    look(p, p.systemTest, true);
    look(p, p.systemDocs ?? [], true);
  }
  return [...found.values()].sort((a, b) => compare(a.name, b.name));
}

/** The origin of a package's dependency on a system package. */
function originOf(p: PlannedPackage, name: string, resolver: Resolver): Pick<MissingPackage, 'key' | 'file'> {
  const number = resolver.evaluated.number.get(p.name);
  for (const need of number === undefined ? [] : resolver.evaluated.needs(number)) {
    const r = resolver.resolve(need);
    if (r.from !== 'system' || r.key === undefined || !r.packages.includes(name)) continue;
    const rule = resolver.rosdepRule(r.key);
    return { key: r.key, file: rule.kind === 'packages' ? rule.file : undefined };
  }
  return { key: undefined, file: undefined };
}

/**
 * The name that was probably meant: one edit away, else without a language's prefix or with python3's, else the nearest
 * by edit distance, else the longest name that is a prefix.
 */
export function likelyName(name: string, near: NearNames, names: ReadonlySet<string>): string | undefined {
  const [typo] = near.of(name, 1, 1);
  if (typo !== undefined) return typo;
  const bare = name.replace(/^(?:python3?|lib)-?/, '');
  const other = [bare, `python3-${bare}`, `lib${bare}`].find((n) => n !== name && n.length > 2 && names.has(n));
  if (other !== undefined) return other;
  const [similar] = near.of(name, 1);
  if (similar !== undefined) return similar;
  const parts = name.split('-');
  for (let n = parts.length - 1; n > 1; n--) {
    const start = parts.slice(0, n).join('-');
    if (names.has(start)) return start;
  }
  return undefined;
}
