import { distroSchema, type Distro } from '../../ts-src/model/distro.ts';
import type { DistributionInput, Plan, PlannedPackage, SourcePackage } from '../../ts-src/model/plan.ts';
import { makePlan } from '../../ts-src/plan/plan.ts';
import type { Selection } from '../../ts-src/plan/select.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { first } from '../../ts-src/model/lists.ts';

/** Plans of invented packages on one platform. */

export const distro = (extra: object = {}): Distro =>
  distroSchema.parse({
    organization: 'acme',
    distributions: { jazzy: { platforms: ['bookworm'], repos: ['x'], ros_version: 2 } },
    platforms: { bookworm: { os: 'debian', release: 'bookworm' } },
    ...extra,
  });

export function sourcePackage(name: string, tags: [string, string][], version = '1.0.0', extra = ''): SourcePackage {
  const xml = `<package format="3"><name>${name}</name><version>${version}</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>\n${tags.map(([t, n]) => `<${t}>${n}</${t.split(' ')[0]}>\n`).join('')}${extra}<export><build_type>cmake</build_type></export></package>`;
  const read = parseManifest(xml, `${name}/package.xml`);
  if (!read.ok) throw new Error(first(read.diagnostics).message);
  return {
    name,
    repository: name,
    manifest: read.value,
    file: `${name}/package.xml`,
    source: { url: 'u', path: '', tree: 'a'.repeat(40), commit: 'b'.repeat(40) },
  };
}

export function planOf(
  packages: SourcePackage[],
  options: {
    distro?: Distro;
    rosdep?: string;
    selection?: Selection;
    underlays?: Record<string, Record<string, Map<string, string> | undefined>>;
  } = {},
) {
  const rosdep = layerRosdep([{ file: 'rosdep.yaml', text: options.rosdep ?? 'zlib: {debian: [zlib1g-dev]}\n' }]);
  if (!rosdep.ok) throw new Error('rosdep');
  const distribution: DistributionInput = {
    name: 'jazzy',
    rosVersion: 2,
    pythonVersion: 3,
    repositories: [...new Set(packages.map((p) => p.repository))],
    packages: new Map(packages.map((p) => [p.name, p])),
  };
  return makePlan({
    distro: options.distro ?? distro(),
    distroFile: 'distro.yaml',
    stamp: '20261123140000',
    distributions: [distribution],
    rosdep: rosdep.value,
    underlays: options.underlays ?? {},
    selection: options.selection ?? {},
  });
}

export const names = (p: ReturnType<typeof planOf>): string[] => packagesOf(p.plan).map((q) => q.name);

/** The packages of a plan's one scope, in order. */
export function packagesOf({ scopes: [scope] }: Plan): PlannedPackage[] {
  if (!scope) throw new Error('the plan has no scope');
  return scope.packages;
}
