import type { Distro } from '../model/distro.ts';
import type { Manifest } from '../model/manifest.ts';
import { debianPackage } from '../model/names.ts';
import type { DistributionInput, Plan, SourcePackage } from '../model/plan.ts';
import { packedManifest } from '../read/manifest/packed-manifest.ts';

/** A distribution as agents need it: its planned packages, and the Debian names of all. */
export interface RunDistribution {
  name: string;
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  repositories: string[];
  packages: BundledPackage[];
  debian: string[];
}

/** A package as a bundle has it, its manifest packed: an agent asks for few of a thousand. */
type BundledPackage = Omit<SourcePackage, 'manifest'> & { manifest: string };

/** The manifest is a property of the package itself: copies of it have it too. */
function unbundled({ manifest: packed, ...rest }: BundledPackage): SourcePackage {
  let read: Manifest | undefined;
  return {
    ...rest,
    get manifest() {
      return (read ??= packedManifest.read(packed));
    },
  };
}

/** What of the distributions a run needs: the planned packages, and the names of all. */
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

/** The same on an agent. */
export const distributionsIn = (distributions: readonly RunDistribution[]): DistributionInput[] =>
  distributions.map(({ name, rosVersion, pythonVersion, repositories, packages }) => ({
    name,
    rosVersion,
    pythonVersion,
    repositories,
    packages: new Map(packages.map((p) => [p.name, unbundled(p)])),
  }));
