import { compare, error, nearest, nearestNames, sorted, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Distribution, Distro, PackageSettings, Platform } from '../model/distro.ts';
import type { Dependency, DependencyKind, Package } from '../model/manifest.ts';
import { debianPackage, installPrefix, underlayPackage } from '../model/names.ts';
import { buildTypes, type BuildType, type DistributionInput, type Plan, type PlannedPackage, type Scope, type SourcePackage, type Target } from '../model/plan.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { conditionContext, manifestEvaluator } from './evaluate.ts';
import { matcher } from './globs.ts';
import { cycles, order, trail } from './graph.ts';
import { resolveRosdep } from './rosdep.ts';
import { compareDebianVersions, compareReleases } from './versions.ts';

export interface Selection {
  /** Names and globs; what they need comes with them. Default: what distro.yaml says. */
  packages?: string[];
  /** Of what is selected build just the named ones; what they need must have been built before. */
  only?: boolean;
  distributions?: string[];
  platforms?: string[];
  architectures?: string[];
  variants?: string[];
}

export interface PlanInput {
  distro: Distro;
  /** For diagnostics. */
  distroFile: string;
  stamp: string;
  distributions: DistributionInput[];
  rosdep: RosdepDatabase;
  /** Platform → underlay → its Debian packages with their versions; undefined where it is the platform's own archive. */
  underlays: Record<string, Record<string, Map<string, string> | undefined>>;
  selection: Selection;
}

/** plan = f(distro repository, sources, rosdep, underlays, selection): pure, and the same bytes for the same inputs in any order. */
export function makePlan(input: PlanInput): { plan: Plan; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const scopes: Scope[] = [];
  const { selection, distro } = input;
  const chosen = (names: string[], wanted: string[] | undefined) => names.filter((n) => !wanted || wanted.includes(n)).sort(compare);
  checkNames('distribution', selection.distributions, Object.keys(distro.distributions), diagnostics);
  checkNames('platform', selection.platforms, Object.keys(distro.platforms), diagnostics);
  checkNames('variant', selection.variants, ['default', ...Object.keys(distro.variants)], diagnostics);
  const named = new Set<string>();
  for (const distribution of [...input.distributions].sort((a, b) => compare(a.name, b.name))) {
    if (selection.distributions && !selection.distributions.includes(distribution.name)) continue;
    const settings = distro.distributions[distribution.name]!;
    const packages = evaluateAll(distribution, settings, diagnostics);
    for (const platform of chosen([...settings.platforms], selection.platforms)) {
      const scope = new ScopePlanner(input, distribution, packages, settings, platform, diagnostics, named).plan();
      const { os, release, architectures } = distro.platforms[platform]!;
      for (const architecture of chosen(architectures, selection.architectures)) {
        for (const variant of chosen(['default', ...settings.variants], selection.variants)) scope.targets.push({ platform, os, release, architecture, variant } satisfies Target);
      }
      scopes.push(scope);
    }
  }
  for (const pattern of selection.packages ?? []) {
    if (named.has(pattern)) continue;
    const known = new Set(input.distributions.flatMap((d) => [...d.packages.keys()]));
    const near = nearest(pattern, known);
    diagnostics.push(error('selection', `'${pattern}' names no package`, { hint: near ? `did you mean '${near}'?` : undefined }));
  }
  return { plan: { schema: 'slipway-plan-1', organization: distro.organization, stamp: input.stamp, scopes }, diagnostics: sorted(diagnostics) };
}

function checkNames(what: string, wanted: string[] | undefined, known: string[], diagnostics: Diagnostic[]): void {
  for (const name of wanted ?? []) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    diagnostics.push(error('selection', `there is no ${what} '${name}'`, { hint: near ? `did you mean '${near}'?` : `there are ${known.sort().join(', ')}` }));
  }
}

interface Evaluated { all: Map<string, Package>; groups: Map<string, string[]> }

function evaluateAll(input: DistributionInput, settings: Distribution, diagnostics: Diagnostic[]): Evaluated {
  const evaluate = manifestEvaluator(conditionContext(input, settings.conditions));
  const all = new Map<string, Package>();
  const groups = new Map<string, string[]>();
  for (const source of input.packages.values()) {
    const p = evaluate(source.manifest, source.file, diagnostics);
    all.set(p.name, p);
    for (const g of p.memberOfGroups) groups.get(g)?.push(p.name) ?? groups.set(g, [p.name]);
  }
  for (const members of groups.values()) members.sort(compare);
  return { all, groups };
}

type Resolution =
  | { from: 'built'; name: string }
  | { from: 'system'; packages: string[]; underlay?: string }
  | { from: 'nowhere' };

/** Tags count for building, for running (and for whoever builds against the package), or for testing. */
const uses: Record<DependencyKind, { build?: true; run?: true; test?: true }> = {
  build: { build: true }, buildtool: { build: true }, build_export: { run: true }, buildtool_export: { run: true }, exec: { run: true },
  test: { test: true }, doc: {}, group: { build: true, run: true }, conflict: {}, replace: {},
};

class ScopePlanner {
  private readonly distro: Distro;
  private readonly platform: Platform;
  private readonly resolved = new Map<string, Resolution>();
  private readonly seeds: (name: string) => boolean;
  private readonly planned = new Map<string, PlannedPackage>();
  /** Tag that makes one package need another, for the trails of cycles. */
  private readonly tags = new Map<string, string>();
  private readonly nearNames = new Map<string, string[]>();
  private readonly groupEdges = new Set<string>();
  private readonly essential: string[];
  private readonly beforeEssential = new Set<string>();

  constructor(
    private readonly input: PlanInput, private readonly distribution: DistributionInput, private readonly evaluated: Evaluated,
    private readonly settings: Distribution, private readonly platformName: string, private readonly diagnostics: Diagnostic[], private readonly named: Set<string>,
  ) {
    this.distro = input.distro;
    this.platform = this.distro.platforms[platformName]!;
    this.seeds = matcher(settings.packages);
    const essential = settings.build_essential.length ? settings.build_essential : distribution.rosVersion === 2 ? ['ros_workspace'] : [];
    this.essential = essential.filter((e) => evaluated.all.has(e) || this.underlayOf(e));
    for (const e of this.essential) this.collectBelow(e);
  }

  plan(): Scope {
    const { distro, distribution } = this;
    const wanted = this.input.selection.packages ?? this.settings.packages;
    const roots = [...this.evaluated.all.keys()].filter(matcher(wanted)).sort(compare);
    for (const pattern of wanted) if (roots.some(matcher([pattern]))) this.named.add(pattern);
    if (!this.input.selection.packages) {
      for (const pattern of wanted) {
        if (pattern === '*' || this.named.has(pattern)) continue;
        const near = nearest(pattern, this.evaluated.all.keys());
        this.diagnostics.push(error('package-missing', `distributions.${distribution.name}.packages names '${pattern}', which the distribution does not have`, { file: this.input.distroFile, hint: near ? `did you mean '${near}'?` : undefined }));
      }
    }
    const queue: string[] = [];
    const add = (name: string, why: PlannedPackage['why']) => {
      if (this.planned.has(name) || this.settingsOf(name).system || this.settingsOf(name).skip) return;
      this.planned.set(name, this.newPackage(this.evaluated.all.get(name)!, why));
      queue.push(name);
    };
    for (const name of roots) add(name, { named: true });
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const p = this.planned.get(name)!;
      this.resolveDependencies(p, this.evaluated.all.get(name)!);
      for (const d of [...p.build, ...p.run].sort(compare)) add(d, { neededBy: name });
    }
    if (this.input.selection.only) for (const p of this.planned.values()) if (!('named' in p.why)) p.held = true;
    return {
      distribution: distribution.name, platform: this.platformName, rosVersion: distribution.rosVersion,
      prefix: installPrefix(distro, distribution.name),
      underlayPrefixes: this.settings.underlay.filter((u) => Object.hasOwn(this.platform.underlays, u)).map((u) => this.platform.underlays[u]!.prefix),
      targets: [], packages: this.ordered(),
    };
  }

  private newPackage(p: Package, why: PlannedPackage['why']): PlannedPackage {
    const source: SourcePackage = this.distribution.packages.get(p.name)!;
    const planned: PlannedPackage = {
      name: p.name, repository: source.repository, version: p.version, buildType: p.buildType as BuildType, source: source.source,
      debian: debianPackage(this.distro, this.distribution.name, p.name), why, build: [], run: [], test: [], systemBuild: [], systemRun: [], systemTest: [], bounds: {}, depth: 0,
    };
    if (!(buildTypes as readonly string[]).includes(p.buildType)) {
      this.diagnostics.push(error('build-type', `'${p.name}' has the build type '${p.buildType}', which is not known`, { file: p.file, line: p.manifest.buildTypes[0]?.line, hint: `${buildTypes.join(', ')} are; or say in package_settings that the platform provides it` }));
      planned.blocked = `its build type '${p.buildType}' is not known`;
    }
    return planned;
  }

  private settingsOf(name: string): Partial<PackageSettings> {
    return settingsFor(this.distro, name);
  }

  private resolveDependencies(planned: PlannedPackage, p: Package): void {
    const sets = { build: new Set<string>(), run: new Set<string>(), test: new Set<string>(), systemBuild: new Set<string>(), systemRun: new Set<string>(), systemTest: new Set<string>() };
    const use = (name: string, roles: { build?: true; run?: true; test?: true }, tag: string, d?: Dependency) => {
      const r = this.resolve(name);
      if (r.from === 'nowhere') {
        if (d) this.unresolved(planned, p, d, roles);
        return;
      }
      if (r.from === 'built' && r.name === p.name) return;
      for (const role of ['build', 'run', 'test'] as const) {
        if (!roles[role]) continue;
        if (r.from === 'built') sets[role].add(r.name);
        else for (const s of r.packages) sets[role === 'build' ? 'systemBuild' : role === 'run' ? 'systemRun' : 'systemTest'].add(s);
      }
      if (r.from === 'built' && (roles.build || roles.run)) {
        const edge = `${p.name}\0${r.name}`;
        if (!this.tags.has(edge) || this.tags.get(edge) === 'group_depend' || (roles.build && tag !== 'group_depend')) this.tags.set(edge, tag);
        if (d) this.checkVersion(planned, p, d, this.evaluated.all.get(r.name)!.version, r.name, roles);
      } else if (r.from === 'system' && r.underlay !== undefined && d) this.checkUnderlayVersion(planned, p, d, r.packages[0]!, r.underlay);
    };
    for (const d of p.dependencies) {
      const roles = d.kinds.reduce<{ build?: true; run?: true; test?: true }>((all, k) => Object.assign(all, uses[k]), {});
      if (!roles.build && !roles.run && !roles.test) continue;
      if (d.kinds[0] === 'group') {
        for (const member of this.evaluated.groups.get(d.name) ?? []) {
          this.groupEdges.add(`${p.name}\0${member}`);
          use(member, roles, d.tag);
        }
      } else use(d.name, roles, d.tag, d);
    }
    if (!this.beforeEssential.has(p.name)) for (const e of this.essential) use(e, { build: true, run: true }, 'every package of ROS 2 needs it');
    if (p.memberOfGroups.includes('rosidl_interface_packages')) {
      for (const t of ['rosidl_typesupport_fastrtps_c', 'rosidl_typesupport_fastrtps_cpp']) if (this.evaluated.all.has(t) || this.underlayOf(t)) use(t, { build: true }, 'member_of_group');
    }
    const settings = this.settingsOf(p.name);
    for (const s of settings.build_depends ?? []) sets.systemBuild.add(s);
    for (const s of settings.depends ?? []) sets.systemRun.add(s);
    for (const key of Object.keys(sets) as (keyof typeof sets)[]) planned[key] = [...sets[key]].sort(compare);
    planned.bounds = Object.fromEntries(Object.entries(planned.bounds).sort(([a], [b]) => compare(a, b)));
  }

  /** As product.md says: what `packages` names is built, then the underlay, then the rest of the distribution, then rosdep. */
  private resolve(name: string): Resolution {
    let r = this.resolved.get(name);
    if (r) return r;
    const settings = this.settingsOf(name);
    const inDistribution = this.evaluated.all.has(name);
    const underlay = this.underlayOf(name);
    if (settings.system) r = { from: 'system', packages: settings.system };
    else if (settings.skip) r = { from: 'system', packages: [] };
    else if (inDistribution && this.seeds(name)) r = { from: 'built', name };
    else if (underlay) r = { from: 'system', packages: [underlay.debian], underlay: underlay.name };
    else if (inDistribution) r = { from: 'built', name };
    else {
      const rule = resolveRosdep(this.input.rosdep, name, { os: this.platform.os, release: this.platform.release });
      r = rule.kind === 'packages' && rule.installer === 'apt' ? { from: 'system', packages: rule.packages } : { from: 'nowhere' };
    }
    this.resolved.set(name, r);
    return r;
  }

  private underlayOf(name: string): { name: string; debian: string } | undefined {
    for (const u of this.settings.underlay) {
      if (!Object.hasOwn(this.platform.underlays, u)) continue;
      const underlay = this.platform.underlays[u]!;
      const explicit = Object.hasOwn(underlay.packages, name) ? underlay.packages[name] : undefined;
      const debian = explicit ?? underlayPackage(underlay.package, name);
      const held = this.input.underlays[this.platformName]?.[u];
      if (held ? held.has(debian) : explicit !== undefined) return { name: u, debian };
    }
    return undefined;
  }

  private unresolved(planned: PlannedPackage, p: Package, d: Dependency, roles: { build?: true; run?: true }): void {
    const where = `${this.platform.os} ${this.platform.release}`;
    const needed = roles.build || roles.run;
    const rule = resolveRosdep(this.input.rosdep, d.name, { os: this.platform.os, release: this.platform.release });
    const say = needed ? error : warning;
    const text = `'${p.name}' needs '${d.name}' (<${d.tag}>)`;
    const at = { file: p.file, line: d.line };
    if (rule.kind === 'packages') {
      const what = `${text}, which rosdep gives by ${rule.installer} on ${where}${rule.packages.length ? `: ${rule.packages.join(', ')}` : ''}`;
      this.diagnostics.push((roles.build ? error : warning)('rosdep-installer', what, { ...at, hint: 'only apt packages can be installed into a hermetic root: add an apt rule to your rosdep files, or name system packages for it in package_settings' }));
      if (!roles.build) return;
    } else if (rule.kind === 'not-here') {
      this.diagnostics.push(say('rosdep-platform', `${text}, which rosdep does not have for ${where}: ${rule.reason}`, { ...at, hint: `${rule.file}: add a rule for ${where}` }));
    } else {
      let near = this.nearNames.get(d.name);
      if (!near) this.nearNames.set(d.name, (near = nearestNames(d.name, [...this.evaluated.all.keys(), ...this.input.rosdep.rules.keys()], 3)));
      this.diagnostics.push(say('dependency-unresolved', `${text}, which is no package of ${this.distribution.name}, of an underlay, and no rosdep key`, { ...at, hint: near.length ? `did you mean ${near.map((n) => `'${n}'`).join(' or ')}?` : 'add its repository to the distribution file, or a rosdep rule' }));
    }
    if (needed) planned.blocked ??= `'${d.name}' is not to be had on ${where}`;
  }

  private checkVersion(planned: PlannedPackage, p: Package, d: Dependency, version: string, name: string, roles: { run?: true }): void {
    const relations = { lt: '<<', lte: '<=', eq: '=', gte: '>=', gt: '>>' } as const;
    for (const [operator, bound] of Object.entries(d.versions) as [keyof typeof relations, string][]) {
      const c = compareReleases(version, bound);
      const met = c !== undefined && { lt: c < 0, lte: c <= 0, eq: c === 0, gte: c >= 0, gt: c > 0 }[operator];
      if (!met) {
        this.diagnostics.push(error('version-unmet', `'${p.name}' needs '${name}' ${relations[operator]} ${bound}, but it is ${version}`, { file: p.file, line: d.line, hint: `raise or lower one of them; version_${operator} is in <${d.tag}>` }));
        planned.blocked ??= `'${name}' ${version} is not ${relations[operator]} ${bound}`;
      } else if (roles.run && (operator === 'gte' || operator === 'gt')) (planned.bounds[name] ??= []).push(`${relations[operator]} ${bound}`);
    }
  }

  private checkUnderlayVersion(planned: PlannedPackage, p: Package, d: Dependency, debian: string, underlay: string): void {
    const version = this.input.underlays[this.platformName]?.[underlay]?.get(debian);
    if (version === undefined) return;
    for (const [operator, bound] of Object.entries(d.versions)) {
      const c = compareDebianVersions(version.replace(/^\d+:/, '').replace(/-.*/, ''), bound);
      if ({ lt: c < 0, lte: c <= 0, eq: c === 0, gte: c >= 0, gt: c > 0 }[operator as 'lt']) continue;
      this.diagnostics.push(error('underlay-version', `'${p.name}' needs '${d.name}' version_${operator} ${bound}, but the underlay '${underlay}' has ${debian} ${version}`, { file: p.file, line: d.line, hint: `name '${d.name}' in packages to build it, or take another underlay` }));
      planned.blocked ??= `the underlay's ${debian} ${version} does not fit`;
    }
  }

  /** What `build_essential` packages need themselves can't need them. */
  private collectBelow(name: string): void {
    if (this.beforeEssential.has(name)) return;
    this.beforeEssential.add(name);
    for (const d of this.evaluated.all.get(name)?.dependencies ?? []) if (d.kinds.some((k) => uses[k].build || uses[k].run) && this.evaluated.all.has(d.name)) this.collectBelow(d.name);
  }

  /**
   * Builds and being usable are two nodes for each package: to build one, what it needs must be usable, which takes its own run
   * dependencies too. So packages that need each other only to run are no fault, as in Debian.
   */
  private ordered(): PlannedPackage[] {
    const names = [...this.planned.keys()].sort(compare);
    const index = new Map(names.map((n, i) => [n, i]));
    const count = names.length;
    const all = names.map((n) => this.planned.get(n)!);
    const numbers = (list: string[]) => list.flatMap((n) => index.get(n) ?? []);
    let simple = all.map((p) => [...new Set(numbers([...p.build, ...p.run]))]);
    let sequence = order(simple);
    if (sequence.left.length) {
      const edges = () => [...all.map((p) => numbers(p.build).map((d) => d + count)), ...all.map((p, i) => [i, ...numbers(p.run).map((d) => d + count)])];
      this.breakGroupCycles(names, edges, count);
      let doubled = edges();
      for (const set of cycles(doubled, doubled.keys())) {
        if (set.some((n) => n < count)) this.reportCycle(names, doubled, set, count);
      }
      const onCycle = new Set(all.flatMap((p, i) => (p.onCycle ? [i] : [])));
      doubled = edges().map((e, n) => (onCycle.has(n % count) ? e.filter((d) => !onCycle.has(d % count)) : e));
      // A set that is usable only together stands as one: its members' builds come first.
      for (const set of cycles(doubled, doubled.keys())) {
        const inside = new Set(set);
        for (const n of set) doubled[n] = doubled[n]!.filter((d) => !inside.has(d));
        const needs = [...new Set(set.flatMap((n) => doubled[n]!))];
        for (const n of set) doubled[n] = needs;
      }
      simple = doubled;
      sequence = order(doubled);
      sequence.order = sequence.order.filter((n) => n < count);
      for (const p of all) delete p.onCycle;
    }
    const result = sequence.order.map((n) => all[n]!);
    for (const p of result) {
      const needs = [...p.build, ...p.run].flatMap((n) => this.planned.get(n) ?? []);
      for (const d of needs) {
        if (d.blocked && this.tags.get(`${p.name}\0${d.name}`) === 'group_depend') {
          this.leaveOut(p, d.name);
          this.diagnostics.push(warning('group-member', `'${p.name}' goes without '${d.name}' of its group: ${d.blocked}`, { file: this.evaluated.all.get(p.name)!.file }));
          continue;
        }
        p.depth = Math.max(p.depth, d.depth + 1);
        if (d.blocked) p.blocked ??= `'${d.name}' is blocked`;
      }
    }
    return result;
  }

  /** A cycle that only group membership closes: the group's edges inside it are left out, and that is said. */
  private breakGroupCycles(names: string[], edges: () => number[][], count: number): void {
    const doubled = edges();
    for (const set of cycles(doubled, doubled.keys())) {
      if (!set.some((n) => n < count)) continue;
      const members = new Set(set.map((n) => names[n % count]!));
      for (const from of [...members].sort(compare)) {
        const p = this.planned.get(from)!;
        for (const to of [...p.build].sort(compare)) {
          if (!members.has(to) || !this.groupEdges.has(`${from}\0${to}`) || this.tags.get(`${from}\0${to}`) !== 'group_depend') continue;
          this.leaveOut(p, to);
          this.diagnostics.push(warning('cycle-group', `'${from}' needs '${to}' only as a member of a group, and '${to}' needs '${from}': that edge is left out`, { file: this.evaluated.all.get(from)!.file, hint: 'give the membership or the group dependency a condition' }));
        }
      }
    }
  }

  private leaveOut(p: PlannedPackage, name: string): void {
    p.build = p.build.filter((n) => n !== name);
    p.run = p.run.filter((n) => n !== name);
  }

  private reportCycle(names: string[], edges: number[][], set: number[], count: number): void {
    const path = trail(edges, set).map((n) => names[n % count]!).filter((n, i, a) => n !== a[i - 1]);
    const text = path.slice(0, -1).map((n, i) => `${n} → ${path[i + 1]} (${this.tags.get(`${n}\0${path[i + 1]}`) ?? 'depend'})`);
    const first = this.evaluated.all.get(path[0]!)!;
    this.diagnostics.push(error('cycle', `packages need each other to be built: ${text.join(', ')}`, { file: first.file, line: first.dependencies.find((d) => d.name === path[1])?.line, hint: 'one of these dependencies must go' }));
    for (const n of set) {
      const p = this.planned.get(names[n % count]!)!;
      p.onCycle = true;
      p.blocked ??= 'it is on a cycle';
    }
  }
}

/** What distro.yaml's package_settings say of one package: globs first, the exact name last. */
export function settingsFor(distro: Distro, name: string): Partial<PackageSettings> {
  const entries = Object.entries(distro.package_settings);
  if (!entries.length) return {};
  const matching = entries.filter(([pattern]) => matcher([pattern])(name)).sort(([a], [b]) => Number(a === name) - Number(b === name) || compare(a, b));
  return matching.reduce<Partial<PackageSettings>>((all, [, s]) => ({
    ...all, ...s, cmake_args: [...(all.cmake_args ?? []), ...s.cmake_args], patches: [...(all.patches ?? []), ...s.patches], environment: { ...all.environment, ...s.environment },
    build_depends: [...(all.build_depends ?? []), ...s.build_depends], depends: [...(all.depends ?? []), ...s.depends],
  }), {});
}
