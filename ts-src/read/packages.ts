import { entry } from '../model/maps.ts';
import { at } from '../model/lists.ts';
import { join } from 'node:path';
import { type Result, Faults } from '../model/diagnostics.ts';
import type { Manifest } from '../model/manifest.ts';
import { readJson, writeWhole } from '../io/files.ts';
import { listTree, readFiles, tooLarge, type Reporter, type Snapshot } from './git/git.ts';
import { nameDespiteErrors, parseManifest } from './manifest/manifest.ts';
import { backendOf } from './pyproject.ts';

/** The cached content of a repository at a commit, so that planning again reads nothing of it. */
interface RepositoryText {
  schema: 2;
  commit: string;
  tree: string;
  /** `pyproject`: text of pyproject.toml, for a package without setup.py. */
  packages: { path: string; tree: string; xml: string; pyproject?: string }[];
}
export interface RepositoryPackages {
  commit: string;
  packages: { path: string; tree: string; file: string; manifest: Manifest; buildBackend?: string }[];
  /** Packages whose manifest has errors. */
  broken: string[];
}

/** Marker files that hide the packages of a folder. */
export const ignoreMarkers: ReadonlySet<string> = new Set(['CATKIN_IGNORE', 'AMENT_IGNORE', 'COLCON_IGNORE']);

/** Maximum number of packages in a repository. */
const mostPackages = 10_000;

const memory = (state: string, commit: string): string => join(state, 'manifests', `${commit}.json`);

function textOf(state: string, commit: string): RepositoryText | undefined {
  const remembered = readJson<RepositoryText>(memory(state, commit));
  return remembered?.schema === 2 && Array.isArray(remembered.packages) ? remembered : undefined;
}

export const remembers = (state: string, commit: string): boolean => textOf(state, commit) !== undefined;

/** The packages of a repository at a commit that was read before. */
export function recall(
  state: string,
  commit: string,
  name: string,
): (Result<RepositoryPackages> & { ok: true }) | undefined {
  const remembered = textOf(state, commit);
  return remembered && parsePackages(name, remembered);
}

/** Finds and reads the packages of a repository, and caches them by commit. */
export async function readPackages(
  state: string,
  name: string,
  snapshot: Snapshot,
  url: string,
  reporter: Reporter,
): Promise<Result<RepositoryPackages>> {
  const listed = await listTree({ ...snapshot, where: url });
  if (!listed.ok) return listed;
  const trees = new Map<string, string>([['', snapshot.tree]]);
  const found: { path: string; blob: string }[] = [];
  const pyprojects = new Map<string, string>();
  const setups = new Set<string>();
  const ignored = new Set<string>();
  for (const { type, object, path } of listed.value) {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    const base = path.slice(folder ? folder.length + 1 : 0);
    if (type === 'tree') trees.set(path, object);
    else if (base === 'package.xml') found.push({ path: folder, blob: object });
    else if (base === 'pyproject.toml') pyprojects.set(folder, object);
    else if (base === 'setup.py') setups.add(folder);
    else if (ignoreMarkers.has(base)) ignored.add(folder);
  }
  const above = (path: string): string[] => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'));
  const roots = new Set(found.map((f) => f.path));
  const kept = found.filter(({ path }) => {
    const parents = path === '' ? [] : above(path);
    return (
      !ignored.has(path) &&
      !parents.some((p) => ignored.has(p) || roots.has(p)) &&
      !path.split('/').some((part) => part.startsWith('.'))
    );
  });
  if (kept.length > mostPackages) return tooLarge(url, `${mostPackages} packages`);
  const python = kept.flatMap(({ path }) => {
    const blob = setups.has(path) ? undefined : pyprojects.get(path);
    return blob === undefined ? [] : [{ path, blob }];
  });
  const blobs = await readFiles(
    snapshot,
    url,
    [...kept, ...python].map((k) => k.blob),
    reporter,
  );
  if (!blobs.ok) return blobs;
  const pyprojectOf = new Map(python.map((k, i) => [k.path, at(blobs.value, kept.length + i)]));
  const text: RepositoryText = {
    schema: 2,
    commit: snapshot.commit,
    tree: snapshot.tree,
    packages: kept.map((k, i) => {
      const pyproject = pyprojectOf.get(k.path);
      const text = { path: k.path, tree: entry(trees, k.path), xml: at(blobs.value, i) };
      return pyproject === undefined ? text : { ...text, pyproject };
    }),
  };
  writeWhole(memory(state, snapshot.commit), JSON.stringify(text));
  return parsePackages(name, text);
}

function parsePackages(repository: string, text: RepositoryText): Result<RepositoryPackages> & { ok: true } {
  const faults = new Faults(`the repository '${repository}'`);
  const packages: RepositoryPackages['packages'] = [];
  const broken: string[] = [];
  for (const { path, tree, xml, pyproject } of text.packages) {
    const file = `${repository}/${path ? `${path}/` : ''}package.xml`;
    const read = parseManifest(xml, file);
    faults.add(read.diagnostics);
    if (read.ok) packages.push({ path, tree, file, manifest: read.value, ...backendOf(pyproject) });
    else broken.push(nameDespiteErrors(xml, path || repository));
  }
  return { ok: true, value: { commit: text.commit, packages, broken }, diagnostics: faults.all() };
}
