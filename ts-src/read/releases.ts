import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { append, at } from '../model/lists.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { Manifest } from '../model/manifest.ts';
import type { DistributionInput, PackageSource, SourcePackage } from '../model/plan.ts';
import type { Repository } from '../model/rosdistro.ts';
import { ownIn } from '../model/maps.ts';
import { parallel } from '../io/process.ts';
import { absoluteUrl, fetchCommits, resolveRefs, type Reporter, type Snapshot } from './git/git.ts';
import { readPackages, recall, remembers } from './packages.ts';
import type { Cache } from './rosdistro-cache.ts';
import type { Workspace } from './workspace.ts';

/** Number of repositories that are read in parallel. */
export const fetchWidth = 8;

/** A released package with its manifest. */
export interface Released {
  repository: Repository;
  packageName: string;
  version: string;
  file: string;
  source: PackageSource;
  manifest: Result<Manifest>;
  buildBackend?: string;
}

/** The packages of each repository's release, with the places of their sources. */
function releasesOf(
  workspace: Workspace,
  repositories: readonly Repository[],
): { repository: Repository; version: string; packages: { packageName: string; source: PackageSource }[] }[] {
  return repositories.flatMap((repository) => {
    const { release } = repository;
    if (!release?.version) return [];
    const url = absoluteUrl(release.url, workspace.urlBase);
    const tag = (release.tag ?? 'release/{package}/{version}').replaceAll('{version}', release.version);
    return [
      {
        repository,
        version: release.version,
        packages: release.packages.map((packageName) => ({
          packageName,
          source: { url, path: '', ref: tag.replaceAll('{package}', packageName) },
        })),
      },
    ];
  });
}

/** The released packages of a distribution with a cache, without contacting any repository. */
export function cachedPackages(workspace: Workspace, repositories: readonly Repository[], cache: Cache): Released[] {
  const read: Released[] = [];
  for (const { repository, version, packages } of releasesOf(workspace, repositories)) {
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
      read.push({ repository, packageName, version, file: `${cache.file}:${packageName}`, source, manifest });
    }
  }
  return read;
}

async function releasedPackage(
  workspace: Workspace,
  repository: Repository,
  { packageName, version, source }: Pick<Released, 'packageName' | 'version' | 'source'>,
  pin: Result<{ source: PackageSource; snapshot?: Snapshot }>,
  reporter: Reporter,
): Promise<Released> {
  const { file, line } = repository;
  const released = { repository, packageName, version, file: `${repository.name}:${packageName}/package.xml`, source };
  const placed = <T>(d: T): T => ({ file, line, ...d });
  const failed = (diagnostics: readonly Diagnostic[]): Released => ({
    ...released,
    manifest: { ok: false, diagnostics: diagnostics.map(placed) },
  });
  if (!pin.ok) return failed(pin.diagnostics);
  const { commit } = pin.value.source;
  const remembered = commit === undefined ? undefined : recall(workspace.state, commit, packageName);
  const read = (snapshot: Snapshot | undefined) => {
    if (!snapshot) throw new Error(`${packageName} was not fetched, and its manifest is not remembered`);
    return readPackages(workspace.state, packageName, snapshot, source.url, reporter);
  };
  const found = remembered ?? (await read(pin.value.snapshot));
  if (!found.ok) return failed(found.diagnostics);
  const one = found.value.packages[0];
  return {
    ...released,
    source: { ...pin.value.source, ...(one ? { tree: one.tree } : {}) },
    ...(one?.buildBackend === undefined ? {} : { buildBackend: one.buildBackend }),
    manifest: one
      ? good(one.manifest, found.diagnostics)
      : bad(error('package-name', `the release of '${packageName}' has no package.xml at its root`, { file, line })),
  };
}

/** Without a cache: one request per release repository for all tags, and only the manifests of the tagged trees. */
export async function releasedPackages(
  workspace: Workspace,
  repositories: readonly Repository[],
  locked: Lockfile['distributions'][string] | undefined,
  reporter: Reporter,
): Promise<Released[]> {
  const read = await parallel(
    releasesOf(workspace, repositories),
    fetchWidth,
    async ({ repository, version, packages }): Promise<Released[]> => {
      reporter.reading?.(repository.name);
      const sources = packages.map(({ packageName, source }) => {
        const commit = ownIn(ownIn(locked, repository.name)?.packages, packageName)?.commit;
        return commit ? { ...source, commit } : source;
      });
      const pinned = await pinReleased(workspace, sources, 'trees', reporter);
      return Promise.all(
        packages.map((p, i) => releasedPackage(workspace, repository, { ...p, version }, at(pinned, i), reporter)),
      );
    },
  );
  return read.flat();
}

/**
 * Commits and trees of a repository's released packages, by tags or known commits; with `all`, their files, too. Each
 * may fail separately. Without a snapshot if the manifests at that commit are cached.
 */
export async function pinReleased(
  workspace: Pick<Workspace, 'state'>,
  sources: readonly PackageSource[],
  what: 'all' | 'trees',
  reporter: Reporter = {},
): Promise<Result<{ source: PackageSource; snapshot?: Snapshot }>[]> {
  const [source] = sources;
  if (!source) return [];
  const { url } = source;
  const unknown = sources.filter((s) => !s.commit);
  const resolved = unknown.length
    ? await resolveRefs(
        url,
        unknown.map((s) => s.ref),
        reporter,
      )
    : good([]);
  if (!resolved.ok) return sources.map(() => resolved);
  const commits = sources.map((s): Result<string> =>
    s.commit ? good(s.commit) : at(resolved.value, unknown.indexOf(s)),
  );
  const lacking = commits.flatMap((c) =>
    c.ok && (what === 'all' || !remembers(workspace.state, c.value)) ? [c.value] : [],
  );
  const snapshots = lacking.length ? await fetchCommits(url, lacking, workspace.state, what, reporter) : good([]);
  if (!snapshots.ok) return sources.map(() => snapshots);
  return sources.map((source, i) => {
    const commit = at(commits, i);
    if (!commit.ok) return commit;
    const snapshot = snapshots.value.find((s) => s.commit === commit.value);
    return good({
      source: { ...source, commit: commit.value, ...(snapshot ? { tree: snapshot.tree } : {}) },
      ...(snapshot ? { snapshot } : {}),
    });
  });
}

/** Finds the commits of released packages by their tags, with one request per repository. */
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
    if (!refs.ok) append(diagnostics, refs.diagnostics);
    else {
      packages.forEach((p, i) => {
        const r = at(refs.value, i);
        if (r.ok) p.source = { ...p.source, commit: r.value };
        else append(diagnostics, r.diagnostics);
      });
    }
  });
  return diagnostics;
}
