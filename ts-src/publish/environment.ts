import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAr } from '../io/ar.ts';
import { storedGzip } from '../io/gzip.ts';
import { writeTar, type TarFile } from '../io/tar.ts';
import { md5, sha256 } from '../model/digest.ts';
import {
  abiName,
  channelSuite,
  debFile,
  debianVersion,
  environmentPackage,
  maintainerOf,
  stampOfVersion,
  stampSeconds,
} from '../model/names.ts';
import type { Distro } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { Target } from '../model/plan.ts';
import { ownIn } from '../model/maps.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { renderControl } from '../render/control.ts';
import { renderEnvironmentDocs } from '../render/environment-docs.ts';
import { prefixFiles, type Prefix } from '../render/prefix.ts';
import type { Store } from '../store/store.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import type { OpenChannel } from './state.ts';
import type { HeldPackage } from './suites.ts';

/** Inputs of the package with a prefix's own files. */
export interface EnvironmentInput {
  /** Debian package name. */
  name: string;
  distribution: string;
  prefix: Prefix;
  target: Target;
  maintainer: string;
  /** The plan's stamp. */
  stamp: string;
  /** The version in the lockfile, and the highest version that the channel ever had. */
  locked: string | undefined;
  highest: string | undefined;
}

/** Returns the channel-independent inputs for the prefix of a graph. */
export type Environments = (graph: TaskGraph) => Omit<EnvironmentInput, 'stamp' | 'highest'>;

export const environmentsOf =
  (distro: Distro, lock: Lockfile | undefined): Environments =>
  ({ id, scope, target }) => {
    const name = environmentPackage(distro, scope.distribution);
    const versions = lock?.versions && Object.hasOwn(lock.versions, id) ? lock.versions[id] : undefined;
    return {
      name,
      distribution: scope.distribution,
      prefix: scope,
      target,
      maintainer: maintainerOf(distro),
      locked: versions && Object.hasOwn(versions, name) ? versions[name] : undefined,
    };
  };

/** Versions of a distribution's packages, including the prefix's package as the channel has or will have it. */
export const withEnvironments = (
  versions: Record<string, Record<string, string>>,
  graphs: readonly TaskGraph[],
  environments: Environments,
  stamp: string,
  channel: Pick<OpenChannel, 'head' | 'value'>,
): Record<string, Record<string, string>> =>
  Object.fromEntries(
    graphs.map((graph) => {
      const suite = channelSuite(graph.scope.distribution, graph.target);
      const of = environments(graph);
      const highest = ownIn(channel.value.versions[suite], of.name);
      const input: EnvironmentInput = { ...of, stamp, highest };
      const held = ownIn(channel.head?.suites[suite], of.name);
      return [
        graph.id,
        { ...versions[graph.id], [of.name]: held?.key === keyOf(input) ? held.version : versionOf(input) },
      ];
    }),
  );

/** Increase it when the package's content changes in a way that its files do not show. */
const recipe = 1;
const upstream = '1.0.0';

/** The installed files with their folders. */
function contentOf(input: EnvironmentInput): TarFile[] {
  const { prefix } = input.prefix;
  return prefixFiles(input.prefix).map(({ name, text, mode }) => ({ path: `${prefix}/${name}`, data: text, mode }));
}

/** Setting up an underlay needs Python, which ROS packages do not depend on. */
const dependsOf = ({ prefix }: EnvironmentInput): string[] =>
  prefix.underlayPrefixes.some((p) => p !== '/usr') ? ['python3'] : [];

const keyOf = (input: EnvironmentInput): string =>
  sha256(
    JSON.stringify([
      'environment',
      recipe,
      input.name,
      input.target.release,
      input.target.architecture,
      input.maintainer,
      dependsOf(input),
      contentOf(input).map((f) => [f.path, f.mode, f.data]),
    ]),
  );

/**
 * The package with a prefix's setup.sh: the channel's if it is unchanged, else a new one. Reproducible on every
 * machine.
 */
export async function environmentOf(
  store: Store,
  scratch: string,
  input: EnvironmentInput,
  held: HeldPackage | undefined,
): Promise<HeldPackage> {
  const key = keyOf(input);
  if (held?.key === key && (await store.many(held.files, (f) => store.path(f))).every((path) => path !== undefined))
    return held;
  const version = versionOf(input);
  const file = join(scratch, debFile(input.name, version, input.target.architecture));
  rmSync(file, { force: true });
  await writePackage(file, input, version);
  const deb = await store.put(file);
  rmSync(file, { force: true });
  return { version, key, files: [deb], abi: abiName(input.name, key), requires: [], needs: [] };
}

/** The lockfile's version, unless the channel has a higher one. */
function versionOf({ locked, highest, stamp, target }: EnvironmentInput): string {
  const fits = locked !== undefined && (highest === undefined || compareDebianVersions(locked, highest) >= 0);
  return fits ? locked : debianVersion(upstream, target.release, stamp);
}

async function writePackage(file: string, input: EnvironmentInput, version: string): Promise<void> {
  const seconds = stampSeconds(stampOfVersion(version) ?? input.stamp);
  const { copyright, changelog, summary, description } = renderEnvironmentDocs({
    name: input.name,
    version,
    release: input.target.release,
    distribution: input.distribution,
    prefix: input.prefix.prefix,
    maintainer: input.maintainer,
    seconds,
  });
  const documents = `/usr/share/doc/${input.name}`;
  const files: TarFile[] = [
    ...contentOf(input),
    { path: `${documents}/changelog.Debian.gz`, data: storedGzip(Buffer.from(changelog)) },
    { path: `${documents}/copyright`, data: copyright },
  ].map((f) => ({ ...f, path: f.path.slice(1) }));
  const folders = new Set<string>();
  for (const { path } of files)
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at + 1));
  const all = [...[...folders].map((path) => ({ path, data: '' })), ...files].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  const control = renderControl({
    package: input.name,
    source: input.name,
    version,
    architecture: input.target.architecture,
    maintainer: input.maintainer,
    installedSize: files.reduce((sum, f) => sum + Math.ceil(f.data.length / 1024), folders.size),
    section: 'misc',
    depends: dependsOf(input),
    provides: [],
    conflicts: [],
    replaces: [],
    summary,
    description,
  });
  const sums = files.map((f) => `${md5(f.data)}  ${f.path}\n`).join('');
  const members = [
    { path: 'control', data: control },
    { path: 'md5sums', data: sums },
  ];
  await writeAr(
    file,
    [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar.gz', data: storedGzip(writeTar(members, seconds)) },
      { name: 'data.tar.gz', data: storedGzip(writeTar(all, seconds)) },
    ],
    seconds,
  );
}
