import { compare, error, nearest, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Distribution, Distro } from '../model/distro.ts';
import type { Package } from '../model/manifest.ts';
import { installPrefix } from '../model/names.ts';
import { buildTypes, impliedNeeds, isBuildType, type BuildType } from '../model/build-types/index.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';
import { cycles } from '../graph/graph.ts';
import { matcher } from './globs.ts';
import { forBuild, forRun, forTest, isInterface, typesupport, type Evaluated, type Need } from './needs.ts';
import { edgeOf, groupOf, leaveOut, ordered, type Node } from './order.ts';
import type { Resolution, Resolver, Underlaid } from './resolve.ts';
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
  /** Names near to one that resolves nowhere. */
  near: (name: string) => string[];
}

/** One distribution on one platform, its targets not yet filled in. */
export function planScope(input: ScopeInput, diagnostics: Diagnostic[]): Scope {
  return new ScopePlanner(input, diagnostics).plan();
}

const relations = { lt: '<<', lte: '<=', eq: '=', gte: '>=', gt: '>>' } as const;
type Operator = keyof typeof relations;
const holds = (operator: Operator, c: number): boolean =>
  ({ lt: c < 0, lte: c <= 0, eq: c === 0, gte: c >= 0, gt: c > 0 })[operator];

/** Shared by all that have none: replaced where there are some, never added to. */
const none = Object.freeze([]) as unknown as string[];
const nobody = Object.freeze([]) as unknown as number[];
const unbounded: Record<string, string[]> = Object.freeze({});
const named: PlannedPackage['why'] = Object.freeze({ named: true });

const fault = (node: Node, d: Diagnostic): void => void (node.faults ??= []).push(d);

/**
 * Names with what each is for, sorted, as many as `count`: one for all packages in turn, since making a map for each is
 * what takes time.
 */
interface Roles {
  count: number;
  names: string[];
  roles: number[];
}

function addRoles(set: Roles, name: string, roles: number): void {
  let at = set.count;
  while (at > 0 && name < set.names[at - 1]!) at--;
  if (at > 0 && set.names[at - 1] === name) {
    set.roles[at - 1]! |= roles;
    return;
  }
  for (let i = set.count++; i > at; i--) {
    set.names[i] = set.names[i - 1]!;
    set.roles[i] = set.roles[i - 1]!;
  }
  set.names[at] = name;
  set.roles[at] = roles;
}

function having(set: Roles, role: number): string[] {
  let found = none;
  for (let i = 0; i < set.count; i++) {
    if (!(set.roles[i]! & role)) continue;
    if (found === none) found = [set.names[i]!];
    else found.push(set.names[i]!);
  }
  return found;
}

/**
 * The greatest of what numbers stand for, at least -1. An index costs less than an iterator, and this is asked for
 * every edge.
 */
function greatest(values: Int32Array | Uint8Array, numbers: readonly number[]): number {
  let found = -1;
  for (let i = 0; i < numbers.length; i++) if (values[numbers[i]!]! > found) found = values[numbers[i]!]!;
  return found;
}

class ScopePlanner {
  private readonly system: Roles = { count: 0, names: [], roles: [] };
  private readonly evaluated: Evaluated;
  private readonly resolver: Resolver;
  private readonly nodes: (Node | undefined)[];
  /** Packages of the distribution that are not built here, with what stands for them; undefined where all are built. */
  private readonly elsewhere: (Resolution | undefined)[] | undefined;
  /** What ROS 2 leaves unsaid and only an underlay has: for every package, and for packages of messages. */
  private readonly essential: Underlaid[];
  private readonly typesupport: Underlaid[];
  private readonly untested: (name: string) => boolean;

  constructor(
    private readonly input: ScopeInput,
    private readonly diagnostics: Diagnostic[],
  ) {
    this.resolver = input.resolver;
    this.untested = matcher(input.distro.tests.skip);
    const evaluated = (this.evaluated = input.resolver.evaluated);
    this.nodes = new Array<Node | undefined>(evaluated.names.length).fill(undefined);
    if (this.resolver.mayBeElsewhere()) {
      const elsewhere = evaluated.names
        .map((name, id) => this.resolver.resolve({ name, id }))
        .map((r) => (r.from === 'built' ? undefined : r));
      if (elsewhere.some((r) => r)) this.elsewhere = elsewhere;
    }
    const beside = (names: readonly string[]) =>
      names.filter((n) => !evaluated.number.has(n)).flatMap((n) => this.resolver.underlayOf(n) ?? []);
    this.essential = beside(evaluated.essential);
    this.typesupport = beside(typesupport);
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
    for (const n of nodes) if (n.faults) this.diagnostics.push(...n.faults);
    if (selection.only) for (const n of nodes) if (!('named' in n.planned.why)) n.planned.mustBeCached = true;
    return {
      distribution: evaluated.input.name,
      platform: this.resolver.platformName,
      rosVersion: evaluated.input.rosVersion,
      prefix: installPrefix(distro, evaluated.input.name),
      underlayPrefixes: settings.underlay
        .filter((u) => Object.hasOwn(this.resolver.platform.underlays, u))
        .map((u) => this.resolver.platform.underlays[u]!.prefix),
      targets: [],
      packages: this.finish(ordered(evaluated, nodes, this.diagnostics)),
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
      this.diagnostics.push(
        error(
          'package-missing',
          `distributions.${this.evaluated.input.name}.packages names '${pattern}', which the distribution does not have`,
          { file: this.input.distroFile, hint: near ? `did you mean '${near}'?` : undefined },
        ),
      );
    }
  }

  /** The named packages and all that they need to be built, to run and, where they are tested, for that; by number. */
  private closure(roots: readonly string[]): Node[] {
    const queue: Node[] = [];
    const { nodes } = this;
    let next = 0;
    const add = (number: number, why: PlannedPackage['why']) =>
      void queue.push((nodes[number] = this.newNode(number, why)));
    const addAll = (numbers: readonly number[], why: PlannedPackage['why']) => {
      for (let i = 0; i < numbers.length; i++) if (nodes[numbers[i]!] === undefined) add(numbers[i]!, why);
    };
    const follow = (whyFor: (name: string) => PlannedPackage['why']) => {
      for (; next < queue.length; next++) {
        const node = queue[next]!;
        this.needsOf(node);
        const why = whyFor(node.planned.name);
        addAll(node.build, why);
        addAll(node.run, why);
      }
    };
    for (const name of roots) add(this.evaluated.number.get(name)!, named);
    follow((name) => ({ neededBy: name }));
    for (let i = 0; i < roots.length; i++)
      if (this.isTested(queue[i]!)) addAll(queue[i]!.test, { neededBy: queue[i]!.planned.name, forTests: true });
    follow((name) => ({ neededBy: name, forTests: true }));
    return queue.sort((a, b) => a.number - b.number);
  }

  private isTested(node: Node): boolean {
    return this.input.selection.tests === true && 'named' in node.planned.why && !this.untested(node.planned.name);
  }

  /** What is chosen of a plan, with what that needs; the rest of it is as if it were not there. */
  private narrowed(nodes: readonly Node[], chosen: (name: string) => boolean): Node[] {
    const kept = new Set<Node>();
    const queue: Node[] = [];
    const keep = (node: Node, why: PlannedPackage['why']) => {
      if (kept.has(node)) return;
      node.planned.why = why;
      kept.add(node);
      queue.push(node);
    };
    let next = 0;
    const follow = (whyFor: (name: string) => PlannedPackage['why']) => {
      for (; next < queue.length; next++)
        for (const d of [...queue[next]!.build, ...queue[next]!.run])
          keep(this.nodes[d]!, whyFor(queue[next]!.planned.name));
    };
    const first = nodes.filter((n) => chosen(n.planned.name));
    // What only tests need stays that, and is not tested itself.
    const forTests = first.filter((n) => 'forTests' in n.planned.why);
    for (const n of first) if (!('forTests' in n.planned.why)) keep(n, named);
    const roots = [...queue];
    follow((name) => ({ neededBy: name }));
    for (const n of forTests) keep(n, n.planned.why);
    for (const n of roots.filter((r) => this.isTested(r)))
      for (const d of n.test) keep(this.nodes[d]!, { neededBy: n.planned.name, forTests: true });
    follow((name) => ({ neededBy: name, forTests: true }));
    nodes.forEach((n) => kept.has(n) || (this.nodes[n.number] = undefined));
    return nodes.filter((n) => kept.has(n));
  }

  private newNode(number: number, why: PlannedPackage['why']): Node {
    const p = this.evaluated.packages[number]!;
    const source = this.evaluated.input.packages.get(p.name)!;
    const planned: PlannedPackage = {
      name: p.name,
      repository: source.repository,
      version: p.version,
      buildType: p.buildType as BuildType,
      source: source.source,
      debian: this.input.debian[number]!,
      why,
      build: none,
      run: none,
      test: none,
      tools: none,
      systemBuild: none,
      systemRun: none,
      systemTest: none,
      bounds: unbounded,
      depth: 0,
    };
    const node: Node = { number, planned, build: nobody, run: nobody, test: nobody, faults: undefined };
    const implied = impliedNeeds(p.buildType, source.buildBackend);
    if (implied.build.length) planned.impliedBuild = [...implied.build];
    if (implied.test.length) planned.impliedTest = [...implied.test];
    if (!isBuildType(p.buildType)) {
      fault(
        node,
        error('build-type', `'${p.name}' has the build type '${p.buildType}', which is not known`, {
          file: p.file,
          line: p.manifest.buildTypes[0]?.line,
          hint: `${Object.keys(buildTypes).join(', ')} are; or say in package_settings that the platform provides it`,
        }),
      );
      planned.blocked = `its build type '${p.buildType}' is not known`;
    }
    return node;
  }

  private needsOf(node: Node): void {
    const { number, planned } = node;
    const { evaluated, elsewhere } = this;
    const p = evaluated.packages[number]!;
    const { system } = this;
    system.count = 0;
    const requires = (packages: readonly string[], roles: number) => {
      for (const s of packages) addRoles(system, s, roles);
    };
    const inside = evaluated.inside[number]!;
    if (elsewhere) {
      const built = (list: readonly number[], role: number) =>
        list.filter((d) => {
          const r = elsewhere[d];
          if (r && r.from !== 'built' && r.from !== 'nowhere') requires(r.packages, role);
          return r === undefined;
        });
      node.build = built(inside.build, forBuild);
      node.run = built(inside.run, forRun);
      node.test = built(inside.test, forTest);
    } else {
      node.build = inside.build;
      node.run = inside.run;
      node.test = inside.test;
    }
    for (const need of evaluated.outside[number]!) {
      const r = this.resolver.resolve(need);
      if (r.from === 'nowhere') this.unresolved(node, p, need, r);
      else if (r.from !== 'built') requires(r.packages, need.roles);
    }
    for (const need of evaluated.bounded[number]!) {
      const r = this.resolver.resolve(need);
      if (r.from !== 'nowhere') this.checkVersion(node, p, need, r);
    }
    if (this.essential.length && !evaluated.beforeEssential.has(number))
      for (const r of this.essential) requires(r.packages, forBuild | forRun);
    if (this.typesupport.length && isInterface(p)) for (const r of this.typesupport) requires(r.packages, forBuild);
    const settings = this.resolver.settingsOf(p.name);
    if (settings.build_depends) requires(settings.build_depends, forBuild);
    if (settings.depends) requires(settings.depends, forRun);
    planned.systemBuild = having(system, forBuild);
    planned.systemRun = having(system, forRun);
    planned.systemTest = having(system, forTest);
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
      fault(
        node,
        (blocks ? error : warning)('rosdep-installer', what, {
          ...at,
          hint: 'only apt packages can be installed into a hermetic root: add an apt rule to your rosdep files, or name system packages for it in package_settings',
        }),
      );
      if (!blocks) return;
    } else if (rule.kind === 'not-here') {
      fault(
        node,
        say('rosdep-platform', `${text}, which rosdep does not have for ${where}: ${rule.reason}`, {
          ...at,
          hint: `${rule.file}: add a rule for ${where}`,
        }),
      );
    } else {
      const near = this.input.near(d.name);
      fault(
        node,
        say(
          'dependency-unresolved',
          `${text}, which is no package of ${this.evaluated.input.name}, of an underlay, and no rosdep key`,
          {
            ...at,
            hint: near.length
              ? `did you mean ${near.map((n) => `'${n}'`).join(' or ')}?`
              : 'add its repository to the distribution file, or a rosdep rule',
          },
        ),
      );
    }
    if (needed) node.planned.blocked ??= `'${d.name}' is not to be had on ${where}`;
  }

  private checkVersion(node: Node, p: Package, need: Need, r: Exclude<Resolution, { from: 'nowhere' }>): void {
    const { planned } = node;
    const d = need.dependency;
    for (const [operator, bound] of Object.entries(d.versions ?? {}) as [Operator, string][]) {
      if (r.from === 'built') {
        const { name, version } = this.evaluated.packages[r.number]!;
        const c = compareReleases(version, bound);
        if (c === undefined || !holds(operator, c)) {
          fault(
            node,
            error(
              'version-unmet',
              `'${p.name}' needs '${name}' ${relations[operator]} ${bound}, but it is ${version}`,
              { file: p.file, line: d.line, hint: `raise or lower one of them; version_${operator} is in <${d.tag}>` },
            ),
          );
          planned.blocked ??= `'${name}' ${version} is not ${relations[operator]} ${bound}`;
        } else if (need.roles & forRun && (operator === 'gte' || operator === 'gt')) {
          if (planned.bounds === unbounded) planned.bounds = {};
          (planned.bounds[name] ??= []).push(`${relations[operator]} ${bound}`);
        }
      } else if (r.from === 'underlay' && r.version !== undefined) {
        if (holds(operator, compareDebianVersions(r.version.replace(/^\d+:/, '').replace(/-.*/, ''), bound))) continue;
        fault(
          node,
          error(
            'underlay-version',
            `'${p.name}' needs '${d.name}' version_${operator} ${bound}, but the underlay '${r.underlay}' has ${r.packages[0]!} ${r.version}`,
            { file: p.file, line: d.line, hint: `name '${d.name}' in packages to build it, or take another underlay` },
          ),
        );
        planned.blocked ??= `the underlay's ${r.packages[0]!} ${r.version} does not fit`;
      }
    }
  }

  /** Names for numbers, how deep each lies, and what is blocked with what it needs. */
  private finish(sequence: readonly Node[]): PlannedPackage[] {
    const { names, inside: all } = this.evaluated;
    if (sequence.some((n) => n.planned.blocked !== undefined)) this.block(sequence);
    this.findDepths(sequence);
    for (const node of sequence) {
      const p = node.planned;
      const inside = all[node.number]!;
      p.build = node.build === inside.build ? inside.names.build : node.build.map((d) => names[d]!);
      p.run = node.run === inside.run ? inside.names.run : node.run.map((d) => names[d]!);
      p.test = node.test === inside.test ? inside.names.test : node.test.map((d) => names[d]!);
      p.tools =
        node.build === inside.build
          ? inside.names.tools
          : inside.tools.filter((d) => node.build.includes(d)).map((d) => names[d]!);
      if (p.bounds !== unbounded)
        p.bounds = Object.fromEntries(Object.entries(p.bounds).sort(([x], [y]) => compare(x, y)));
    }
    return sequence.map((n) => n.planned);
  }

  /** How deep each package lies. Packages that need each other to run lie equally deep: below all of them. */
  private findDepths(sequence: readonly Node[]): void {
    const depth = new Int32Array(this.evaluated.names.length).fill(-1);
    let late = false;
    for (const { number, planned, build, run } of sequence) {
      if (!late) late = build.some((d) => depth[d] === -1) || run.some((d) => depth[d] === -1);
      planned.depth = depth[number] = Math.max(greatest(depth, build), greatest(depth, run)) + 1;
    }
    if (!late) return;
    const sets = new Map<Node, { nodes: Node[]; left: number; depth: number }>();
    const place = new Map(sequence.map((n, i) => [n.number, i]));
    const places = (list: readonly number[]) => list.flatMap((d) => place.get(d) ?? []);
    for (const members of cycles(sequence.map((n) => [...places(n.build), ...places(n.run)]))) {
      const set = { nodes: members.map((i) => sequence[i]!), left: members.length, depth: 0 };
      for (const n of set.nodes) sets.set(n, set);
    }
    depth.fill(-1);
    for (const node of sequence) {
      const below = Math.max(greatest(depth, node.build), greatest(depth, node.run)) + 1;
      const set = sets.get(node) ?? { nodes: [node], left: 1, depth: 0 };
      set.depth = Math.max(set.depth, below);
      // The last of a set is known after all that any of them needs, and before whoever needs one of them.
      if (--set.left === 0) for (const n of set.nodes) n.planned.depth = depth[n.number] = set.depth;
    }
  }

  /** What needs a blocked package is blocked; what needs it only as a member of a group goes without it. */
  private block(sequence: readonly Node[]): void {
    const { names, packages } = this.evaluated;
    /** By number, what is told of whoever needs it. */
    const causes: string[] = [];
    const blocked = new Uint8Array(names.length);
    const say = (number: number, cause: string) => {
      causes[number] = cause;
      blocked[number] = 1;
    };
    for (const n of sequence)
      if (n.planned.blocked !== undefined) say(n.number, `'${n.planned.name}' is blocked: ${n.planned.blocked}`);
    const counts = (node: Node, d: number) =>
      blocked[d] === 1 && (blocked[node.number] === 0 || groupOf(this.evaluated, node.number, d) !== undefined);
    const blockedBy = (node: Node): number | undefined =>
      greatest(blocked, node.build) === 1 || greatest(blocked, node.run) === 1
        ? [...node.build, ...node.run].find((d) => counts(node, d))
        : undefined;
    const settle = (node: Node): boolean => {
      let changed = false;
      for (let d = blockedBy(node); d !== undefined; d = blockedBy(node)) {
        changed = true;
        const group = groupOf(this.evaluated, node.number, d);
        if (group === undefined) say(node.number, (node.planned.blocked = causes[d]!));
        else {
          leaveOut(node, d);
          this.diagnostics.push(
            warning(
              'group-member',
              `'${node.planned.name}' goes without '${names[d]!}' of the group '${group}': ${this.nodes[d]!.planned.blocked!}`,
              { file: packages[node.number]!.file, line: edgeOf(this.evaluated, node.number, d).line },
            ),
          );
        }
      }
      return changed;
    };
    for (let again = true; again;) {
      again = false;
      for (const node of sequence) if (settle(node)) again = true;
    }
  }
}
