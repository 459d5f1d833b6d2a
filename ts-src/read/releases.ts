import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
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

/** How many repositories are read at once. */
export const fetchWidth = 8;

/** A package that a repository releases, with its manifest. */
export interface Released {
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

/** The released packages of a distribution that has a cache: no repository is asked. */
export function cachedPackages(workspace: Workspace, repositories: readonly Repository[], cache: Cache): Released[] {
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

async function releasedPackage(
  workspace: Workspace,
  repository: Repository,
  { packageName, source }: { packageName: string; source: PackageSource },
  pin: Result<{ source: PackageSource; snapshot?: Snapshot }>,
  reporter: Reporter,
): Promise<Released> {
  const { file, line } = repository;
  const released = { repository, packageName, file: `${repository.name}:${packageName}/package.xml`, source };
  const at = <T>(d: T): T => ({ file, line, ...d });
  const failed = (diagnostics: readonly Diagnostic[]): Released => ({
    ...released,
    manifest: { ok: false, diagnostics: diagnostics.map(at) },
  });
  if (!pin.ok) return failed(pin.diagnostics);
  const { commit } = pin.value.source;
  const remembered = commit === undefined ? undefined : recall(workspace.state, commit, packageName);
  const found =
    remembered ?? (await readPackages(workspace.state, packageName, pin.value.snapshot!, source.url, reporter));
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

/**
 * Without a cache: one question to each release repository for all its tags, and of the tagged trees the manifests
 * alone.
 */
export async function releasedPackages(
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
      const sources = packages.map(({ packageName, source }) => {
        const commit = ownIn(ownIn(locked, repository.name)?.packages, packageName)?.commit;
        return commit ? { ...source, commit } : source;
      });
      const pinned = await pinReleased(workspace, sources, 'trees', reporter);
      return Promise.all(packages.map((p, i) => releasedPackage(workspace, repository, p, pinned[i]!, reporter)));
    },
  );
  return read.flat();
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
