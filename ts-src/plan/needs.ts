import { Numbers } from '../graph/numbers.ts';
import type { Diagnostic } from '../model/diagnostics.ts';
import type { Distribution } from '../model/distro.ts';
import { append, at } from '../model/lists.ts';
import { entry } from '../model/maps.ts';
import { kindsOfTag, type Dependency, type DependencyKind, type Package } from '../model/manifest.ts';
import type { DistributionInput } from '../model/plan.ts';
import { conditionContext, manifestEvaluator } from './evaluate.ts';

/**
 * Purposes of a dependency as bits: to build, to run (or to build against the package), to test, to run in the build.
 */
export const forBuild = 1;
export const forRun = 2;
export const forTest = 4;
export const forTool = 8;
/** Documentation dependencies have no role in a plan without documentation; `docs-needs.ts` finds them. */
export const forDocs = 16;

const uses: Record<DependencyKind, number> = {
  build: forBuild,
  buildtool: forBuild | forTool,
  build_export: forRun,
  buildtool_export: forRun,
  exec: forRun,
  test: forTest,
  doc: 0,
  group: forBuild | forRun,
  conflict: 0,
  replace: 0,
};

const rolesOfTag: ReadonlyMap<string, number> = new Map(
  Object.entries(kindsOfTag).map(([tag, kinds]) => [
    tag,
    (kinds as readonly DependencyKind[]).reduce((roles, k) => roles | uses[k], 0),
  ]),
);

/** A declared dependency of a package; each member of a group is separate. */
export interface Need {
  name: string;
  /** The package's number; for other names a larger number, equal for equal names. */
  id: number;
  roles: number;
  dependency: Dependency;
  /** The group that it is a member of. */
  group: string | undefined;
}

/** Dependencies of a package within the distribution, by number and by name, sorted, without itself. */
export interface Inside {
  build: number[];
  run: number[];
  test: number[];
  tools: number[];
  names: { build: string[]; run: string[]; test: string[]; tools: string[] };
}

/**
 * A distribution with evaluated conditions, independent of platforms. Packages are numbered in the order of their
 * names.
 */
export interface Evaluated {
  input: DistributionInput;
  names: string[];
  number: Map<string, number>;
  /** Number of names: packages, and other dependencies. */
  ids: number;
  packages: Package[];
  /** Packages that depend on a group. */
  withGroups: Set<number>;
  /** Dependencies within the distribution, including implicit ones of ROS 2. */
  inside: Inside[];
  /** Dependencies outside of the distribution: names for the underlay or rosdep. */
  outside: Need[][];
  /** Dependencies with version bounds. */
  bounded: Need[][];
  /** Packages that all others implicitly depend on, and the dependencies of these packages. */
  essential: string[];
  beforeEssential: Set<number>;
  /** The order of all packages if all are built; independent of platforms. Undefined until computed. */
  order: readonly number[] | undefined;
  /** All declared dependencies of a package in their order. */
  needs(number: number): Need[];
}

/** The name of a package by its number. */
export function nameOf({ names }: Pick<Evaluated, 'names'>, number: number): string {
  const name = names[number];
  if (name === undefined) throw new RangeError(`there is no package ${number}`);
  return name;
}

/** A package by its number. */
export function packageAt({ packages }: Pick<Evaluated, 'packages'>, number: number): Package {
  const found = packages[number];
  if (!found) throw new RangeError(`there is no package ${number}`);
  return found;
}

const typesupport = ['rosidl_typesupport_fastrtps_c', 'rosidl_typesupport_fastrtps_cpp'];
const none: Need[] = [];

interface EvaluatedPackages extends Pick<Evaluated, 'names' | 'number' | 'packages'> {
  /** Names of each group's members, sorted. */
  groups: Map<string, string[]>;
}

/** Evaluates the conditions of all manifests, and numbers the packages. */
function evaluatePackages(
  input: DistributionInput,
  settings: Distribution,
  diagnostics: Diagnostic[],
): EvaluatedPackages {
  const evaluate = manifestEvaluator(conditionContext(input, settings.conditions));
  const names = [...input.packages.keys()].sort();
  const number = new Map<string, number>();
  const groups = new Map<string, string[]>();
  const packages = names.map((name, n) => {
    const source = entry(input.packages, name);
    const p = evaluate(source.manifest, source.file, diagnostics);
    number.set(name, n);
    for (const g of p.memberOfGroups) {
      const members = groups.get(g);
      if (members) members.push(name);
      else groups.set(g, [name]);
    }
    return p;
  });
  return { names, number, groups, packages };
}

/** The packages that all others implicitly depend on. */
function essentialPackages(input: DistributionInput, settings: Distribution): string[] {
  if (settings.build_essential.length) return settings.build_essential;
  return input.rosVersion === 2 ? ['ros_workspace'] : [];
}

export function evaluateAll(input: DistributionInput, settings: Distribution, diagnostics: Diagnostic[]): Evaluated {
  const { names, number, groups, packages } = evaluatePackages(input, settings, diagnostics);
  const others = new Map<string, number>();
  const idOf = (name: string): number => {
    const n = number.get(name) ?? others.get(name);
    if (n !== undefined) return n;
    others.set(name, names.length + others.size);
    return names.length + others.size - 1;
  };
  const essential = essentialPackages(input, settings);
  const evaluated: Evaluated = {
    input,
    names,
    number,
    ids: 0,
    packages,
    withGroups: new Set(),
    inside: [],
    outside: [],
    bounded: [],
    essential,
    beforeEssential: new Set(),
    order: undefined,
    needs: (n) => needsOf(packageAt(evaluated, n), groups, idOf),
  };
  collectBelow(evaluated);
  const essentialNumbers = essential.flatMap((e) => number.get(e) ?? []);
  const typesupportNumbers = typesupport.flatMap((t) => number.get(t) ?? []);
  const marks = Numbers.filled(names.length, 0);
  for (const [n, p] of packages.entries()) {
    let outside = none;
    let bounded = none;
    const touched: number[] = [];
    const mark = (d: number, roles: number) => {
      if (d === n) return;
      const known = marks.get(d);
      if (known === 0) touched.push(d);
      marks.set(d, known | roles);
    };
    for (const d of p.dependencies) {
      const roles = entry(rolesOfTag, d.tag);
      if (!roles) continue;
      if (d.tag === 'group_depend') {
        evaluated.withGroups.add(n);
        for (const member of groups.get(d.name) ?? []) mark(entry(number, member), roles);
        continue;
      }
      const inside = number.get(d.name);
      if (inside !== undefined && !d.versions) {
        mark(inside, roles);
        continue;
      }
      const need: Need = { name: d.name, id: inside ?? idOf(d.name), roles, dependency: d, group: undefined };
      if (inside !== undefined) mark(inside, roles);
      else if (outside === none) outside = [need];
      else outside.push(need);
      if (!d.versions) continue;
      if (bounded === none) bounded = [need];
      else bounded.push(need);
    }
    if (!evaluated.beforeEssential.has(n)) for (const e of essentialNumbers) mark(e, forBuild | forRun);
    if (isInterface(p)) for (const t of typesupportNumbers) mark(t, forBuild | forTool);
    evaluated.inside.push(insideOf(touched, marks, evaluated));
    evaluated.outside.push(outside);
    evaluated.bounded.push(bounded);
  }
  evaluated.ids = names.length + others.size;
  return evaluated;
}

function insideOf(touched: number[], marks: Numbers, evaluated: Pick<Evaluated, 'names'>): Inside {
  const inside: Inside = {
    build: [],
    run: [],
    test: [],
    tools: [],
    names: { build: [], run: [], test: [], tools: [] },
  };
  touched.sort((a, b) => a - b);
  for (const d of touched) {
    const name = nameOf(evaluated, d);
    const roles = marks.get(d);
    marks.set(d, 0);
    if (roles & forBuild) {
      inside.build.push(d);
      inside.names.build.push(name);
    }
    if (roles & forRun) {
      inside.run.push(d);
      inside.names.run.push(name);
    }
    if (roles & forTest) {
      inside.test.push(d);
      inside.names.test.push(name);
    }
    if (roles & forTool) {
      inside.tools.push(d);
      inside.names.tools.push(name);
    }
  }
  return inside;
}

/** Packages of messages are built by generators that their package.xml does not name. */
export const isInterface = (p: Package): boolean => p.memberOfGroups.includes('rosidl_interface_packages');
export { typesupport };

/** Collects the essential packages and their dependencies, which can't implicitly depend on essential packages. */
function collectBelow(evaluated: Evaluated): void {
  const stack = evaluated.essential.flatMap((e) => evaluated.number.get(e) ?? []);
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    if (evaluated.beforeEssential.has(n)) continue;
    evaluated.beforeEssential.add(n);
    for (const need of evaluated.needs(n))
      if (need.roles & (forBuild | forRun) && need.group === undefined && need.id < evaluated.names.length)
        stack.push(need.id);
  }
}

function needsOf(p: Package, groups: Map<string, string[]>, idOf: (name: string) => number): Need[] {
  const needs: Need[] = [];
  for (const d of p.dependencies) {
    const roles = entry(rolesOfTag, d.tag);
    if (!roles) continue;
    if (d.tag === 'group_depend') {
      for (const member of groups.get(d.name) ?? [])
        if (member !== p.name) needs.push({ name: member, id: idOf(member), roles, dependency: d, group: d.name });
    } else needs.push({ name: d.name, id: idOf(d.name), roles, dependency: d, group: undefined });
  }
  return needs;
}

/**
 * Packages of the distribution that depend on one of `names` to build, run or test, directly or indirectly, including
 * the named ones. Linear in the edges.
 */
export function above(evaluated: Evaluated, names: Iterable<string>): Set<string> {
  const dependents: string[][] = evaluated.names.map(() => []);
  evaluated.inside.forEach((inside, n) => {
    const name = nameOf(evaluated, n);
    for (const list of [inside.build, inside.run, inside.test]) for (const d of list) at(dependents, d).push(name);
  });
  const found = new Set<string>();
  const stack = [...names];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    const n = evaluated.number.get(name);
    if (n === undefined || found.has(name)) continue;
    found.add(name);
    append(stack, at(dependents, n));
  }
  return found;
}
