import type { Diagnostic } from '../model/diagnostics.ts';
import type { Distribution } from '../model/distro.ts';
import type { Dependency, DependencyKind, Package } from '../model/manifest.ts';
import type { DistributionInput } from '../model/plan.ts';
import { conditionContext, manifestEvaluator } from './evaluate.ts';

/** What a dependency is for: to build, to run (or to build against the package), to test. Bits, joined by `|`. */
export const forBuild = 1;
export const forRun = 2;
export const forTest = 4;

const uses: Record<DependencyKind, number> = {
  build: forBuild, buildtool: forBuild, build_export: forRun, buildtool_export: forRun, exec: forRun, test: forTest, doc: 0, group: forBuild | forRun, conflict: 0, replace: 0,
};

/** One thing that a package needs; each member of a group by itself. */
export interface Need {
  name: string;
  /** The package's number, or one above all packages for other names: the same for the same name. */
  id: number;
  roles: number;
  dependency: Dependency;
  /** It is needed as a member of this group alone. */
  group: string | undefined;
  versioned: boolean;
}

/** A distribution with its conditions evaluated: what is the same on every platform. Numbers count the packages by name, sorted. */
export interface Evaluated {
  input: DistributionInput;
  names: string[];
  number: Map<string, number>;
  /** How many names there are, packages and others that packages need. */
  ids: number;
  packages: Package[];
  needs: Need[][];
  groups: Map<string, string[]>;
}

export function evaluateAll(input: DistributionInput, settings: Distribution, diagnostics: Diagnostic[]): Evaluated {
  const evaluate = manifestEvaluator(conditionContext(input, settings.conditions));
  const names = [...input.packages.keys()].sort();
  const number = new Map<string, number>();
  const groups = new Map<string, string[]>();
  const packages = names.map((name, n) => {
    const source = input.packages.get(name)!;
    const p = evaluate(source.manifest, source.file, diagnostics);
    number.set(name, n);
    for (const g of p.memberOfGroups) {
      const members = groups.get(g);
      if (members) members.push(name);
      else groups.set(g, [name]);
    }
    return p;
  });
  const others = new Map<string, number>();
  const idOf = (name: string): number => {
    const n = number.get(name) ?? others.get(name);
    if (n !== undefined) return n;
    others.set(name, names.length + others.size);
    return names.length + others.size - 1;
  };
  const needs = packages.map((p) => needsOf(p, groups, idOf));
  return { input, names, number, ids: names.length + others.size, packages, groups, needs };
}

function needsOf(p: Package, groups: Map<string, string[]>, idOf: (name: string) => number): Need[] {
  const needs: Need[] = [];
  for (const d of p.dependencies) {
    let roles = 0;
    for (let i = 0; i < d.kinds.length; i++) roles |= uses[d.kinds[i]!];
    if (!roles) continue;
    if (d.kinds[0] === 'group') {
      for (const member of groups.get(d.name) ?? []) if (member !== p.name) needs.push({ name: member, id: idOf(member), roles, dependency: d, group: d.name, versioned: false });
      continue;
    }
    let versioned = false;
    for (const _ in d.versions) versioned = true;
    needs.push({ name: d.name, id: idOf(d.name), roles, dependency: d, group: undefined, versioned });
  }
  return needs;
}

/**
 * Packages of the distribution that need one of `names`, directly or through others, to build, run or test; the named ones among
 * them. Linear in the edges.
 */
export function above(evaluated: Evaluated, names: Iterable<string>): Set<string> {
  const dependents: string[][] = evaluated.names.map(() => []);
  evaluated.needs.forEach((needs, n) => {
    for (const need of needs) dependents[need.id]?.push(evaluated.names[n]!);
  });
  const found = new Set<string>();
  const stack = [...names];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    const n = evaluated.number.get(name);
    if (n === undefined || found.has(name)) continue;
    found.add(name);
    stack.push(...dependents[n]!);
  }
  return found;
}
