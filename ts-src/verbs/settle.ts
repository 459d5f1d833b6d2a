import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Distro } from '../model/distro.ts';
import type { DistributionInput, PlannedPackage } from '../model/plan.ts';
import { sha256 } from '../io/files.ts';
import { conditionContext } from '../plan/evaluate.ts';
import { keyInputs, testKeyInputs, type KeyParts } from '../plan/keys.ts';
import { settingsFinder, type SettingsOf } from '../plan/settings.ts';
import { packagingText } from '../render/debian.ts';
import type { SystemSet } from '../run/system.ts';
import { needsOfTask, packageOf, type ScopeRun } from './scope-run.ts';

const templatesDigest = sha256(packagingText);

/** What a build type needs that package.xml need not say. */
const implied: Record<PlannedPackage['buildType'], string[]> = { catkin: [], ament_cmake: [], cmake: [], ament_python: ['dh-python', 'python3-all', 'python3-setuptools'] };
/** What running tests needs beside what package.xml says. */
const impliedByTests: Record<PlannedPackage['buildType'], string[]> = { catkin: [], ament_cmake: [], cmake: [], ament_python: ['python3-pytest'] };

/** A task whose root is known: its key, that key's parts, and the system packages of its root. */
export interface Settled { key: string; inputs: Record<string, string>; set: SystemSet }

/** Finds the keys of tasks whose roots are known. */
export class Settler {
  readonly settingsOf: SettingsOf;
  private readonly byScope = new Map<string, DistributionInput>();
  private readonly systemNames = new Map<ScopeRun, (ReadonlySet<string> | undefined)[]>();
  private readonly manifests = new Map<string, string>();

  constructor(private readonly distro: Distro, private readonly distroRoot: string, distributions: readonly DistributionInput[]) {
    this.settingsOf = settingsFinder(distro);
    for (const d of distributions) this.byScope.set(d.name, d);
  }

  distribution = (r: ScopeRun): DistributionInput => this.byScope.get(r.scope.distribution)!;

  /** Variables of a build: those of the conditions (catkin and ament read package.xml again), the variant's, the package's own. */
  environment(r: ScopeRun, p: PlannedPackage): Record<string, string> {
    return { ...conditionContext(this.distribution(r), this.distro.distributions[r.scope.distribution]!.conditions), ...this.distro.variants[r.target.variant]?.environment, ...this.settingsOf(p.name).environment };
  }

  /** The key of a task whose packages (`needsOfTask`) all have records; text where apt can't install what it needs. */
  async settle(r: ScopeRun, task: number): Promise<Settled | string> {
    const p = packageOf(r, task);
    const isTest = task >= r.count;
    const variant = this.distro.variants[r.target.variant];
    const names = new Set([...p.systemBuild, ...(variant?.build_depends ?? []), ...implied[p.buildType]]);
    if (isTest) for (const s of [...p.systemTest, ...impliedByTests[p.buildType]]) names.add(s);
    const numbers = (list: readonly string[]) => list.flatMap((n) => r.closures.index.get(n) ?? []);
    const direct = [...new Set(isTest ? [task - r.count, ...numbers(p.build), ...numbers(p.test)] : numbers(p.build))];
    for (const d of direct) for (const s of this.namesOf(r, d)) names.add(s);
    const set = await r.system.resolve([...names].sort());
    if (typeof set === 'string') return `apt can't install what it needs: ${set}`;
    const n = task % r.count;
    if (!isTest) r.sets[n] = set;
    const settings = this.settingsOf(p.name);
    const tools = new Set(p.tools);
    const dependencies = direct.map((d): [string, string] => {
      const q = r.scope.packages[d]!;
      return [q.name, isTest ? r.identities.of(d, 'content') : r.identities.ofBuild(d, tools.has(q.name))];
    });
    const parts: KeyParts = {
      scope: r.scope, target: r.target, package: p, distro: this.distro, settings, variant, environment: this.environment(r, p), templates: templatesDigest, base: r.base.digest, system: set.digest,
      manifest: this.manifestDigest(r, p.name), patches: (settings.patches ?? []).map((f) => sha256(readFileSync(join(this.distroRoot, f)))).join(' '), dependencies,
    };
    const inputs = isTest ? testKeyInputs(parts) : keyInputs(parts);
    return { key: sha256(JSON.stringify(inputs)), inputs, set };
  }

  /** Whether all that a task's key needs is known. */
  canSettle = (r: ScopeRun, task: number): boolean => needsOfTask(r, task).every((d) => r.records[d] !== undefined);

  private manifestDigest(r: ScopeRun, name: string): string {
    const id = `${r.scope.distribution} ${name}`;
    let digest = this.manifests.get(id);
    if (digest === undefined) {
      const { manifest } = this.distribution(r).packages.get(name)!;
      this.manifests.set(id, (digest = sha256(JSON.stringify([manifest.name, manifest.version, manifest.description, manifest.maintainers, manifest.licenses, manifest.urls]))));
    }
    return digest;
  }

  /** System packages by name that a package brings into a root, with its run closure. */
  private namesOf(r: ScopeRun, n: number): ReadonlySet<string> {
    let known = this.systemNames.get(r);
    if (!known) this.systemNames.set(r, (known = []));
    const there = known[n];
    if (there) return there;
    const own = (d: number): string[] => [...r.scope.packages[d]!.systemRun, ...r.records[d]!.systemDepends];
    const names = new Set(own(n));
    for (const name of r.scope.packages[n]!.run) {
      const d = r.closures.index.get(name);
      // What is not known yet is on a cycle of run dependencies, or comes later in the order: then the whole closure is walked.
      const below = d === undefined ? undefined : known[d];
      if (d === undefined) continue;
      if (below) for (const s of below) names.add(s);
      else for (const c of [d, ...r.closures.run(d)]) for (const s of own(c)) names.add(s);
    }
    known[n] = names;
    return names;
  }
}

