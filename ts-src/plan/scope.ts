import { compare, type Diagnostic } from '../model/diagnostics.ts';
import type { Distribution, Distro } from '../model/distro.ts';
import { append, at } from '../model/lists.ts';
import { entry, ownIn } from '../model/maps.ts';
import { installPrefix } from '../model/names.ts';
import { impliedNeeds, isBuildType, type BuildType } from '../model/build-types/index.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';
import { block } from './blocked.ts';
import { absentToolFault, buildTypeFault } from './build-type-faults.ts';
import { fault, type Node } from './cycles.ts';
import { findDepths } from './depths.ts';
import { addDocsNeeds } from './docs-needs.ts';
import { matcher } from './globs.ts';
import { forBuild, forRun, forTest, isInterface, nameOf, packageAt, typesupport, type Evaluated } from './needs.ts';
import { ordered } from './order.ts';
import { addConflicts, addExports, nameClashes } from './relations.ts';
import type { Resolution, Resolver, Underlaid } from './resolve.ts';
import { addRoles, having, none, type Roles } from './roles.ts';
import { checkWanted, narrowing, type Selection } from './select.ts';
import { UnmetNeeds, unbounded } from './unmet-needs.ts';

export interface ScopeInput {
  distro: Distro;
  distroFile: string;
  /** The line of an entry in the distro file, for diagnostics. */
  distroLine?: ((path: readonly PropertyKey[]) => number | undefined) | undefined;
  settings: Distribution;
  resolver: Resolver;
  selection: Selection;
  /** Debian names, by number. */
  debian: readonly string[];
  /** Names near an unresolved one. */
  near: (name: string) => string[];
}

/** Plans one distribution on one platform, without targets. */
export function planScope(input: ScopeInput, diagnostics: Diagnostic[]): Scope {
  return new ScopePlanner(input, diagnostics).plan();
}

/** A shared empty list; it is replaced, never modified. */
const nobody: number[] = [];
Object.freeze(nobody);
const named: PlannedPackage['why'] = Object.freeze({ named: true });
const forTests = (name: string): PlannedPackage['why'] => ({ neededBy: name, forTests: true });

class ScopePlanner {
  private readonly system: Roles = [];
  private readonly evaluated: Evaluated;
  private readonly resolver: Resolver;
  private readonly nodes: (Node | undefined)[];
  /** Resolutions of packages in the distribution that are not built here; undefined if all are built. */
  private readonly elsewhere: (Resolution | undefined)[] | undefined;
  /** Implicit dependencies of ROS 2 that only an underlay has: of every package, and of packages of messages. */
  private readonly essential: Underlaid[];
  private readonly typesupport: Underlaid[];
  private readonly untested: (name: string) => boolean;
  private readonly unmet: UnmetNeeds;

  constructor(
    private readonly input: ScopeInput,
    private readonly diagnostics: Diagnostic[],
  ) {
    this.resolver = input.resolver;
    this.untested = matcher(input.distro.tests.skip);
    const evaluated = (this.evaluated = input.resolver.evaluated);
    this.unmet = new UnmetNeeds(input.resolver, evaluated, input.near);
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
    if (!selection.packages) checkWanted(wanted, evaluated, this.input, this.diagnostics);
    let nodes = this.closure(roots);
    const narrow = narrowing(selection, evaluated);
    const explicit = selection.packages ? matcher(selection.packages) : () => true;
    if (narrow) nodes = this.narrowed(nodes, (name) => explicit(name) && narrow(name));
    for (const n of nodes) for (const fault of n.faults ?? []) this.diagnostics.push(fault);
    append(this.diagnostics, this.unmet.untold());
    const files = nodes.map((n) => ({ planned: n.planned, file: evaluated.packages[n.number]?.file ?? '' }));
    for (const clash of nameClashes(files, distro, evaluated.input.name)) this.diagnostics.push(clash);
    if (selection.only) for (const n of nodes) if (!('named' in n.planned.why)) n.planned.mustBeCached = true;
    return {
      distribution: evaluated.input.name,
      platform: this.resolver.platformName,
      rosVersion: evaluated.input.rosVersion,
      prefix: installPrefix(distro, evaluated.input.name),
      underlayPrefixes: settings.underlay
        .map((u) => ownIn(this.resolver.platform.underlays, u)?.prefix)
        .filter((prefix) => prefix !== undefined),
      targets: [],
      packages: this.finish(ordered(evaluated, nodes, this.diagnostics)),
    };
  }

  private isBuilt(name: string): boolean {
    const s = this.resolver.settingsOf(name);
    return !s.system && !s.skip;
  }

  /** The named packages and their dependencies, with those of their tests, and of all documentation if it is made. */
  private closure(roots: readonly string[]): Node[] {
    const queue: Node[] = [];
    const { nodes } = this;
    let next = 0;
    const add = (number: number, why: PlannedPackage['why']) =>
      void queue.push((nodes[number] = this.newNode(number, why)));
    const addAll = (numbers: readonly number[], why: PlannedPackage['why']) => {
      for (const d of numbers) if (nodes[d] === undefined) add(d, why);
    };
    const follow = (whyFor: (name: string) => PlannedPackage['why']) => {
      for (let node = queue[next]; node; node = queue[++next]) {
        this.needsOf(node);
        const why = whyFor(node.planned.name);
        addAll(node.build, why);
        addAll(node.run, why);
      }
    };
    for (const name of roots) add(entry(this.evaluated.number, name), named);
    follow((name) => ({ neededBy: name }));
    for (const node of queue.slice(0, roots.length))
      if (this.isTested(node)) addAll(node.test, forTests(node.planned.name));
    follow(forTests);
    for (const node of queue) {
      addAll(node.docs, forTests(node.planned.name));
      follow(forTests);
    }
    return queue.sort((a, b) => a.number - b.number);
  }

  private isTested(node: Node): boolean {
    return this.input.selection.tests === true && 'named' in node.planned.why && !this.untested(node.planned.name);
  }

  /** The selected part of a plan with its dependencies; the rest is removed. */
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
      for (let node = queue[next]; node; node = queue[++next])
        for (const d of [...node.build, ...node.run]) keep(at(this.nodes, d), whyFor(node.planned.name));
    };
    const first = nodes.filter((n) => chosen(n.planned.name));
    // Packages that only tests need are not tested themselves.
    const ofTests = first.filter((n) => 'forTests' in n.planned.why);
    for (const n of first) if (!('forTests' in n.planned.why)) keep(n, named);
    const roots = [...queue];
    follow((name) => ({ neededBy: name }));
    for (const n of ofTests) keep(n, n.planned.why);
    for (const n of roots.filter((r) => this.isTested(r)))
      for (const d of n.test) keep(at(this.nodes, d), forTests(n.planned.name));
    follow(forTests);
    for (const n of queue) {
      for (const other of n.docs.flatMap((d) => this.nodes[d] ?? [])) keep(other, forTests(n.planned.name));
      follow(forTests);
    }
    nodes.forEach((n) => kept.has(n) || (this.nodes[n.number] = undefined));
    return nodes.filter((n) => kept.has(n));
  }

  private newNode(number: number, why: PlannedPackage['why']): Node {
    const p = packageAt(this.evaluated, number);
    const source = entry(this.evaluated.input.packages, p.name);
    const planned: PlannedPackage = {
      name: p.name,
      repository: source.repository,
      version: p.version,
      buildType: p.buildType as BuildType,
      source: source.source,
      debian: at(this.input.debian, number),
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
    const { distro, distroFile } = this.input;
    append(this.diagnostics, addExports(planned, p, this.resolver, distro, distroFile));
    addConflicts(planned, p, this.resolver, distro);
    const node: Node = { number, planned, build: nobody, run: nobody, test: nobody, docs: nobody, faults: undefined };
    const implied = impliedNeeds(p.buildType, source.buildBackend);
    if (implied.build.length) planned.impliedBuild = [...implied.build];
    if (implied.test.length) planned.impliedTest = [...implied.test];
    const wrong = buildTypeFault(p, this.evaluated.input.rosVersion) ?? absentToolFault(p, this.resolver);
    if (wrong) fault(node, wrong);
    if (!isBuildType(p.buildType)) planned.blocked = `its build type '${p.buildType}' is unknown`;
    return node;
  }

  private needsOf(node: Node): void {
    const { number, planned } = node;
    const { evaluated, elsewhere } = this;
    const p = packageAt(evaluated, number);
    const { system } = this;
    system.length = 0;
    const requires = (packages: readonly string[], roles: number) => {
      for (const s of packages) addRoles(system, s, roles);
    };
    const inside = at(evaluated.inside, number);
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
    for (const need of at(evaluated.outside, number)) {
      const r = this.resolver.resolve(need);
      if (r.from === 'nowhere') this.unmet.unresolved(node, p, need, r);
      else if (r.from !== 'built') requires(r.packages, need.roles);
    }
    for (const need of at(evaluated.bounded, number)) {
      const r = this.resolver.resolve(need);
      if (r.from !== 'nowhere') this.unmet.checkVersion(node, p, need, r);
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
    if (this.input.selection.docs) addDocsNeeds(node, p, this.resolver, this.unmet);
  }

  /** Replaces numbers by names, computes depths, and blocks dependents of blocked packages. */
  private finish(sequence: readonly Node[]): PlannedPackage[] {
    const { names, inside: all } = this.evaluated;
    const name = (d: number): string => nameOf(this.evaluated, d);
    if (sequence.some((n) => n.planned.blocked !== undefined)) block(this.evaluated, sequence, this.diagnostics);
    findDepths(sequence, names.length);
    for (const node of sequence) {
      const p = node.planned;
      const inside = at(all, node.number);
      p.build = node.build === inside.build ? inside.names.build : node.build.map(name);
      p.run = node.run === inside.run ? inside.names.run : node.run.map(name);
      p.test = node.test === inside.test ? inside.names.test : node.test.map(name);
      if (node.docs.length) p.docs = node.docs.map((d) => names[d] ?? '');
      p.tools =
        node.build === inside.build ? inside.names.tools : inside.tools.filter((d) => node.build.includes(d)).map(name);
      if (p.bounds !== unbounded)
        p.bounds = Object.fromEntries(Object.entries(p.bounds).sort(([x], [y]) => compare(x, y)));
    }
    return sequence.map((n) => n.planned);
  }
}
