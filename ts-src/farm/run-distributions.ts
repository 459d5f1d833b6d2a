import type { Distro } from '../model/distro.ts';
import type { Manifest } from '../model/manifest.ts';
import { debianPackage } from '../model/names.ts';
import type { DistributionInput, Plan, SourcePackage } from '../model/plan.ts';
import { packedManifest } from '../read/manifest/packed-manifest.ts';

/** A distribution for agents: its planned packages, and all Debian names. */
export interface RunDistribution {
  name: string;
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  repositories: string[];
  packages: BundledPackage[];
  debian: string[];
}

/** A package in a run manifest. Its package.xml is packed, because an agent needs few of a thousand. */
type BundledPackage = Omit<SourcePackage, 'manifest'> & { manifest: string };

/** Unpacks package.xml on demand. It is an own property, so that copies have it, too. */
function unbundled({ manifest: packed, ...rest }: BundledPackage): SourcePackage {
  let read: Manifest | undefined;
  return {
    ...rest,
    get manifest() {
      return (read ??= packedManifest.read(packed));
    },
  };
}

/** The parts of the distributions that a run needs: planned packages, and all names. */
export const distributionsOf = (
  plan: Plan,
  distro: Distro,
  distributions: readonly DistributionInput[],
): RunDistribution[] =>
  distributions.map((d) => {
    const planned = new Set(
      plan.scopes.filter((s) => s.distribution === d.name).flatMap((s) => s.packages.map((p) => p.name)),
    );
    return {
      name: d.name,
      rosVersion: d.rosVersion,
      pythonVersion: d.pythonVersion,
      repositories: d.repositories,
      packages: [...d.packages.values()]
        .filter((p) => planned.has(p.name))
        .map((p) => ({ ...p, manifest: packedManifest.write(p.manifest) })),
      debian: [...d.packages.keys()].sort().map((name) => debianPackage(distro, d.name, name)),
    };
  });

/** The distributions on an agent. */
export const distributionsIn = (distributions: readonly RunDistribution[]): DistributionInput[] =>
  distributions.map(({ name, rosVersion, pythonVersion, repositories, packages }) => ({
    name,
    rosVersion,
    pythonVersion,
    repositories,
    packages: new Map(packages.map((p) => [p.name, unbundled(p)])),
  }));
