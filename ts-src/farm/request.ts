import { join, normalize, relative, resolve } from 'node:path';
import { leadsOut } from '../io/links.ts';
import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { checkoutRef, git } from '../read/git/git.ts';
import { checkStore } from '../read/own-folder.ts';
import { readWorkspace, type Workspace } from '../read/workspace.ts';

/**
 * The distro repository of a pull request. Settings that control machines and secrets come from the target branch,
 * since anyone may open a pull request: platforms with their mirrors, underlays, keys and proxies; the store and its
 * mirror of archives; signing keys, channels, images and places of publication; submodules' use of credentials; limits
 * of packages and their tests.
 */
export async function requestWorkspace(
  workspace: Workspace,
  target: string,
): Promise<Result<Workspace & { trusted: Workspace }>> {
  const links = [...new Set([...(await linksOutside(workspace)), ...namedOutside(workspace)])];
  if (links.length)
    return bad(
      links.map((link) =>
        error('request-link', 'a link leads out of the distro repository, which is not allowed in a pull request', {
          file: link,
        }),
      ),
    );
  const at = await checkoutRef(workspace.root, target, workspace.state);
  if (!at.ok) return at;
  const root = join(at.value.folder, relative(at.value.top, workspace.root));
  const read = await readWorkspace(join(root, relative(workspace.root, resolve(workspace.file))), workspace.state);
  if (!read.ok)
    return bad(
      error('request-target', 'the target branch has no distro file that can be read', {
        file: workspace.file,
        hint: 'platforms, the store and keys of a pull request are those of its target branch',
      }),
      ...read.diagnostics,
    );
  const trusted = read.value.distro;
  const diagnostics: Diagnostic[] = [];
  const distributions: Workspace['distro']['distributions'] = {};
  for (const [name, distribution] of Object.entries(workspace.distro.distributions)) {
    const platforms = distribution.platforms.filter((p) => Object.hasOwn(trusted.platforms, p));
    for (const p of distribution.platforms)
      if (!platforms.includes(p))
        diagnostics.push(
          warning('request-platform', `the platform '${p}' is not on the target branch: '${name}' is not built on it`, {
            file: workspace.file,
            hint: 'it is built after the merge',
          }),
        );
    if (platforms.length) distributions[name] = { ...distribution, platforms };
  }
  for (const [name, platform] of Object.entries(workspace.distro.platforms))
    if (Object.hasOwn(trusted.platforms, name) && !same(platform, trusted.platforms[name]))
      diagnostics.push(
        warning('request-platform', `the platform '${name}' is built with the settings of the target branch`, {
          file: workspace.file,
          hint: 'the changes of this pull request take effect after the merge',
        }),
      );
  const committed = await checkStore(trusted.store, workspace.root);
  if (committed) return bad(committed);
  const distro = mergedDistro({ ...workspace.distro, distributions }, trusted);
  const from: Workspace = { ...read.value, root: resolve(root), urlBase: workspace.urlBase };
  return good({ ...workspace, distro, keyRoot: from.root, confined: true, trusted: from }, diagnostics);
}

/** Every key must be named, so that a new one is given to neither side unseen. */
type EachKey<T> = { [K in keyof Required<T>]: T[K] };

/** The settings of a pull request, with those of the target branch that it does not decide. */
function mergedDistro(own: Distro, trusted: Distro): Distro {
  const { organization, maintainer, index, distributions, variants, rosdep, naming, reuse } = own;
  const { platforms, store, state, signing_key, submodules, mirror, publish, tracks, channels, images } = trusted;
  const { skip, warnings, coverage, strict, platform } = own.docs;
  const docs: EachKey<Distro['docs']> = { skip, warnings, coverage, strict, platform, ...placesOf(trusted) };
  const { minutes, retries } = trusted.tests;
  const { skip: untested, stop_dependents } = own.tests;
  const tests: EachKey<Distro['tests']> = { skip: untested, stop_dependents, minutes, retries };
  const package_settings = withLimitsOf(own.package_settings, trusted.package_settings);
  const ofTarget = { platforms, store, state, signing_key, submodules, mirror, publish, tracks, channels, images };
  const ofRequest = { organization, maintainer, index, distributions, variants, rosdep, naming, reuse };
  const all: EachKey<Distro> = { ...ofRequest, ...ofTarget, docs, tests, package_settings };
  return all;
}

const placesOf = ({ docs }: Distro): Pick<Distro['docs'], 'to' | 'keep'> => ({ to: docs.to, keep: docs.keep });

type Settings = Distro['package_settings'];

/** Settings of packages with the target branch's limits, which protect the machines. */
function withLimitsOf(settings: Settings, trusted: Settings): Settings {
  const limitsOf = (name: string) => (Object.hasOwn(trusted, name) ? trusted[name]?.limits : undefined);
  const merged: Settings = {};
  for (const [name, own] of Object.entries(settings)) {
    const { limits: ignored, ...rest } = own;
    void ignored;
    const limits = limitsOf(name);
    merged[name] = limits ? { ...rest, limits } : rest;
  }
  for (const [name, { limits }] of Object.entries(trusted))
    if (limits && !Object.hasOwn(settings, name)) merged[name] = { ...noSettings, limits };
  return merged;
}

const noSettings = {
  cmake_args: [],
  environment: {},
  patches: [],
  fetch: [],
  build_depends: [],
  depends: [],
  external_libraries: [],
  system_files: [],
  declared_system_files: false,
  skip: false,
};

/**
 * Committed symlinks that lead out of the repository: files of this machine must not become part of a plan or a build.
 */
async function linksOutside({ root, distro }: Workspace): Promise<string[]> {
  const listed = await git(['ls-files', '--stage', '-z'], { cwd: root });
  const packages = Object.values(distro.distributions).flatMap((d) => d.folders);
  return listed.stdout.split('\0').flatMap((line) => {
    const path = line.slice(line.indexOf('\t') + 1);
    // Symlinks inside packages are safe: a build resolves them in its own root.
    if (!line.startsWith('120000 ') || packages.some((folder) => path.startsWith(`${folder}/`))) return [];
    return leadsOut(root, path) ? [path] : [];
  });
}

/** Files named by distro.yaml are read on this machine, so symlinks are refused even inside packages. */
function namedOutside({ root, distro }: Workspace): string[] {
  const texts = (value: unknown): string[] => {
    if (typeof value === 'string') return [value];
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
  };
  return texts(distro).filter((path) => !normalize(path).startsWith('..') && leadsOut(root, path));
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
