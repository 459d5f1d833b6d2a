import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { bad, compare, error, good, isError, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { DistributionInput, PackageSource, SourcePackage } from '../model/plan.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Repository } from '../model/rosdistro.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { readIf } from '../io/files.ts';
import { parallel } from '../io/process.ts';
import {
  absoluteUrl,
  fetchArchive,
  fetchCommits,
  resolveRef,
  resolveRefs,
  snapshotFolder,
  type Reporter,
  type Snapshot,
} from './git/git.ts';
import { resolveRequest, type Override, type Overrides } from './override.ts';
import { readFolder } from './folders.ts';
import { ParseCache } from './parse-cache.ts';
import { readPackages, recall, remembers, type RepositoryPackages } from './packages.ts';
import { nameRepositories } from './git/credentials.ts';
import { readCache, type Cache } from './rosdistro-cache.ts';
import type { Workspace } from './workspace.ts';
import { parseDistributionFile, parseIndex, parseRepos, type IndexEntry } from './rosdistro.ts';
import { layerRosdep } from './rosdep.ts';

const fetchWidth = 8;

/** rosdep's rules, of all keys or of the wanted ones. */
export function readRosdep(workspace: Workspace, wanted?: ReadonlySet<string>): Result<RosdepDatabase> {
  const diagnostics: Diagnostic[] = [];
  const files = workspace.distro.rosdep.flatMap((file) => {
    const text = readIf(join(workspace.root, file));
    if (text === undefined)
      diagnostics.push(error('file-missing', `'rosdep' names ${file}, which is not there`, { file: workspace.file }));
    return text === undefined ? [] : [{ file, text }];
  });
  const layered = layerRosdep(
    files,
    wanted,
    wanted && existsSync(workspace.state) ? new ParseCache(workspace.state, 'rosdep') : undefined,
  );
  if (diagnostics.length) return bad(...diagnostics, ...layered.diagnostics);
  return layered;
}

/** Every name that a package of these distributions depends on, whatever its conditions. */
export function neededNames(distributions: readonly DistributionInput[]): Set<string> {
  const names = new Set<string>();
  for (const d of distributions)
    for (const p of d.packages.values()) for (const dependency of p.manifest.dependencies) names.add(dependency.name);
  return names;
}

export interface Entries {
  repositories: Repository[];
  rosVersion: 1 | 2;
  pythonVersion: 2 | 3;
  cache?: Cache;
}

function readIndex(state: string, text: string, file: string, name: string): Result<IndexEntry> {
  const memory = new ParseCache<IndexEntry>(state, `index-${name}`);
  const kept = memory.get(text);
  if (kept) return good(kept);
  const parsed = parseIndex(text, file, name);
  if (parsed.ok && !parsed.diagnostics.length) memory.put(text, () => parsed.value);
  return parsed;
}

/**
 * The repositories of a distribution: index, distribution files (later ones win, as rosdistro merges them), .repos
 * files, cache.
 */
export async function readEntries(workspace: Workspace, name: string): Promise<Result<Entries>> {
  const { distro, root } = workspace;
  const settings = distro.distributions[name]!;
  const diagnostics: Diagnostic[] = [];
  const repositories = new Map<string, Repository>();
  /** Faults of single entries: they cost only these. */
  let entryFaults = 0;
  const unreadable = () => diagnostics.filter(isError).length > entryFaults;
  const merge = (read: Result<{ repositories: Repository[] }>) => {
    diagnostics.push(...read.diagnostics);
    if (read.ok) entryFaults += read.diagnostics.filter(isError).length;
    if (read.ok) for (const r of read.value.repositories) repositories.set(r.name, r);
  };
  const text = (file: string, from: string): string | undefined => {
    if (normalize(file).startsWith('../') || isAbsolute(file)) {
      diagnostics.push(error('file-outside', `${file} is outside the distro repository`, { file: from }));
      return undefined;
    }
    const t = readIf(join(root, file));
    if (t === undefined)
      diagnostics.push(
        error('file-missing', `${file} is not there`, {
          file: from,
          hint: 'paths are relative to the file that names them',
        }),
      );
    return t;
  };
  let rosVersion = settings.ros_version;
  let pythonVersion = settings.python_version;
  let cache: Cache | undefined;
  if (distro.index) {
    const indexText = text(distro.index, workspace.file);
    const index = indexText === undefined ? undefined : readIndex(workspace.state, indexText, distro.index, name);
    if (index && !index.ok) diagnostics.push(...index.diagnostics);
    if (index?.ok) {
      rosVersion ??= index.value.rosVersion;
      pythonVersion ??= index.value.pythonVersion;
      if (settings.sources === 'release') {
        const read = await readCache(workspace, settings, index.value.cache);
        diagnostics.push(...read.diagnostics);
        if (read.ok && read.value) {
          cache = read.value;
          // One consistent snapshot: the distribution files that the cache was made from.
          merge(good({ repositories: cache.repositories }));
        }
      }
      if (!cache) {
        for (const file of index.value.files) {
          const path = join(dirname(distro.index), file);
          const fileText = text(path, distro.index);
          if (fileText !== undefined) merge(parseDistributionFile(fileText, path));
        }
      }
    }
  }
  for (const file of settings.repos) {
    const reposText = text(file, workspace.file);
    if (reposText === undefined) continue;
    const read = parseRepos(reposText, file);
    merge(read.ok ? good({ repositories: read.value }, read.diagnostics) : read);
  }
  if (rosVersion === undefined && !unreadable())
    diagnostics.push(
      error('distro-ros-version', `distributions.${name}.ros_version is missing`, {
        file: workspace.file,
        hint: 'the index has no distribution_type for it: say ros_version: 1 or 2',
      }),
    );
  if (unreadable()) return { ok: false, diagnostics };
  nameRepositories(
    [...repositories.values()].flatMap((r) =>
      [r.source?.url, r.release?.url].flatMap((u) => (u === undefined ? [] : absoluteUrl(u, workspace.urlBase))),
    ),
    distro.submodules,
  );
  return good(
    {
      repositories: [...repositories.values()],
      rosVersion: rosVersion!,
      pythonVersion: pythonVersion ?? 3,
      ...(cache ? { cache } : {}),
    },
    diagnostics,
  );
}

/**
 * Reads every package of a distribution: from its cache, or from its repositories at their heads or at the lock's
 * commits.
 */
export async function readDistribution(
  workspace: Workspace,
  name: string,
  lock: Lockfile | undefined,
  overrides: Overrides,
  reporter: Reporter,
): Promise<Result<DistributionInput>> {
  const entries = await readEntries(workspace, name);
  if (!entries.ok) return entries;
  const { repositories, rosVersion, pythonVersion } = entries.value;
  const locked = lock && (Object.hasOwn(lock.distributions, name) ? lock.distributions[name] : undefined);
  if (lock && !locked) return bad(error('lock-distribution', `the lock has no distribution '${name}'`));
  const diagnostics: Diagnostic[] = [...entries.diagnostics];
  const packages = new Map<string, SourcePackage>();
  const places = new Map<string, Repository>();
  const add = (p: SourcePackage, repository: Repository) => {
    const other = packages.get(p.name);
    if (!other) {
      packages.set(p.name, p);
      places.set(p.name, repository);
      return;
    }
    const first = places.get(p.name)!;
    diagnostics.push(
      error(
        'package-twice',
        `the package '${p.name}' is in '${other.repository}' (${other.file}) and in '${repository.name}' (${p.file})`,
        {
          file: repository.file,
          line: repository.line,
          hint:
            first === repository
              ? 'leave one, or mark one with COLCON_IGNORE'
              : `leave it in one of them, or mark one with COLCON_IGNORE; '${first.name}' is at ${first.file}${first.line === undefined ? '' : `:${first.line}`}`,
        },
      ),
    );
  };
  const released = workspace.distro.distributions[name]!.sources === 'release';
  const developed = repositories
    .filter((r) => overrides.has(r.name) || (!released && r.source))
    .sort((a, b) => compare(a.name, b.name));
  if (released) {
    const rest = repositories.filter((r) => !overrides.has(r.name));
    const read = entries.value.cache
      ? cachedPackages(workspace, rest, entries.value.cache)
      : await releasedPackages(workspace, rest, locked, reporter);
    for (const r of read) {
      for (const d of r.manifest.diagnostics) diagnostics.push(d);
      if (!r.manifest.ok) continue;
      const manifest = r.manifest.value;
      if (manifest.name !== r.packageName)
        diagnostics.push(
          error('package-name', `the manifest of '${r.packageName}' says it is '${manifest.name}'`, {
            file: r.repository.file,
            line: r.repository.line,
            hint: 'the entry and package.xml must agree',
          }),
        );
      const pin = locked?.[r.repository.name]?.packages[r.packageName];
      add(
        {
          name: manifest.name,
          repository: r.repository.name,
          manifest,
          file: r.file,
          ...(r.buildBackend === undefined ? {} : { buildBackend: r.buildBackend }),
          source: pin?.commit ? { ...r.source, commit: pin.commit, ...(pin.tree ? { tree: pin.tree } : {}) } : r.source,
          released: r.repository.release!.version!,
        },
        r.repository,
      );
    }
  }
  const read = await parallel(developed, fetchWidth, async (repository) => {
    reporter.reading?.(repository.name);
    const found = await readRepository(
      workspace,
      repository,
      locked?.[repository.name]?.commit,
      lock !== undefined,
      overrides.get(repository.name),
      reporter,
    );
    const at = <T>(d: T): T => ({ file: repository.file, line: repository.line, ...d });
    return { repository, found: found.ok ? found : { ...found, diagnostics: found.diagnostics.map(at) } };
  });
  for (const { repository, found } of read) {
    diagnostics.push(...found.diagnostics);
    if (!found.ok) continue;
    for (const p of found.value.packages)
      add(
        {
          name: p.manifest.name,
          repository: repository.name,
          manifest: p.manifest,
          file: p.file,
          ...(p.buildBackend === undefined ? {} : { buildBackend: p.buildBackend }),
          source: { url: found.value.url, commit: found.value.commit, tree: p.tree, path: p.path },
        },
        repository,
      );
  }
  for (const folder of workspace.distro.distributions[name]!.folders) {
    const read = readFolder(workspace.root, folder);
    diagnostics.push(...read.diagnostics.map((d) => ({ file: workspace.file, ...d })));
    if (!read.ok) continue;
    const url = join(workspace.root, folder);
    for (const p of read.value)
      add(
        {
          name: p.manifest.name,
          repository: p.repository,
          manifest: p.manifest,
          file: p.file,
          ...(p.buildBackend === undefined ? {} : { buildBackend: p.buildBackend }),
          source: { url, path: p.path },
        },
        { name: p.repository, file: p.file },
      );
  }
  return diagnostics.some((d) => isError(d) && d.code === 'lock-repository')
    ? { ok: false, diagnostics }
    : good({ name, rosVersion, pythonVersion, packages, repositories: repositories.map((r) => r.name) }, diagnostics);
}

interface Released {
  repository: Repository;
  packageName: string;
  file: string;
  source: PackageSource;
  manifest: Result<Manifest>;
  buildBackend?: string;
}

/** Of each repository's release its packages, with where their sources are. */
function releasesOf(
  workspace: Workspace,
  repositories: readonly Repository[],
): { repository: Repository; packages: { packageName: string; source: PackageSource }[] }[] {
  return repositories.flatMap((repository) => {
    const { release } = repository;
    if (!release?.version) return [];
    const url = absoluteUrl(release.url, workspace.urlBase);
    const tag = (release.tag ?? 'release/{package}/{version}').replaceAll('{version}', release.version);
    return [
      {
        repository,
        packages: release.packages.map((packageName) => ({
          packageName,
          source: { url, path: '', ref: tag.replaceAll('{package}', packageName) },
        })),
      },
    ];
  });
}

function cachedPackages(workspace: Workspace, repositories: readonly Repository[], cache: Cache): Released[] {
  const read: Released[] = [];
  for (const { repository, packages } of releasesOf(workspace, repositories)) {
    for (const { packageName, source } of packages) {
      const manifest = cache.manifest(packageName) ?? {
        ok: false as const,
        diagnostics: [
          warning(
            'cache-manifest',
            `'${packageName}' is released, but the cache has no manifest of it: it is left out`,
            { file: cache.file, hint: `its entry is in '${repository.name}'; a newer cache may have it` },
          ),
        ],
      };
      read.push({ repository, packageName, file: `${cache.file}:${packageName}`, source, manifest });
    }
  }
  return read;
}

/**
 * Without a cache: one question to each release repository for all its tags, and of the tagged trees the manifests
 * alone.
 */
async function releasedPackages(
  workspace: Workspace,
  repositories: readonly Repository[],
  locked: Lockfile['distributions'][string] | undefined,
  reporter: Reporter,
): Promise<Released[]> {
  const read = await parallel(
    releasesOf(workspace, repositories),
    fetchWidth,
    async ({ repository, packages }): Promise<Released[]> => {
      reporter.reading?.(repository.name);
      const pinned = await pinReleased(
        workspace,
        packages.map((p) => ({
          ...p.source,
          ...(locked?.[repository.name]?.packages[p.packageName]?.commit
            ? { commit: locked[repository.name]!.packages[p.packageName]!.commit! }
            : {}),
        })),
        'trees',
        reporter,
      );
      return Promise.all(
        packages.map(async ({ packageName, source }, i): Promise<Released> => {
          const pin = pinned[i]!;
          const file = `${repository.name}:${packageName}/package.xml`;
          const at = (diagnostics: readonly Diagnostic[]) => ({
            ok: false as const,
            diagnostics: diagnostics.map((d) => ({ file: repository.file, line: repository.line!, ...d })),
          });
          if (!pin.ok) return { repository, packageName, file, source, manifest: at(pin.diagnostics) };
          const remembered = recall(workspace.state, pin.value.source.commit!, packageName);
          const found =
            remembered ?? (await readPackages(workspace.state, packageName, pin.value.snapshot!, source.url, reporter));
          if (!found.ok) return { repository, packageName, file, source, manifest: at(found.diagnostics) };
          const one = found.value.packages[0];
          return {
            repository,
            packageName,
            file,
            source: { ...pin.value.source, ...(one ? { tree: one.tree } : {}) },
            ...(one?.buildBackend === undefined ? {} : { buildBackend: one.buildBackend }),
            manifest: one
              ? good(one.manifest, found.diagnostics)
              : bad(
                  error('package-name', `the release of '${packageName}' has no package.xml at its root`, {
                    file: repository.file,
                    line: repository.line,
                  }),
                ),
          };
        }),
      );
    },
  );
  return read.flat();
}

async function readRepository(
  workspace: Workspace,
  repository: Repository,
  pinned: string | undefined,
  locked: boolean,
  override: Override | undefined,
  reporter: Reporter,
): Promise<Result<RepositoryPackages & { url: string }>> {
  const { state } = workspace;
  const found = async (url: string, snapshot: Result<Snapshot>) => {
    const read = snapshot.ok ? await readPackages(state, repository.name, snapshot.value, url, reporter) : snapshot;
    return read.ok ? good({ ...read.value, url }, read.diagnostics) : read;
  };
  if (override && 'folder' in override) return found(override.folder, await snapshotFolder(override.folder, state));
  const { source } = repository;
  if (!source)
    return bad(
      error(
        'override-invalid',
        `'${repository.name}' has no source entry, so there is no branch or pull request to take`,
        { hint: 'a folder can stand for it: NAME=FOLDER' },
      ),
    );
  if (locked && !pinned && !override)
    return bad(
      error('lock-repository', `the lock has no repository '${repository.name}'`, {
        hint: 'make the lock anew with `slipway lock`',
      }),
    );
  const url = absoluteUrl(source.url, workspace.urlBase);
  if (source.type === 'hg' || source.type === 'svn')
    return bad(
      error('source-type', `'${repository.name}' is a ${source.type} repository, which Slipway does not read`, {
        hint: 'git, tar and zip are read: mirror it into git',
      }),
    );
  if (source.type === 'tar' || source.type === 'zip') {
    if (override)
      return bad(
        error('override-invalid', `'${repository.name}' is an archive, which has no branches or pull requests`, {
          hint: 'a folder can stand for it: NAME=FOLDER',
        }),
      );
    const remembered = recall(state, source.sha256!, repository.name);
    return remembered
      ? good({ ...remembered.value, url }, remembered.diagnostics)
      : found(url, await fetchArchive(source, url, state));
  }
  const commit = override
    ? 'request' in override
      ? await resolveRequest(url, override.request, reporter)
      : await resolveRef(url, override.ref, reporter)
    : pinned
      ? good(pinned)
      : await resolveRef(url, source.version, reporter);
  if (!commit.ok) return commit;
  const remembered = recall(state, commit.value, repository.name);
  if (remembered) return good({ ...remembered.value, url }, remembered.diagnostics);
  const snapshots = await fetchCommits(url, [commit.value], state, 'trees', reporter);
  return found(url, snapshots.ok ? good(snapshots.value[0]!) : snapshots);
}

/**
 * Commit and tree of released packages of one repository, by their tags or by commits that are known already; its files
 * with `all`. Each may fail by itself. No snapshot where the manifests at that commit are remembered.
 */
export async function pinReleased(
  workspace: Pick<Workspace, 'state'>,
  sources: readonly PackageSource[],
  what: 'all' | 'trees',
  reporter: Reporter = {},
): Promise<Result<{ source: PackageSource; snapshot?: Snapshot }>[]> {
  if (!sources.length) return [];
  const { url } = sources[0]!;
  const unknown = sources.filter((s) => !s.commit);
  const resolved = unknown.length
    ? await resolveRefs(
        url,
        unknown.map((s) => s.ref),
        reporter,
      )
    : good([]);
  if (!resolved.ok) return sources.map(() => resolved);
  const commits = sources.map((s): Result<string> => (s.commit ? good(s.commit) : resolved.value[unknown.indexOf(s)]!));
  const lacking = commits.flatMap((c) =>
    c.ok && (what === 'all' || !remembers(workspace.state, c.value)) ? [c.value] : [],
  );
  const snapshots = lacking.length ? await fetchCommits(url, lacking, workspace.state, what, reporter) : good([]);
  if (!snapshots.ok) return sources.map(() => snapshots);
  return commits.map((commit, i) => {
    if (!commit.ok) return commit;
    const snapshot = snapshots.value.find((s) => s.commit === commit.value);
    return good({
      source: { ...sources[i]!, commit: commit.value, ...(snapshot ? { tree: snapshot.tree } : {}) },
      ...(snapshot ? { snapshot } : {}),
    });
  });
}

/** Where everything that was read stands now, in a stable order. */
export const makeLock = (
  stamp: string,
  distributions: readonly DistributionInput[],
  platforms: Lockfile['platforms'],
  versions?: Lockfile['versions'],
): Lockfile => {
  const lock: Lockfile = { schema: 'slipway-lock-1', stamp, distributions: {}, platforms, versions };
  for (const d of distributions) {
    const repositories: Lockfile['distributions'][string] = (lock.distributions[d.name] = {});
    for (const p of [...d.packages.values()].sort((a, b) => compare(a.name, b.name))) {
      const { url, commit, tree, path } = p.source;
      const r = (repositories[p.repository] ??= {
        url,
        packages: {},
        ...(p.released === undefined ? (commit === undefined ? {} : { commit }) : { release: p.released }),
      });
      r.packages[p.name] = {
        version: p.manifest.version,
        path,
        ...(p.released !== undefined && commit !== undefined ? { commit } : {}),
        ...(tree === undefined ? {} : { tree }),
      };
    }
  }
  return lock;
};

/** Finds the commits of released packages of which only the tags are known: one question to each repository. */
export async function pinCommits(
  distributions: readonly DistributionInput[],
  reporter: Reporter,
): Promise<Diagnostic[]> {
  const byUrl = new Map<string, SourcePackage[]>();
  for (const d of distributions) {
    for (const p of d.packages.values()) {
      if (p.source.commit !== undefined || p.source.ref === undefined) continue;
      const list = byUrl.get(p.source.url);
      if (list) list.push(p);
      else byUrl.set(p.source.url, [p]);
    }
  }
  const diagnostics: Diagnostic[] = [];
  await parallel([...byUrl], fetchWidth, async ([url, packages]) => {
    reporter.reading?.(url);
    const refs = await resolveRefs(
      url,
      packages.map((p) => p.source.ref),
      reporter,
    );
    if (!refs.ok) diagnostics.push(...refs.diagnostics);
    else {
      refs.value.forEach((r, i) => {
        if (r.ok) packages[i]!.source = { ...packages[i]!.source, commit: r.value };
        else diagnostics.push(...r.diagnostics);
      });
    }
  });
  return diagnostics;
}
