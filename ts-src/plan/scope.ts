import { error, nearest, nearestNames, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Distribution, Distro } from '../model/distro.ts';
import type { Package } from '../model/manifest.ts';
import { installPrefix } from '../model/names.ts';
import { buildTypes, type BuildType, type PlannedPackage, type Scope } from '../model/plan.ts';
import { matcher } from './globs.ts';
import { forBuild, forRun, forTest, type Evaluated, type Need } from './needs.ts';
import { edgeOf, groupOf, leaveOut, ordered, type Node } from './order.ts';
import type { Resolution, Resolver } from './resolve.ts';
import { narrowing, type Selection } from './select.ts';
import { compareDebianVersions, compareReleases } from './versions.ts';

export interface ScopeInput {
  distro: Distro;
  distroFile: string;
  settings: Distribution;
  resolver: Resolver;
  selection: Selection;
  /** Debian names, by number. */
  debian: readonly string[];
  /** Near names of what resolves nowhere, found once for all platforms. */
  near: Map<string, string[]>;
}

/** One distribution on one platform, its targets not yet filled in. */
export function planScope(input: ScopeInput, diagnostics: Diagnostic[]): Scope {
  return new ScopePlanner(input, diagnostics).plan();
}

const relations = { lt: '<<', lte: '<=', eq: '=', gte: '>=', gt: '>>' } as const;
type Operator = keyof typeof relations;
const holds = (operator: Operator, c: number): boolean => ({ lt: c < 0, lte: c <= 0, eq: c === 0, gte: c >= 0, gt: c > 0 })[operator];

class ScopePlanner {
  private readonly evaluated: Evaluated;
  private readonly resolver: Resolver;
  private readonly nodes: (Node | undefined)[];
  /** What every package needs, and every package of messages, though none says so. */
  private readonly essential: Resolution[];
  private readonly beforeEssential = new Set<string>();
  private readonly typesupport: Resolution[];
  /** Roles of what one package needs, while its needs are gone through. */
  private readonly marks: Uint8Array;

  constructor(private readonly input: ScopeInput, private readonly diagnostics: Diagnostic[]) {
    this.resolver = input.resolver;
    this.evaluated = input.resolver.evaluated;
    this.nodes = new Array<Node | undefined>(this.evaluated.names.length).fill(undefined);
    this.marks = new Uint8Array(this.evaluated.names.length);
    const { settings } = input;
    const there = (name: string) => this.evaluated.number.has(name) || this.resolver.underlayOf(name) !== undefined;
    const essential = (settings.build_essential.length ? settings.build_essential : this.evaluated.input.rosVersion === 2 ? ['ros_workspace'] : []).filter(there);
    this.essential = essential.map((e) => this.resolver.find(e));
    this.typesupport = ['rosidl_typesupport_fastrtps_c', 'rosidl_typesupport_fastrtps_cpp'].filter(there).map((t) => this.resolver.find(t));
    for (const e of essential) this.collectBelow(e);
  }

  plan(): Scope {
    const { distro, settings, selection } = this.input;
    const { evaluated } = this;
    const wanted = selection.packages ?? settings.packages;
    const roots = evaluated.names.filter(matcher(wanted)).filter((n) => this.isBuilt(n));
    if (!selection.packages) this.checkWanted(wanted);
    let nodes = this.closure(roots);
    const narrow = narrowing(selection, evaluated);
    const explicit = selection.packages ? matcher(selection.packages) : () => true;
    if (narrow) nodes = this.narrowed(nodes, (name) => explicit(name) && narrow(name));
    for (const n of nodes) this.diagnostics.push(...n.faults);
    if (selection.only) for (const n of nodes) if (!('named' in n.planned.why)) n.planned.held = true;
    return {
      distribution: evaluated.input.name, platform: this.resolver.platformName, rosVersion: evaluated.input.rosVersion,
      prefix: installPrefix(distro, evaluated.input.name),
      underlayPrefixes: settings.underlay.filter((u) => Object.hasOwn(this.resolver.platform.underlays, u)).map((u) => this.resolver.platform.underlays[u]!.prefix),
      targets: [], packages: this.finish(ordered(evaluated, nodes, this.diagnostics)),
    };
  }

  private isBuilt(name: string): boolean {
    const s = this.resolver.settingsOf(name);
    return !s.system && !s.skip;
  }

  private checkWanted(wanted: readonly string[]): void {
    for (const pattern of wanted) {
      if (pattern === '*' || this.evaluated.names.some(matcher([pattern]))) continue;
      const near = nearest(pattern, this.evaluated.names);
      this.diagnostics.push(error('package-missing', `distributions.${this.evaluated.input.name}.packages names '${pattern}', which the distribution does not have`, { file: this.input.distroFile, hint: near ? `did you mean '${near}'?` : undefined }));
    }
  }

  /** The named packages and all that they need to be built and to run, by number. */
  private closure(roots: readonly string[]): Node[] {
    const queue: Node[] = [];
    const add = (number: number, why: PlannedPackage['why']) => {
      if (this.nodes[number]) return;
      const node = this.newNode(number, why);
      this.nodes[number] = node;
      queue.push(node);
    };
    for (const name of roots) add(this.evaluated.number.get(name)!, { named: true });
    for (let i = 0; i < queue.length; i++) {
      const node = queue[i]!;
      this.needsOf(node);
      for (const d of merged(node.build, node.run)) add(d, { neededBy: node.planned.name });
    }
    return queue.sort((a, b) => a.number - b.number);
  }

  /** What is chosen of a plan, with what that needs; the rest of it is as if it were not there. */
  private narrowed(nodes: readonly Node[], chosen: (name: string) => boolean): Node[] {
    const kept = new Set<Node>();
    const queue = nodes.filter((n) => chosen(n.planned.name));
    for (const n of queue) {
      n.planned.why = { named: true };
      kept.add(n);
    }
    for (let i = 0; i < queue.length; i++) {
      for (const d of merged(queue[i]!.build, queue[i]!.run)) {
        const node = this.nodes[d]!;
        if (kept.has(node)) continue;
        node.planned.why = { neededBy: queue[i]!.planned.name };
        kept.add(node);
        queue.push(node);
      }
    }
    nodes.forEach((n) => kept.has(n) || (this.nodes[n.number] = undefined));
    return nodes.filter((n) => kept.has(n));
  }

  private newNode(number: number, why: PlannedPackage['why']): Node {
    const p = this.evaluated.packages[number]!;
    const source = this.evaluated.input.packages.get(p.name)!;
    const planned: PlannedPackage = {
      name: p.name, repository: source.repository, version: p.version, buildType: p.buildType as BuildType, source: source.source,
      debian: this.input.debian[number]!, why, build: [], run: [], test: [], systemBuild: [], systemRun: [], systemTest: [], bounds: {}, depth: 0,
    };
    const node: Node = { number, planned, build: [], run: [], test: [], faults: [] };
    if (!(buildTypes as readonly string[]).includes(p.buildType)) {
      node.faults.push(error('build-type', `'${p.name}' has the build type '${p.buildType}', which is not known`, { file: p.file, line: p.manifest.buildTypes[0]?.line, hint: `${buildTypes.join(', ')} are; or say in package_settings that the platform provides it` }));
      planned.blocked = `its build type '${p.buildType}' is not known`;
    }
    return node;
  }

  private needsOf(node: Node): void {
    const { number, planned } = node;
    const p = this.evaluated.packages[number]!;
    const { marks } = this;
    const touched: number[] = [];
    const system = new Map<string, number>();
    const requires = (s: string, roles: number) => void system.set(s, (system.get(s) ?? 0) | roles);
    const take = (r: Exclude<Resolution, { from: 'nowhere' }>, roles: number) => {
      if (r.from !== 'built') {
        for (const s of r.packages) requires(s, roles);
      } else if (r.number !== number) {
        if (marks[r.number] === 0) touched.push(r.number);
        marks[r.number]! |= roles;
      }
    };
    for (const need of this.evaluated.needs[number]!) {
      const r = this.resolver.resolve(need);
      if (r.from === 'nowhere') {
        this.unresolved(node, p, need, r);
        continue;
      }
      take(r, need.roles);
      if (need.versioned) this.checkVersion(node, p, need, r);
    }
    if (!this.beforeEssential.has(p.name)) for (const r of this.essential) if (r.from !== 'nowhere') take(r, forBuild | forRun);
    if (p.memberOfGroups.includes('rosidl_interface_packages')) for (const r of this.typesupport) if (r.from !== 'nowhere') take(r, forBuild);
    const settings = this.resolver.settingsOf(p.name);
    for (const s of settings.build_depends ?? []) requires(s, forBuild);
    for (const s of settings.depends ?? []) requires(s, forRun);

    if (touched.length > 1) touched.sort((a, b) => a - b);
    for (const d of touched) {
      const roles = marks[d]!;
      marks[d] = 0;
      if (roles & forBuild) node.build.push(d);
      if (roles & forRun) node.run.push(d);
      if (roles & forTest) node.test.push(d);
    }
    if (system.size) for (const s of [...system.keys()].sort()) {
      const roles = system.get(s)!;
      if (roles & forBuild) planned.systemBuild.push(s);
      if (roles & forRun) planned.systemRun.push(s);
      if (roles & forTest) planned.systemTest.push(s);
    }
  }

  private unresolved(node: Node, p: Package, need: Need, r: Extract<Resolution, { from: 'nowhere' }>): void {
    const { os, release } = this.resolver.platform;
    const where = `${os} ${release}`;
    const needed = (need.roles & (forBuild | forRun)) !== 0;
    const d = need.dependency;
    const rule = r.rosdep;
    const say = needed ? error : warning;
    const text = `'${p.name}' needs '${d.name}' (<${d.tag}>)`;
    const at = { file: p.file, line: d.line };
    if (rule.kind === 'packages') {
      const what = `${text}, which rosdep gives by ${rule.installer} on ${where}${rule.packages.length ? `: ${rule.packages.join(', ')}` : ''}`;
      const blocks = (need.roles & forBuild) !== 0;
      node.faults.push((blocks ? error : warning)('rosdep-installer', what, { ...at, hint: 'only apt packages can be installed into a hermetic root: add an apt rule to your rosdep files, or name system packages for it in package_settings' }));
      if (!blocks) return;
    } else if (rule.kind === 'not-here') {
      node.faults.push(say('rosdep-platform', `${text}, which rosdep does not have for ${where}: ${rule.reason}`, { ...at, hint: `${rule.file}: add a rule for ${where}` }));
    } else {
      let near = this.input.near.get(d.name);
      if (!near) this.input.near.set(d.name, (near = nearestNames(d.name, this.resolver.knownNames(), 3)));
      node.faults.push(say('dependency-unresolved', `${text}, which is no package of ${this.evaluated.input.name}, of an underlay, and no rosdep key`, { ...at, hint: near.length ? `did you mean ${near.map((n) => `'${n}'`).join(' or ')}?` : 'add its repository to the distribution file, or a rosdep rule' }));
    }
    if (needed) node.planned.blocked ??= `'${d.name}' is not to be had on ${where}`;
  }

  private checkVersion(node: Node, p: Package, need: Need, r: Exclude<Resolution, { from: 'nowhere' }>): void {
    const { planned, faults } = node;
    const d = need.dependency;
    for (const [operator, bound] of Object.entries(d.versions) as [Operator, string][]) {
      if (r.from === 'built') {
        const { name, version } = this.evaluated.packages[r.number]!;
        const c = compareReleases(version, bound);
        if (c === undefined || !holds(operator, c)) {
          faults.push(error('version-unmet', `'${p.name}' needs '${name}' ${relations[operator]} ${bound}, but it is ${version}`, { file: p.file, line: d.line, hint: `raise or lower one of them; version_${operator} is in <${d.tag}>` }));
          planned.blocked ??= `'${name}' ${version} is not ${relations[operator]} ${bound}`;
        } else if (need.roles & forRun && (operator === 'gte' || operator === 'gt')) (planned.bounds[name] ??= []).push(`${relations[operator]} ${bound}`);
      } else if (r.from === 'underlay' && r.version !== undefined) {
        if (holds(operator, compareDebianVersions(r.version.replace(/^\d+:/, '').replace(/-.*/, ''), bound))) continue;
        faults.push(error('underlay-version', `'${p.name}' needs '${d.name}' version_${operator} ${bound}, but the underlay '${r.underlay}' has ${r.packages[0]!} ${r.version}`, { file: p.file, line: d.line, hint: `name '${d.name}' in packages to build it, or take another underlay` }));
        planned.blocked ??= `the underlay's ${r.packages[0]!} ${r.version} does not fit`;
      }
    }
  }

  /** What `build_essential` packages need themselves can't need them. */
  private collectBelow(name: string): void {
    const stack = [name];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (this.beforeEssential.has(at)) continue;
      this.beforeEssential.add(at);
      const n = this.evaluated.number.get(at);
      if (n !== undefined) for (const need of this.evaluated.needs[n]!) if (need.roles & (forBuild | forRun) && need.group === undefined && this.evaluated.number.has(need.name)) stack.push(need.name);
    }
  }

  /** Names for numbers, how deep each lies, and what is blocked with what it needs. */
  private finish(sequence: readonly Node[]): PlannedPackage[] {
    const { names, packages } = this.evaluated;
    const causes = new Map(sequence.filter((n) => n.planned.blocked !== undefined).map((n) => [n, `'${n.planned.name}' is blocked: ${n.planned.blocked!}`]));
    for (let again = true; again;) {
      again = false;
      for (const node of sequence) {
        const p = node.planned;
        for (const d of merged(node.build, node.run)) {
          const other = this.nodes[d];
          if (!other) continue;
          if (other.planned.blocked === undefined) continue;
          const group = groupOf(this.evaluated, node.number, d);
          if (group !== undefined) {
            leaveOut(node, d);
            this.diagnostics.push(warning('group-member', `'${p.name}' goes without '${names[d]!}' of the group '${group}': ${other.planned.blocked}`, { file: packages[node.number]!.file, line: edgeOf(this.evaluated, node.number, d).line }));
            again = true;
          } else if (p.blocked === undefined) {
            causes.set(node, (p.blocked = causes.get(other)!));
            again = true;
          }
        }
      }
    }
    for (const node of sequence) {
      const p = node.planned;
      for (const d of node.build) p.depth = Math.max(p.depth, (this.nodes[d]?.planned.depth ?? -1) + 1);
      for (const d of node.run) p.depth = Math.max(p.depth, (this.nodes[d]?.planned.depth ?? -1) + 1);
      p.build = node.build.map((d) => names[d]!);
      p.run = node.run.map((d) => names[d]!);
      p.test = node.test.map((d) => names[d]!);
      const bounded = Object.keys(p.bounds);
      if (bounded.length > 1) p.bounds = Object.fromEntries(bounded.sort().map((k) => [k, p.bounds[k]!]));
    }
    return sequence.map((n) => n.planned);
  }
}

/** Both lists as one, sorted, each number once. */
function merged(a: readonly number[], b: readonly number[]): number[] {
  if (!b.length) return a as number[];
  if (!a.length) return b as number[];
  const result: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const x = i < a.length ? a[i]! : Infinity;
    const y = j < b.length ? b[j]! : Infinity;
    result.push(Math.min(x, y));
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return result;
}
