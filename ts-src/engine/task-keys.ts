import { join } from 'node:path';
import { readRegular } from '../io/files.ts';
import { needsOf } from '../graph/graph.ts';
import { entry, ownEntry } from '../model/maps.ts';
import type { BuildType } from '../model/build-types/index.ts';
import { sha256 } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';
import { documentationTools } from '../model/docs.ts';
import type { DistributionInput, PlannedPackage } from '../model/plan.ts';
import { conditionContext } from '../plan/evaluate.ts';
import { fetchedEnvironment } from './build/fetched.ts';
import { keyText, ownInputs, rootInputs, type KeyInputs } from './keys.ts';
import { join as joinSets, NameIndex, type PackageNameSet } from '../plan/package-name-set.ts';
import { settingsFinder, type SettingsOf } from '../plan/settings.ts';
import { restOf } from '../read/manifest/packed-manifest.ts';
import { packagingText } from '../render/debian.ts';
import type { SystemSet } from '../sandbox/apt-resolver.ts';
import { documentationSettings } from '../plan/settings.ts';
import { docRecipeDigest } from '../render/doc-tools.ts';
import { documentationNeeds, kindOf, packagesInRoot, packageOf, recordOf, type TaskGraph } from './task-graph.ts';

/** A task whose root is known: its key, the key's inputs, and the system packages of its root. */
export interface ResolvedTask {
  key: string;
  inputs(): KeyInputs;
  set: SystemSet;
}

/**
 * Values computed once per graph: an index of system package names; and by package the names that it brings into a
 * root, and its own part of the key.
 */
interface Facts {
  vocabulary: NameIndex;
  brought: (PackageNameSet | undefined)[];
  own: ({ parts: KeyInputs; text: string } | undefined)[];
}

/** Computes the keys of tasks whose roots are known. */
export class TaskKeys {
  readonly settingsOf: SettingsOf;
  private readonly byScope = new Map<string, DistributionInput>();
  private readonly facts = new Map<TaskGraph, Facts>();
  private readonly manifests = new Map<string, string>();
  private readonly templates = new Map<BuildType, string>();

  constructor(
    private readonly distro: Distro,
    private readonly distroRoot: string,
    distributions: readonly DistributionInput[],
  ) {
    this.settingsOf = settingsFinder(distro);
    for (const d of distributions) this.byScope.set(d.name, d);
  }

  distribution = (graph: TaskGraph): DistributionInput => entry(this.byScope, graph.scope.distribution);

  /**
   * Environment variables of a build: of the conditions (catkin and ament evaluate package.xml again), the variant and
   * the package.
   */
  environment(graph: TaskGraph, p: PlannedPackage): Record<string, string> {
    return {
      ...conditionContext(
        this.distribution(graph),
        ownEntry(this.distro.distributions, graph.scope.distribution).conditions,
      ),
      ...this.distro.variants[graph.target.variant]?.environment,
      ...this.settingsOf(p.name).environment,
      ...fetchedEnvironment(this.settingsOf(p.name).fetch),
    };
  }

  /**
   * The key of a task whose dependencies (`packagesInRoot`) all have records. Returns a message if apt can't install
   * its system packages.
   */
  async resolveKey(graph: TaskGraph, task: number): Promise<ResolvedTask | string> {
    const p = packageOf(graph, task);
    const kind = kindOf(graph, task);
    const isTest = kind === 'test';
    const variant = this.distro.variants[graph.target.variant];
    const { vocabulary } = this.factsOf(graph);
    const names: PackageNameSet = [];
    for (const list of [
      p.systemBuild,
      p.impliedBuild ?? [],
      variant?.build_depends ?? [],
      ...(isTest ? [p.systemTest, p.impliedTest ?? []] : []),
      ...(kind === 'docs' ? [documentationTools, p.systemDocs ?? []] : []),
    ])
      vocabulary.add(names, list);
    const n = task % graph.count;
    const built = needsOf(graph.closures.build, n);
    const more = { build: [], test: graph.closures.test[n], docs: graph.closures.docs[n] }[kind] ?? [];
    const direct = kind === 'build' ? built : [...new Set([n, ...built, ...more])];
    for (const d of direct) joinSets(names, this.namesOf(graph, d));
    const set = await graph.system.resolve(vocabulary.sorted(names));
    if (typeof set === 'string') return `apt can't install what it needs: ${set}`;
    if (kind === 'build') graph.sets[n] = set;
    if (kind === 'docs') return this.documentationKey(graph, n, set, direct);
    const tools = new Set(p.tools);
    const dependencies = direct.map((d): [string, string] => {
      const q = packageOf(graph, d);
      return [
        q.name,
        isTest ? graph.interfaceDigests.of(d, 'full') : graph.interfaceDigests.ofBuild(d, tools.has(q.name)),
      ];
    });
    const own = this.own(graph, n);
    const rest = rootInputs(set.digest, dependencies, isTest ? p : undefined);
    return { key: sha256(own.text + keyText(rest)), inputs: () => ({ ...own.parts, ...rest }), set };
  }

  /**
   * The key of a documentation task: the source, the installed package, and the interfaces of dependencies and of their
   * documentation.
   */
  private documentationKey(graph: TaskGraph, n: number, set: SystemSet, direct: readonly number[]): ResolvedTask {
    const p = graph.scope.packages[n];
    const own = this.own(graph, n);
    const name = (d: number): string => graph.scope.packages[d]?.name ?? '';
    // Documentation dependencies may run code, as Sphinx extensions do.
    const runs = new Set(graph.closures.docs[n]);
    const shown = direct
      .filter((d) => d !== n)
      .map((d): [string, string] => {
        const { interfaceDigests } = graph;
        return [name(d), runs.has(d) ? interfaceDigests.of(d, 'full') : interfaceDigests.ofBuild(d, false)];
      });
    const referred = this.documentationNeeds(graph)[n] ?? [];
    const rest = {
      ...rootInputs(set.digest, shown, undefined),
      installed: graph.records[n]?.interface.full ?? '',
      documentation: referred.map((d) => `${name(d)}=${graph.docs[d]?.digest ?? ''}`).join(' '),
      documentationTools: docRecipeDigest(),
      documentationSettings: JSON.stringify(documentationSettings(this.distro, p?.name ?? '')),
    };
    return { key: sha256(own.text + keyText(rest)), inputs: () => ({ ...own.parts, ...rest }), set };
  }

  private readonly referred = new Map<TaskGraph, number[][]>();

  documentationNeeds(graph: TaskGraph): number[][] {
    let needs = this.referred.get(graph);
    if (!needs) this.referred.set(graph, (needs = documentationNeeds(graph.closures)));
    return needs;
  }

  private own(graph: TaskGraph, n: number): { parts: KeyInputs; text: string } {
    const { own } = this.factsOf(graph);
    let there = own[n];
    if (!there) {
      const p = packageOf(graph, n);
      const settings = this.settingsOf(p.name);
      const parts = ownInputs({
        scope: graph.scope,
        target: graph.target,
        package: p,
        distro: this.distro,
        settings,
        variant: this.distro.variants[graph.target.variant],
        environment: this.environment(graph, p),
        templates: this.templatesDigest(p.buildType),
        base: graph.base.digest,
        manifest: this.manifestDigest(graph, p.name),
        patches: (settings.patches ?? []).map((f) => sha256(readRegular(join(this.distroRoot, f)))).join(' '),
      });
      own[n] = there = { parts, text: keyText(parts) };
    }
    return there;
  }

  private templatesDigest(type: BuildType): string {
    let digest = this.templates.get(type);
    if (digest === undefined) this.templates.set(type, (digest = sha256(packagingText(type))));
    return digest;
  }

  /** Whether all inputs of a task's key are known. */
  canResolve = (graph: TaskGraph, task: number): boolean =>
    packagesInRoot(graph, task).every((d) => graph.records[d] !== undefined);

  private manifestDigest(graph: TaskGraph, name: string): string {
    const id = `${graph.scope.distribution} ${name}`;
    let digest = this.manifests.get(id);
    if (digest === undefined) {
      const { manifest } = entry(this.distribution(graph).packages, name);
      this.manifests.set(id, (digest = sha256(`${manifest.name} ${manifest.version} ${restOf(manifest)}`)));
    }
    return digest;
  }

  private factsOf(graph: TaskGraph): Facts {
    let known = this.facts.get(graph);
    if (!known)
      this.facts.set(
        graph,
        (known = {
          vocabulary: new NameIndex(graph.scope.packages.flatMap((p) => [...p.systemBuild, ...p.systemRun])),
          brought: [],
          own: [],
        }),
      );
    return known;
  }

  /** System packages that a package and its run closure bring into a root. */
  private namesOf(graph: TaskGraph, n: number): PackageNameSet {
    const { vocabulary, brought } = this.factsOf(graph);
    const there = brought[n];
    if (there) return there;
    const names: PackageNameSet = [];
    const addOwn = (d: number): void => {
      vocabulary.add(names, packageOf(graph, d).systemRun);
      vocabulary.add(names, recordOf(graph, d).systemDepends);
    };
    addOwn(n);
    for (const name of packageOf(graph, n).run) {
      const d = graph.closures.index.get(name);
      if (d === undefined) continue;
      // Unknown if it is on a cycle of run dependencies or later in the order: walk its whole closure then.
      const below = brought[d];
      if (below) joinSets(names, below);
      else for (const c of [d, ...graph.closures.run(d)]) addOwn(c);
    }
    brought[n] = names;
    return names;
  }
}
