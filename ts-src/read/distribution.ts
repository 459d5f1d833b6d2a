import { bad, compare, error, good, isError, warning, type Result } from '../model/diagnostics.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { DistributionInput } from '../model/plan.ts';
import { isArchive, whereOf, type Repository, type SourceEntry } from '../model/rosdistro.ts';
import { append, first } from '../model/lists.ts';
import { ownEntry, ownIn } from '../model/maps.ts';
import { parallel } from '../io/process.ts';
import { readEntries, type Entries } from './entries.ts';
import {
  absoluteUrl,
  fetchArchive,
  fetchCommits,
  resolveRef,
  snapshotFolder,
  type Reporter,
  type Snapshot,
} from './git/git.ts';
import { PackageCollection, type LockedRepositories } from './package-collection.ts';
import { resolveRequest, type Override, type Overrides } from './override.ts';
import { readPackages, recall, type RepositoryPackages } from './packages.ts';
import { cachedPackages, fetchWidth, releasedPackages, type Released } from './releases.ts';
import { warnOfUncommitted } from './uncommitted.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

/** The released packages of all repositories without an override. */
async function readReleased(
  workspace: Workspace,
  entries: Entries,
  locked: LockedRepositories | undefined,
  overrides: Overrides,
  reporter: Reporter,
): Promise<Released[]> {
  const rest = entries.repositories.filter((r) => !overrides.has(r.name));
  return entries.cache
    ? cachedPackages(workspace, rest, entries.cache)
    : releasedPackages(workspace, rest, locked, reporter);
}

/**
 * Reads every package of a distribution: from its cache, or from its repositories at their branch heads or at the
 * lockfile's commits.
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
  const locked = ownIn(lock?.distributions, name);
  if (lock && !locked) return bad(error('lock-distribution', `the lock has no distribution '${name}'`));
  const settings = ownEntry(workspace.distro.distributions, name);
  const released = settings.sources === 'release';
  const collection = new PackageCollection(name);
  const { diagnostics, packages } = collection;
  append(diagnostics, entries.diagnostics);
  if (released)
    collection.addReleases(await readReleased(workspace, entries.value, locked, overrides, reporter), locked);
  const developed = repositories
    .filter((r) => overrides.has(r.name) || (!released && r.source))
    .sort((a, b) => compare(a.name, b.name));
  const read = await parallel(developed, fetchWidth, async (repository) => {
    reporter.reading?.(repository.name);
    const found = await readRepository({
      workspace,
      repository,
      locked: lock !== undefined,
      pinned: ownIn(locked, repository.name)?.commit,
      override: overrides.get(repository.name),
      reporter,
    });
    const at = <T>(d: T): T => ({ file: repository.file, line: repository.line, ...d });
    if (!found.ok) return { repository, found: { ...found, diagnostics: found.diagnostics.map(at) } };
    const unseen = lock ? [] : await warnOfUncommitted(repository.name, found.value, workspace.state);
    return { repository, found: { ...found, diagnostics: [...found.diagnostics, ...unseen.map(at)] } };
  });
  for (const { repository, found } of read) {
    append(diagnostics, found.diagnostics);
    if (found.ok) collection.addRepository(found.value, repository);
  }
  const unread = read.flatMap(({ repository, found }) => (found.ok ? [] : [whereOf(repository)]));
  for (const folder of settings.folders) collection.addFolder(workspace, folder);
  if (!packages.size && !diagnostics.some(isError))
    diagnostics.push(
      warning('distribution-empty', `the distribution '${name}' has no packages`, {
        file: workspace.file,
        line: lineOf(workspace.file, ['distributions', name]),
        hint: 'add repositories to its distribution file, or name .repos files or folders',
      }),
    );
  return diagnostics.some((d) => isError(d) && d.code === 'lock-repository')
    ? { ok: false, diagnostics }
    : good(
        {
          name,
          rosVersion,
          pythonVersion,
          packages,
          repositories: repositories.map((r) => r.name),
          broken: collection.broken,
          unread,
        },
        diagnostics,
      );
}

interface RepositoryRequest {
  workspace: Workspace;
  repository: Repository;
  /** Whether commits come from a lockfile. */
  locked: boolean;
  /** The commit in the lockfile. */
  pinned: string | undefined;
  override: Override | undefined;
  reporter: Reporter;
}

async function readRepository(request: RepositoryRequest): Promise<Result<RepositoryPackages & { url: string }>> {
  const { workspace, repository, override, reporter } = request;
  const { state } = workspace;
  const found = async (url: string, snapshot: Result<Snapshot>) => {
    const read = snapshot.ok ? await readPackages(state, repository.name, snapshot.value, url, reporter) : snapshot;
    return read.ok ? good({ ...read.value, url }, read.diagnostics) : read;
  };
  if (override && 'folder' in override) return found(override.folder, await snapshotFolder(override.folder, state));
  const readable = readableSource(request);
  if (!readable.ok) return readable;
  const source = readable.value;
  const url = absoluteUrl(source.url, workspace.urlBase);
  const commit = isArchive(source) ? good(source.sha256) : await commitOf(request, url, source.version);
  if (!commit.ok) return commit;
  const remembered = recall(state, commit.value, repository.name);
  if (remembered) return good({ ...remembered.value, url }, remembered.diagnostics);
  if (isArchive(source)) return found(url, await fetchArchive(source, url, state));
  const snapshots = await fetchCommits(url, [commit.value], state, 'trees', reporter);
  return found(url, snapshots.ok ? good(first(snapshots.value)) : snapshots);
}

/** A repository's source entry, if it can be read. */
function readableSource({ repository, locked, pinned, override }: RepositoryRequest): Result<SourceEntry> {
  const { name, source } = repository;
  if (!source)
    return bad(
      error('override-invalid', `'${name}' has no source entry, so there is no branch or pull request to take`, {
        hint: 'use a folder instead: NAME=FOLDER',
      }),
    );
  if (locked && !pinned && !override)
    return bad(
      error('lock-repository', `the lock has no repository '${name}'`, {
        hint: 'make a new lockfile with `slipway lock`',
      }),
    );
  if (source.type === 'hg' || source.type === 'svn')
    return bad(
      error('source-type', `'${name}' is a ${source.type} repository, which Slipway does not read`, {
        hint: 'supported: git, tar and zip; mirror the repository to git',
      }),
    );
  if (override && source.type !== 'git')
    return bad(
      error('override-invalid', `'${name}' is an archive, which has no branches or pull requests`, {
        hint: 'use a folder instead: NAME=FOLDER',
      }),
    );
  return good(source);
}

/** The commit to read: from the override, the lockfile, or the branch's head. */
async function commitOf(
  { pinned, override, reporter }: RepositoryRequest,
  url: string,
  version: string | undefined,
): Promise<Result<string>> {
  if (override && 'request' in override) return resolveRequest(url, override.request, reporter);
  if (override && 'ref' in override) return resolveRef(url, override.ref, reporter);
  return pinned ? good(pinned) : resolveRef(url, version, reporter);
}

/** Names of all dependencies in these distributions, regardless of conditions. */
export function neededNames(distributions: readonly DistributionInput[]): Set<string> {
  const names = new Set<string>();
  for (const { packages } of distributions)
    for (const { manifest } of packages.values()) for (const { name } of manifest.dependencies) names.add(name);
  return names;
}
