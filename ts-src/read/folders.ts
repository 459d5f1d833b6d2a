import { afterLast, before } from '../text/cut.ts';
import { at, first } from '../model/lists.ts';
import { existsSync, readdirSync } from 'node:fs';
import { readStart } from '../io/untrusted.ts';
import { join } from 'node:path';
import { bad, error, good, isError, warning, type Diagnostic, type Result, Faults } from '../model/diagnostics.ts';
import type { PackageSource } from '../model/plan.ts';
import type { Manifest } from '../model/manifest.ts';
import { git, snapshotFolder } from './git/git.ts';
import { largestManifest, nameDespiteErrors, parseManifest } from './manifest/manifest.ts';
import { ignoreMarkers } from './packages.ts';
import { backendOf } from './pyproject.ts';
import { codeOf, messageOf } from '../io/faults.ts';
import { leadsOut } from '../io/links.ts';

/** A package in a local folder, found by colcon's rules: paths of its folder and of the repository around it. */
export interface FolderPackage {
  repository: string;
  path: string;
  file: string;
  manifest: Manifest;
  buildBackend?: string;
}

const maximumDepth = 100;

/**
 * Finds packages below a folder: no nested ones, none below an ignore marker or a hidden folder. The top-level folder
 * names the repository. Symlinks are not followed; those to packages are reported, with `confined` only those in the
 * root. Calls `lost` with the names of packages whose manifest has errors.
 */
export function readFolder(
  root: string,
  folder: string,
  { lost, confined }: { lost?: (name: string) => void; confined?: boolean } = {},
): Result<FolderPackage[]> {
  const faults = new Faults(`the folder ${folder}`);
  const packages: FolderPackage[] = [];
  const outside = (path: string) => (name: string) => confined === true && leadsOut(root, join(folder, path, name));
  const stack: { path: string; depth: number }[] = [{ path: '', depth: 0 }];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const { path, depth } = at;
    let entries;
    try {
      entries = readdirSync(join(root, folder, path), { withFileTypes: true });
    } catch (e) {
      if (depth === 0)
        return bad(
          codeOf(e) === 'ENOENT'
            ? error('file-missing', `there is no folder ${folder}`, { hint: 'folders are relative to distro.yaml' })
            : error('file-missing', `the folder ${folder} can't be read`, { hint: messageOf(e) }),
        );
      faults.add([
        warning('file-missing', `${join(folder, path)} can't be read: packages in it are not found`, {
          hint: messageOf(e),
        }),
      ]);
      continue;
    }
    if (entries.some((e) => ignoreMarkers.has(e.name))) continue;
    for (const e of entries)
      if (e.isSymbolicLink()) faults.add(linkTold(join(root, folder, path), join(folder, path), e.name, outside(path)));
      else if (e.name === 'package.xml' && !e.isFile()) faults.add([noManifest(join(folder, path, e.name))]);
    if (entries.some((e) => e.name === 'package.xml' && e.isFile())) {
      const file = join(folder, path, 'package.xml');
      const text = readStart(join(root, file), largestManifest + 1);
      const read = parseManifest(text, file);
      faults.add(read.diagnostics);
      const has = (name: string) => entries.some((e) => e.name === name && e.isFile());
      const python = has('pyproject.toml') && !has('setup.py');
      const backend = python ? backendOf(readStart(join(root, folder, path, 'pyproject.toml'), largestManifest)) : {};
      if (read.ok)
        packages.push({ repository: repositoryName(path, folder), path, file, manifest: read.value, ...backend });
      else lost?.(nameDespiteErrors(text, path || folder));
      continue;
    }
    if (depth < maximumDepth)
      for (const e of entries)
        if (e.isDirectory() && !e.name.startsWith('.'))
          stack.push({ path: path ? `${path}/${e.name}` : e.name, depth: depth + 1 });
  }
  const diagnostics = faults.all();
  return diagnostics.some(isError) && !packages.length
    ? { ok: false, diagnostics }
    : good(
        packages.sort((a, b) => (a.path < b.path ? -1 : 1)),
        diagnostics,
      );
}

const noManifest = (file: string): Diagnostic =>
  error('file-missing', `${file} is not a file: its package is not found`, {
    hint: 'replace it with a manifest, or remove it; to ignore the folder, put a file COLCON_IGNORE there',
  });

/**
 * Reports a symlink to a package or a manifest: a build uses only files in the folder itself. `outside`: whether a path
 * beside it counts as missing, because it leads to files of this machine.
 */
function linkTold(at: string, shown: string, name: string, outside: (path: string) => boolean): Diagnostic[] {
  const manifest = name === 'package.xml' ? name : join(name, 'package.xml');
  if (outside(manifest) || !existsSync(join(at, manifest))) {
    return name === manifest ? [noManifest(join(shown, name))] : [];
  }
  return [
    warning('folder-link', `${join(shown, name)} is a symbolic link: the package it points to is not found`, {
      hint: "add the target of the link to 'folders' in distro.yaml, or replace the link with a copy",
    }),
  ];
}

const repositoryName = (path: string, folder: string): string =>
  (before(path, '/') || afterLast(folder, '/')).replace(/[^A-Za-z0-9._+-]/g, '_');

/** The trees of packages in a folder from its current files, without those that .gitignore excludes. */
export async function pinFolder(sources: readonly PackageSource[], state: string): Promise<Result<PackageSource[]>> {
  const folder = first(sources).url;
  const snapshot = await snapshotFolder(folder, state);
  if (!snapshot.ok) return snapshot;
  const asked = await git(['rev-parse', ...sources.map((s) => `${snapshot.value.tree}:${s.path}`)], {
    gitDir: snapshot.value.gitDir,
  });
  const trees = asked.stdout.trim().split('\n');
  if (asked.code !== 0 || trees.length !== sources.length)
    return bad(
      error(
        'source-folder',
        `packages of ${folder} are left out by its .gitignore: ${asked.stderr.trim().split('\n')[0]}`,
      ),
    );
  return good(sources.map((s, i) => ({ ...s, commit: snapshot.value.commit, tree: at(trees, i) })));
}
