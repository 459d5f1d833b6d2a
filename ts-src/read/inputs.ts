import { dirname, join, relative } from 'node:path';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bad, error, good, isError, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distribution, Distro } from '../model/distro.ts';
import type { Lock } from '../model/lock.ts';
import type { DistributionInput, PackageSource, SourcePackage } from '../model/plan.ts';
import type { ReleaseEntry, Repository } from '../model/rosdistro.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { readIf, readJson, writeWhole } from '../io/files.ts';
import { parallel, run } from '../io/process.ts';
import { parseDistro } from './distro.ts';
import { absoluteUrl, download, fetchArchive, fetchCommit, git, resolveRef, type Snapshot } from './git.ts';
import { parseManifest } from './manifest.ts';
import { parseCache, parseDistributionFile, parseIndex, parseRepos } from './rosdistro.ts';
import { layerRosdep } from './rosdep.ts';

/** A distro repository on disk and where its state is kept. */
export interface Workspace { root: string; file: string; state: string; distro: Distro }

const fetchWidth = 8;

export function readWorkspace(file: string, state: string | undefined): Result<Workspace> {
  const text = readIf(file);
  if (text === undefined) return bad(error('distro-missing', 'there is no such file', { file, hint: 'run slipway in a distro repository, name its file with --distro, or make one with `slipway init`' }));
  const parsed = parseDistro(text, file);
  if (!parsed.ok) return parsed;
  const root = dirname(file);
  return good({ root, file, state: state ?? join(root, '.slipway'), distro: parsed.value });
}

/** rosdep's rules, of all keys or of the wanted ones. */
export function readRosdep(workspace: Workspace, wanted?: ReadonlySet<string>): Result<RosdepDatabase> {
  const diagnostics: Diagnostic[] = [];
  const files = workspace.distro.rosdep.flatMap((file) => {
    const text = readIf(join(workspace.root, file));
    if (text === undefined) diagnostics.push(error('file-missing', `'rosdep' names ${file}, which is not there`, { file: workspace.file }));
    return text === undefined ? [] : [{ file, text }];
  });
  const layered = layerRosdep(files, wanted);
  if (diagnostics.length) return bad(...diagnostics, ...layered.diagnostics);
  return layered;
}

/** Every name that a package of these distributions depends on, whatever its conditions. */
export function neededNames(distributions: readonly DistributionInput[]): Set<string> {
  const names = new Set<string>();
  for (const d of distributions) for (const p of d.packages.values()) for (const dependency of p.manifest.dependencies) names.add(dependency.name);
  return names;
}

interface Entries { repositories: Repository[]; rosVersion: 1 | 2; pythonVersion: 2 | 3; manifests?: Record<string, string>; cacheFile?: string }

/** The repositories of a distribution: index, distribution files (later ones win, as rosdistro merges them), .repos files, cache. */
export async function readEntries(workspace: Workspace, name: string): Promise<Result<Entries>> {
  const { distro, root } = workspace;
  const settings = distro.distributions[name]!;
  const diagnostics: Diagnostic[] = [];
  const repositories = new Map<string, Repository>();
  const merge = (read: Result<{ repositories: Repository[] }>) => {
    diagnostics.push(...read.diagnostics);
    if (read.ok) for (const r of read.value.repositories) repositories.set(r.name, r);
  };
  const text = (file: string, from: string): string | undefined => {
    const t = readIf(join(root, file));
    if (t === undefined) diagnostics.push(error('file-missing', `${file} is not there`, { file: from, hint: 'paths are relative to the file that names them' }));
    return t;
  };
  let rosVersion = settings.ros_version;
  let pythonVersion = settings.python_version;
  let cache: { manifests: Record<string, string>; file: string } | undefined;
  if (distro.index) {
    const indexText = text(distro.index, workspace.file);
    const index = indexText === undefined ? undefined : parseIndex(indexText, distro.index, name);
    if (index && !index.ok) diagnostics.push(...index.diagnostics);
    if (index?.ok) {
      rosVersion ??= index.value.rosVersion;
      pythonVersion ??= index.value.pythonVersion;
      if (settings.sources === 'release') {
        const read = await readCache(workspace, settings, index.value.cache);
        diagnostics.push(...read.diagnostics);
        if (read.ok && read.value) {
          cache = { manifests: read.value.manifests, file: read.value.file };
          // One consistent snapshot: the distribution files that the cache was made from.
          for (const value of read.value.distributionFiles) merge(parseDistributionFile('', read.value.file, value));
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
    merge(read.ok ? good({ repositories: read.value }) : read);
  }
  if (rosVersion === undefined && !diagnostics.some(isError)) diagnostics.push(error('distro-ros-version', `distributions.${name}.ros_version is missing`, { file: workspace.file, hint: 'the index has no distribution_type for it: say ros_version: 1 or 2' }));
  if (diagnostics.some(isError)) return { ok: false, diagnostics };
  return good({ repositories: [...repositories.values()], rosVersion: rosVersion!, pythonVersion: pythonVersion ?? 3, ...(cache ? { manifests: cache.manifests, cacheFile: cache.file } : {}) }, diagnostics);
}

async function readCache(workspace: Workspace, settings: Distribution, url: string | undefined): Promise<Result<{ manifests: Record<string, string>; distributionFiles: unknown[]; file: string } | undefined>> {
  let file = settings.cache && join(workspace.root, settings.cache);
  if (!file && url) {
    if (/^https?:\/\//.test(url)) {
      file = join(workspace.state, 'caches', url.replace(/[^A-Za-z0-9.-]+/g, '_'));
      if (readIf(file) === undefined) {
        writeWhole(file, '');
        const got = await download(url, file);
        if (!got.ok) return got;
      }
    } else file = join(workspace.root, dirname(workspace.distro.index!), url.replace(/^file:\/\//, ''));
  }
  if (!file) return good(undefined);
  const shown = relative(workspace.root, file);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return settings.cache ? bad(error('file-missing', `${settings.cache} is not there`, { file: workspace.file })) : good(undefined);
  }
  let text: string;
  try {
    text = (file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: 512 << 20 }) : bytes).toString('utf8');
  } catch (e) {
    return bad(error('cache-invalid', `can't unpack it: ${(e as Error).message}`, { file: shown }));
  }
  const parsed = parseCache(text, shown);
  return parsed.ok ? good({ ...parsed.value, file: shown }, parsed.diagnostics) : parsed;
}

/** Reads every package of a distribution: from its cache, or from its repositories at their heads or at the lock's commits. */
export async function readDistribution(workspace: Workspace, name: string, lock: Lock | undefined, progress: (text: string) => void): Promise<Result<DistributionInput>> {
  const entries = await readEntries(workspace, name);
  if (!entries.ok) return entries;
  const { repositories, rosVersion, pythonVersion, manifests, cacheFile } = entries.value;
  const settings = workspace.distro.distributions[name]!;
  const diagnostics: Diagnostic[] = [...entries.diagnostics];
  const packages = new Map<string, SourcePackage>();
  const add = (p: SourcePackage, repository: Repository) => {
    const other = packages.get(p.name);
    if (!other) packages.set(p.name, p);
    else diagnostics.push(error('package-twice', `the package '${p.name}' is in '${other.repository}' (${other.file}) and in '${repository.name}' (${p.file})`, { file: repository.file, line: repository.line, hint: 'leave it in one of them, or mark one with COLCON_IGNORE' }));
  };
  if (settings.sources === 'release') {
    const released = repositories.flatMap((repository) => (repository.release?.version ? repository.release.packages.map((packageName) => ({ repository, release: repository.release!, packageName })) : []));
    const sourceOf = (release: ReleaseEntry, packageName: string): PackageSource => ({ url: absoluteUrl(release.url, workspace.root), path: '', ref: (release.tag ?? 'release/{package}/{version}').replaceAll('{package}', packageName).replaceAll('{version}', release.version!) });
    const read = manifests ? released.flatMap(({ repository, release, packageName }) => {
      const text = Object.hasOwn(manifests, packageName) ? manifests[packageName] : undefined;
      const file = `${cacheFile}:${packageName}`;
      return typeof text === 'string' ? [{ repository, packageName, file, source: sourceOf(release, packageName), manifest: parseManifest(text, file) }] : [];
    }) : await parallel(released, fetchWidth, async ({ repository, release, packageName }) => {
      const source = sourceOf(release, packageName);
      progress(`reading ${packageName}`);
      const pinned = await pinReleased(workspace, source);
      const file = `${repository.name}:${packageName}/package.xml`;
      const found = pinned.ok ? await readPackages(workspace, packageName, pinned.value.snapshot) : pinned;
      if (!found.ok) return { repository, packageName, file, source, manifest: { ok: false as const, diagnostics: found.diagnostics.map((d) => ({ file: repository.file, ...d })) } };
      const one = found.value.packages[0];
      return { repository, packageName, file, source: pinned.ok ? pinned.value.source : source, manifest: one ? good(one.manifest, found.diagnostics) : bad(error('package-name', `the release of '${packageName}' has no package.xml at its root`, { file: repository.file, line: repository.line })) };
    });
    for (const r of read) {
      for (const d of r.manifest.diagnostics) diagnostics.push(d);
      if (!r.manifest.ok) continue;
      const manifest = r.manifest.value;
      if (manifest.name !== r.packageName) diagnostics.push(error('package-name', `the manifest of '${r.packageName}' says it is '${manifest.name}'`, { file: r.repository.file, line: r.repository.line, hint: 'the entry and package.xml must agree' }));
      add({ name: manifest.name, repository: r.repository.name, manifest, file: r.file, source: r.source, released: r.repository.release!.version! }, r.repository);
    }
  } else {
    const wanted = repositories.filter((r) => r.source).sort((a, b) => (a.name < b.name ? -1 : 1));
    const locked = lock?.distributions[name];
    if (lock && !locked) return bad(error('lock-distribution', `the lock has no distribution '${name}'`));
    const read = await parallel(wanted, fetchWidth, async (repository) => {
      const url = absoluteUrl(repository.source!.url, workspace.root);
      progress(`reading ${repository.name}`);
      const found = await readRepository(workspace, repository, url, locked?.[repository.name]?.commit, lock !== undefined);
      const at = <T>(d: T): T => ({ file: repository.file, line: repository.line, ...d });
      return { repository, url, found: found.ok ? found : { ...found, diagnostics: found.diagnostics.map(at) } };
    });
    for (const { repository, url, found } of read) {
      diagnostics.push(...found.diagnostics);
      if (!found.ok) continue;
      for (const p of found.value.packages) add({ name: p.manifest.name, repository: repository.name, manifest: p.manifest, file: p.file, source: { url, commit: found.value.commit, tree: p.tree, path: p.path } }, repository);
    }
  }
  return diagnostics.some((d) => isError(d) && d.code === 'lock-repository') ? { ok: false, diagnostics } : good({ name, rosVersion, pythonVersion, packages }, diagnostics);
}

async function readRepository(workspace: Workspace, repository: Repository, url: string, pinned: string | undefined, locked: boolean): Promise<Result<RepositoryPackages>> {
  const source = repository.source!;
  if (locked && !pinned) return bad(error('lock-repository', `the lock has no repository '${repository.name}'`, { hint: 'make the lock anew with `slipway lock`' }));
  if (source.type === 'hg' || source.type === 'svn') return bad(error('source-type', `'${repository.name}' is a ${source.type} repository, which Slipway does not read`, { hint: 'git, tar and zip are read: mirror it into git' }));
  if (source.type === 'tar' || source.type === 'zip') {
    const snapshot = await fetchArchive(source, url, workspace.state);
    return snapshot.ok ? readPackages(workspace, repository.name, snapshot.value) : snapshot;
  }
  const commit = pinned ? good(pinned) : await resolveRef(url, source.version);
  if (!commit.ok) return commit;
  const remembered = readJson<RepositoryText>(memory(workspace, commit.value));
  if (remembered?.schema === 1) return parsePackages(repository.name, remembered);
  const snapshot = await fetchCommit(url, commit.value, workspace.state);
  return snapshot.ok ? readPackages(workspace, repository.name, snapshot.value) : snapshot;
}

/** The commit and tree of a released package's tag. */
export async function pinReleased(workspace: Pick<Workspace, 'state'>, source: PackageSource): Promise<Result<{ source: PackageSource; snapshot: Snapshot }>> {
  const commit = await resolveRef(source.url, source.ref);
  if (!commit.ok) return commit;
  const snapshot = await fetchCommit(source.url, commit.value, workspace.state);
  return snapshot.ok ? good({ source: { ...source, commit: commit.value, tree: snapshot.value.tree }, snapshot: snapshot.value }) : snapshot;
}

/** What is kept of a repository at a commit, so that planning again reads nothing of it. */
interface RepositoryText { schema: 1; commit: string; tree: string; packages: { path: string; tree: string; xml: string }[] }
interface RepositoryPackages { commit: string; packages: { path: string; tree: string; file: string; manifest: SourcePackage['manifest'] }[] }

const memory = (workspace: Workspace, commit: string): string => join(workspace.state, 'manifests', `${commit}.json`);

async function readPackages(workspace: Workspace, name: string, snapshot: Snapshot): Promise<Result<RepositoryPackages>> {
  const listed = await git(['ls-tree', '-r', '-t', '-z', '--full-tree', snapshot.tree], { gitDir: snapshot.gitDir });
  if (listed.code !== 0) return bad(error('source-store', `can't list ${name}: ${listed.stderr.trim()}`));
  const trees = new Map<string, string>([['', snapshot.tree]]);
  const found: { path: string; blob: string }[] = [];
  const ignored = new Set<string>();
  for (const line of listed.stdout.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const [, type, object] = line.slice(0, tab).split(' ') as [string, string, string];
    const path = line.slice(tab + 1);
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    const base = path.slice(folder ? folder.length + 1 : 0);
    if (type === 'tree') trees.set(path, object);
    else if (base === 'package.xml') found.push({ path: folder, blob: object });
    else if (base === 'CATKIN_IGNORE' || base === 'AMENT_IGNORE' || base === 'COLCON_IGNORE') ignored.add(folder);
  }
  const above = (path: string): string[] => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'));
  const roots = new Set(found.map((f) => f.path));
  const kept = found.filter(({ path }) => {
    const parents = path === '' ? [] : above(path);
    return !ignored.has(path) && !parents.some((p) => ignored.has(p) || roots.has(p)) && !path.split('/').some((part) => part.startsWith('.'));
  });
  const blobs = await readBlobs(snapshot.gitDir, kept.map((k) => k.blob));
  const text: RepositoryText = { schema: 1, commit: snapshot.commit, tree: snapshot.tree, packages: kept.map((k, i) => ({ path: k.path, tree: trees.get(k.path)!, xml: blobs[i]! })) };
  writeWhole(memory(workspace, snapshot.commit), JSON.stringify(text));
  return parsePackages(name, text);
}

function parsePackages(repository: string, text: RepositoryText): Result<RepositoryPackages> {
  const diagnostics: Diagnostic[] = [];
  const packages: RepositoryPackages['packages'] = [];
  for (const { path, tree, xml } of text.packages) {
    const file = `${repository}/${path ? `${path}/` : ''}package.xml`;
    const read = parseManifest(xml, file);
    diagnostics.push(...read.diagnostics);
    if (read.ok) packages.push({ path, tree, file, manifest: read.value });
  }
  return good({ commit: text.commit, packages }, diagnostics);
}

async function readBlobs(gitDir: string, blobs: string[]): Promise<string[]> {
  if (!blobs.length) return [];
  const out = await run('git', ['--git-dir', gitDir, 'cat-file', '--batch'], { input: `${blobs.join('\n')}\n`, encoding: 'latin1' });
  const bytes = Buffer.from(out.stdout, 'latin1');
  const texts: string[] = [];
  let at = 0;
  for (let i = 0; i < blobs.length; i++) {
    const end = bytes.indexOf(10, at);
    const size = Number(bytes.subarray(at, end).toString().split(' ')[2]);
    texts.push(bytes.subarray(end + 1, end + 1 + size).toString('utf8'));
    at = end + 2 + size;
  }
  return texts;
}

/** Where everything that was read stands now, in a stable order. */
export const makeLock = (stamp: string, distributions: DistributionInput[]): Lock => {
  const lock: Lock = { schema: 'slipway-lock-1', stamp, distributions: {} };
  for (const d of distributions) {
    const repositories: Lock['distributions'][string] = (lock.distributions[d.name] = {});
    for (const p of [...d.packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const r = (repositories[p.repository] ??= { url: p.source.url, commit: p.source.commit ?? '', tree: '', packages: {} });
      r.packages[p.name] = { version: p.manifest.version, path: p.source.path, tree: p.source.tree ?? '' };
    }
  }
  return lock;
};
