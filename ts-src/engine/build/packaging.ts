import { mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readStart } from '../../io/untrusted.ts';
import { compare } from '../../model/diagnostics.ts';
import type { Distro } from '../../model/distro.ts';
import { debianPackage, debianVersion } from '../../model/names.ts';
import type { Scope, Target } from '../../model/plan.ts';
import { conditionEvaluator } from '../../plan/conditions.ts';
import { conditionContext } from '../../plan/evaluate.ts';
import { compareDebianVersions } from '../../plan/versions.ts';
import { renderDebian } from '../../render/debian.ts';
import { manifestSchemas } from '../../render/manifest-schemas.ts';
import type { TaskKeys } from '../task-keys.ts';
import type { BuildRequest } from './outcome.ts';

export interface PackagingOptions {
  stamp: string;
  distro: Distro;
  taskKeys: TaskKeys;
  /** Version that the channel holds, by Debian package. */
  channelVersion: (scope: Scope, target: Target, debian: string) => string | undefined;
}

/** Writes `debian/` into the package's folder. */
export function writePackaging(options: PackagingOptions, request: BuildRequest, source: string): void {
  const { distro, taskKeys } = options;
  const stamp = request.repeat?.stamp ?? options.stamp;
  const { graph, package: p } = request;
  const input = taskKeys.distribution(graph);
  const { manifest } = input.packages.get(p.name)!;
  const settings = taskKeys.settingsOf(p.name);
  const variant = distro.variants[graph.target.variant];
  const debianNames = (names: string[]) =>
    names.flatMap((d) => {
      const q = graph.scope.packages[graph.closures.index.get(d) ?? -1];
      return q ? (p.bounds[d] ?? ['']).map((b) => (b ? `${q.debian} (${b})` : q.debian)) : [];
    });
  const sorted = (names: string[]) => [...new Set(names)].sort(compare);
  const folder = join(source, 'debian');
  rmSync(folder, { recursive: true, force: true });
  const files = renderDebian({
    package: p,
    manifest,
    version: versionOf(options, request),
    stamp,
    release: graph.target.release,
    prefix: graph.scope.prefix,
    underlayPrefixes: graph.scope.underlayPrefixes,
    cmakeArgs: [...(variant?.cmake_args ?? []), ...(settings.cmake_args ?? [])],
    environment: taskKeys.environment(graph, p),
    buildDepends: sorted([
      ...debianNames(p.build),
      ...p.systemBuild,
      ...(p.impliedBuild ?? []),
      ...(variant?.build_depends ?? []),
    ]),
    depends: sorted([...debianNames(p.run), ...p.systemRun]),
    conflicts: relationsOf(options, request, 'conflict'),
    replaces: relationsOf(options, request, 'replace'),
    maintainer: distro.maintainer,
    licenseText: licenseText(source, manifest.licenses),
  });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, name), text, { mode: name === 'rules' ? 0o755 : 0o644 });
}

/** What tests find besides: the schemas of package.xml. No package's name begins with a dot. */
export function writeTestFiles(build: string): void {
  const folder = join(build, '.schemas');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(manifestSchemas)) writeFileSync(join(folder, name), text);
}

/** Debian packages that a package's manifest says it conflicts with, or replaces. */
export function relationsOf(options: PackagingOptions, request: BuildRequest, kind: 'conflict' | 'replace'): string[] {
  const { distro, taskKeys } = options;
  const { graph, package: p } = request;
  const input = taskKeys.distribution(graph);
  const { conditions } = distro.distributions[graph.scope.distribution]!;
  const holds = conditionEvaluator(conditionContext(input, conditions));
  return input.packages
    .get(p.name)!
    .manifest.dependencies.filter((d) => d.tag === kind && holds(d.condition) && /^[A-Za-z0-9_-]+$/.test(d.name))
    .map((d) => debianPackage(distro, graph.scope.distribution, d.name));
}

/** Upstream's version with the stamp; an epoch more where upstream is below what the channel holds. */
export function versionOf(options: PackagingOptions, { graph, package: p, repeat }: BuildRequest): string {
  if (repeat) return repeat.version;
  const held = options.channelVersion(graph.scope, graph.target, p.debian);
  const heldEpoch = held === undefined ? 0 : Number(/^(\d+):/.exec(held)?.[1] ?? 0);
  const upstreamOf = (v: string) => v.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  const down = held !== undefined && compareDebianVersions(p.version, upstreamOf(held)) < 0;
  return debianVersion(p.version, graph.target.release, options.stamp, heldEpoch + (down ? 1 : 0));
}

/** Names in Depends that are none of ours; of alternatives the first, as apt prefers. */
export function systemDepends(control: string, ours: Set<string>): string[] {
  const field = /^Depends: (.*(?:\n .*)*)/m.exec(control)?.[1] ?? '';
  const names = field
    .split(',')
    .map((d) => d.trim().split(/[\s(|:]/)[0]!)
    .filter((d) => d && !ours.has(d) && !ours.has(d.replace(/-abi-[0-9a-f]{16}$/, '')));
  return [...new Set(names)].sort(compare);
}

function licenseText(source: string, licenses: { file?: string }[]): string | undefined {
  const named = licenses.flatMap((l) =>
    l.file && !l.file.startsWith('/') && !l.file.split('/').includes('..') ? [l.file] : [],
  );
  for (const name of [...named, 'LICENSE', 'LICENSE.txt', 'LICENSE.md', 'COPYING', 'COPYING.txt']) {
    try {
      // Sources are not trusted: a link may lead out of them.
      const path = realpathSync(join(source, name));
      if (path.startsWith(`${realpathSync(source)}/`) && statSync(path).isFile()) return readStart(path, 200_000);
    } catch {
      /* it is not there */
    }
  }
  return undefined;
}
