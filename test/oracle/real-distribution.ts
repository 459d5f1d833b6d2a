import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { readAndPlan, type Planned } from '../../ts-src/cli/planning.ts';
import type { Scope } from '../../ts-src/model/plan.ts';
import type { Resolver } from '../../ts-src/plan/resolve.ts';
import { readEntries } from '../../ts-src/read/entries.ts';
import { present, shared } from './shared.ts';
import { at, first } from '../../ts-src/model/lists.ts';

/** The real distribution, planned for platforms that its packages were made for, with the names of ROS's tools. */
export interface Case {
  distribution: 'jazzy' | 'noetic';
  planned: Planned;
  /** Packages of release entries without a version: not released now. */ versionless: Set<string>;
  scope(platform: string): Scope;
  resolver(platform: string): Resolver;
}

/** Without the data all tests are left out, and no hook runs. */
export const folder = present ? mkdtempSync(join(tmpdir(), 'slipway-oracle-')) : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));
export async function load(distribution: 'jazzy' | 'noetic'): Promise<Case> {
  const root = join(folder, distribution);
  mkdirSync(root, { recursive: true });
  symlinkSync(join(shared, 'rosdistro'), join(root, 'rosdistro'));
  writeFileSync(
    join(root, 'distro.yaml'),
    `organization: ros
index: rosdistro/index-v4.yaml
distributions: {${distribution}: {platforms: [noble, focal, bookworm], sources: release, cache: rosdistro/${distribution}/${distribution}-cache.yaml.gz}}
platforms: {noble: {os: ubuntu, release: noble}, focal: {os: ubuntu, release: focal}, bookworm: {os: debian, release: bookworm}}
rosdep: [rosdistro/rosdep/base.yaml, rosdistro/rosdep/python.yaml]
naming: {package: "ros-{distribution}-{name}", prefix: "/opt/ros/{distribution}"}
`,
  );
  const planned = await readAndPlan({ distro: join(root, 'distro.yaml') }, [], { everyKey: true });
  if (!planned.ok) throw new Error(first(planned.diagnostics).message);
  const entries = await readEntries(planned.value.workspace, distribution);
  if (!entries.ok) throw new Error(first(entries.diagnostics).message);
  const versionless = new Set(
    entries.value.repositories.flatMap((r) => (r.release && !r.release.version ? r.release.packages : [])),
  );
  const placeOf = (platform: string) => planned.value.plan.scopes.findIndex((s) => s.platform === platform);
  return {
    distribution,
    planned: planned.value,
    versionless,
    scope: (p) => at(planned.value.plan.scopes, placeOf(p)),
    resolver: (p) => at(planned.value.resolvers, placeOf(p)),
  };
}

export const typesupport = new Set(['rosidl_typesupport_fastrtps_c', 'rosidl_typesupport_fastrtps_cpp']);
export const rosDebian = (c: Case, name: string): string =>
  `ros-${c.distribution}-${name.toLowerCase().replaceAll('_', '-')}`;

/** Differences between two lists. */
export function difference(ours: readonly string[], theirs: readonly string[]): string {
  return `more ${ours.filter((d) => !theirs.includes(d)).join(' ') || 'none'}, less ${theirs.filter((d) => !ours.includes(d)).join(' ') || 'none'}`;
}
