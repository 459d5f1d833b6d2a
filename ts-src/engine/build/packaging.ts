import { chmodSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../io/files.ts';
import { writeFile } from '../../io/write.ts';
import { withinTime } from '../../io/bounded.ts';
import { compare } from '../../model/diagnostics.ts';
import type { Distro } from '../../model/distro.ts';
import { debianVersion, environmentPackage, stampOfVersion } from '../../model/names.ts';
import type { PlannedPackage, Scope, Target } from '../../model/plan.ts';
import type { SystemFile } from '../../model/system-files.ts';
import { entry, ownIn } from '../../model/maps.ts';
import { copyrightNotices } from '../../inspect/notices.ts';
import { isWithin, withEpoch } from '../../plan/relations.ts';
import { compareDebianVersions } from '../../plan/versions.ts';
import { aboutOf, renderRecipe, type About } from '../../render/debian.ts';
import { manifestSchemas } from '../../render/manifest-schemas.ts';
import { fieldOf } from '../../text/stanza.ts';
import type { TaskKeys } from '../task-keys.ts';
import type { TaskGraph } from '../task-graph.ts';
import type { BuildRequest } from './outcome.ts';

export interface PackagingOptions {
  stamp: string;
  distro: Distro;
  taskKeys: TaskKeys;
  /** Version in the channel, by Debian package. */
  channelVersion: (scope: Scope, target: Target, debian: string) => string | undefined;
  /** Version in the lockfile for the same sources; undefined if it has none. */
  lockedVersion: (graph: Pick<TaskGraph, 'id' | 'scope'>, p: PlannedPackage) => string | undefined;
}

/** Fields of a package's control file that are known before the build. */
export interface PlannedControl extends About {
  version: string;
  depends: string[];
  conflicts: string[];
  replaces: string[];
}

/** `system`: system packages of its root, as `name=version`. */
export function plannedControl(
  options: PackagingOptions,
  request: BuildRequest,
  system: readonly string[],
): PlannedControl {
  const { distro, taskKeys } = options;
  const { graph, package: p } = request;
  const { manifest } = entry(taskKeys.distribution(graph).packages, p.name);
  return {
    ...aboutOf(p, manifest, distro.maintainer, graph.scope),
    version: versionOf(options, request),
    depends: sorted([
      environmentOf(options, request),
      ...relationsOn(request, p.run),
      ...p.systemRun,
      ...systemBounds(p, system),
    ]),
    conflicts: p.conflicts ?? [],
    replaces: p.replaces ?? [],
  };
}

/** Versions by name of `name=version`. */
const versionsIn = (system: readonly string[]): Map<string, string> =>
  new Map(system.map((pin) => [pin.slice(0, pin.indexOf('=')), pin.slice(pin.indexOf('=') + 1)]));

/** Version bounds on system packages needed at run time, with the epoch of the archive's versions. */
function systemBounds(p: PlannedPackage, system: readonly string[]): string[] {
  const versions = versionsIn(system);
  return (p.systemBounds ?? []).flatMap(({ package: name, bounds, run }) =>
    run ? bounds.map((b) => `${name} (${withEpoch(b, versions.get(name))})`) : [],
  );
}

/** Why the system packages of a root violate a manifest's version bounds; undefined if they don't. */
export function systemBoundFault(p: PlannedPackage, system: readonly string[]): string | undefined {
  const versions = versionsIn(system);
  for (const { package: name, bounds } of p.systemBounds ?? []) {
    const version = versions.get(name);
    const broken = version === undefined ? undefined : bounds.find((b) => !isWithin(version, b));
    if (broken !== undefined) return `package.xml wants ${name} ${broken}, and the platform has ${version}`;
  }
  return undefined;
}

/** The package with the distribution's setup.sh. */
export const environmentOf = ({ distro }: PackagingOptions, { graph }: BuildRequest): string =>
  environmentPackage(distro, graph.scope.distribution);

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort(compare);

/** Debian relations for dependencies in the plan. */
const relationsOn = ({ graph, package: p }: RecipeRequest, names: readonly string[]): string[] =>
  names.flatMap((d) => {
    const q = graph.scope.packages[graph.closures.index.get(d) ?? -1];
    return q ? (ownIn(p.bounds, d) ?? ['']).map((b) => (b ? `${q.debian} (${b})` : q.debian)) : [];
  });

/** A package for a recipe: for its build, or as a part of its source package. */
export type RecipeRequest = Pick<BuildRequest, 'graph' | 'package' | 'repeat'>;

/**
 * Writes a package's recipe into a trusted folder before any code of the package runs. Returns the reason if the source
 * lacks a file that the plan names.
 */
export function writeRecipe(
  options: PackagingOptions,
  request: RecipeRequest,
  source: string,
  folder: string,
): string | undefined {
  const { distro, taskKeys } = options;
  const version = versionOf(options, request);
  const stamp = stampOfBuild(options, request);
  const { graph, package: p } = request;
  const { manifest } = entry(taskKeys.distribution(graph).packages, p.name);
  const settings = taskKeys.settingsOf(p.name);
  const variant = distro.variants[graph.target.variant];
  const licenses = manifest.licenses.flatMap((l) =>
    l.file && !l.file.startsWith('/') && !l.file.split('/').includes('..') ? [l.file] : [],
  );
  const files = renderRecipe({
    package: p,
    manifest,
    version,
    stamp,
    release: graph.target.release,
    prefix: graph.scope.prefix,
    rosVersion: graph.scope.rosVersion,
    underlayPrefixes: graph.scope.underlayPrefixes,
    cmakeArgs: [...(variant?.cmake_args ?? []), ...(settings.cmake_args ?? [])],
    environment: taskKeys.environment(graph, p),
    externalLibraries: settings.external_libraries ?? [],
    buildDepends: sorted([
      ...relationsOn(request, p.build),
      ...p.systemBuild,
      ...(p.impliedBuild ?? []),
      ...(variant?.build_depends ?? []),
    ]),
    maintainer: distro.maintainer,
    distribution: graph.scope.distribution,
    notices: withinTime('its copyright notices', () => copyrightNotices(source)),
    licenseText: firstText(source, [...licenses, ...licenseFiles])
      ?.toString('utf8')
      .slice(0, 200_000),
  });
  const changelog = firstText(source, ['CHANGELOG.rst', 'CHANGELOG.md']);
  const system = systemFilesIn(source, p.systemFiles ?? []);
  if (typeof system === 'string') return system;
  writeReadable(folder, { ...files, ...system, ...(changelog ? { 'upstream-changelog': changelog } : {}) });
  return undefined;
}

/**
 * Recipe files for a package's system files: a list of sources and destinations, and contents from the source. Returns
 * a message if the source lacks one.
 */
function systemFilesIn(source: string, files: readonly SystemFile[]): Record<string, string | Buffer> | string {
  const recipe: Record<string, string | Buffer> = {};
  const lines: string[] = [];
  for (const [i, { path, installed, target, link }] of files.entries()) {
    if (!installed) {
      const text = firstText(source, [path]);
      if (!text) return `its source has no file ${path}, which is to be ${target}`;
      recipe[`system-file-${i}`] = text;
    }
    lines.push(`${installed ? `installed ${path}` : `recipe system-file-${i}`} ${target}`);
    if (link) lines.push(`link ${link.target} ${link.path}`);
  }
  return { ...recipe, 'system-files': lines.map((l) => `${l}\n`).join('') };
}

/** Writes files readable for the build's user, regardless of the umask. */
function writeReadable(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  makeFolder(folder);
  chmodSync(folder, 0o755);
  for (const [name, data] of Object.entries(files)) {
    writeFile(join(folder, name), data);
    chmodSync(join(folder, name), 0o644);
  }
}

/** Files for tests beside the recipe: the XML schemas of package.xml. */
export const writeTestFiles = (recipe: string): void => writeReadable(join(recipe, 'schemas'), manifestSchemas);

/**
 * Upstream's version with the stamp. The epoch is raised if upstream's version is below the channel's. A locked package
 * gets the lockfile's version, so that the same bytes result, unless the channel's is higher.
 */
export function versionOf(options: PackagingOptions, { graph, package: p, repeat }: RecipeRequest): string {
  if (repeat) return repeat.version;
  const held = options.channelVersion(graph.scope, graph.target, p.debian);
  const locked = options.lockedVersion(graph, p);
  if (locked !== undefined && (held === undefined || compareDebianVersions(locked, held) >= 0)) return locked;
  const heldEpoch = held === undefined ? 0 : Number(/^(\d+):/.exec(held)?.[1] ?? 0);
  const upstreamOf = (v: string) => v.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  const down = held !== undefined && compareDebianVersions(p.version, upstreamOf(held)) < 0;
  return debianVersion(p.version, graph.target.release, options.stamp, heldEpoch + (down ? 1 : 0));
}

/** Names in Depends that are not in the plan; of alternatives the first, as apt prefers it. */
export function systemDepends(control: string, ours: Set<string>): string[] {
  const names = (fieldOf(control, 'Depends') ?? '')
    .split(',')
    .map((d) => d.trim().replace(/[\s(|:].*/s, ''))
    .filter((d) => d && !ours.has(d) && !ours.has(d.replace(/-abi-[0-9a-f]{16}$/, '')));
  return [...new Set(names)].sort(compare);
}

const licenseFiles = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'COPYING', 'COPYING.txt'];
const largestText = 8 << 20;

/** The first of these files that a source has. Sources are untrusted: a symlink may lead out of them. */
function firstText(source: string, names: readonly string[]): Buffer | undefined {
  for (const name of names) {
    try {
      const path = realpathSync(join(source, name));
      if (!path.startsWith(`${realpathSync(source)}/`)) continue;
      const stat = statSync(path);
      if (stat.isFile() && stat.size <= largestText) return readFileSync(path);
    } catch {
      /* missing file */
    }
  }
  return undefined;
}

/** The timestamp for all times in a package: the one in its version, which may come from a lockfile. */
export const stampOfBuild = (options: PackagingOptions, request: RecipeRequest): string =>
  request.repeat?.stamp ?? stampOfVersion(versionOf(options, request)) ?? options.stamp;
