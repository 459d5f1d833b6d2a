import { isBuildType } from '../model/build-types/index.ts';
import type { Distro } from '../model/distro.ts';
import type { Plan, PlannedPackage, Scope } from '../model/plan.ts';
import { isPackedManifest } from '../read/manifest/packed-check.ts';
import type { RunDistribution } from './run-distributions.ts';

interface Planned {
  plan: Plan;
  distro: Distro;
  distributions: readonly RunDistribution[];
}

/**
 * Whether a run's manifest is complete: each name in it leads to something, and its settings are valid. Takes some time
 * and a schema library, so a machine checks each run once.
 */
export async function isComplete(run: Planned): Promise<boolean> {
  const { distroSchema } = await import('../model/distro.ts');
  if (!distroSchema.safeParse(run.distro).success) return false;
  const packages = run.distributions.flatMap((d) => d.packages);
  return packages.every((p) => isPackedManifest(p.manifest)) && run.plan.scopes.every((s) => isTied(s, run));
}

/** Whether all names of a scope lead to something. */
function isTied(scope: Scope, { distro, distributions }: Planned): boolean {
  const held = new Set(distributions.find((d) => d.name === scope.distribution)?.packages.map((p) => p.name));
  const places = new Map(scope.packages.map((p, i) => [p.name, i]));
  const isPlanned = (p: PlannedPackage, at: number): boolean =>
    held.has(p.name) &&
    (isBuildType(p.buildType) || p.blocked !== undefined) &&
    [...p.run, ...p.test, ...(p.docs ?? [])].every((name) => places.has(name)) &&
    [...p.build, ...p.tools].every((name) => (places.get(name) ?? at) < at || p.blocked !== undefined);
  return (
    Object.hasOwn(distro.distributions, scope.distribution) &&
    Object.hasOwn(distro.platforms, scope.platform) &&
    scope.targets.every(
      ({ platform, variant }) =>
        platform === scope.platform && (variant === 'default' || Object.hasOwn(distro.variants, variant)),
    ) &&
    places.size === scope.packages.length &&
    scope.packages.every(isPlanned)
  );
}
