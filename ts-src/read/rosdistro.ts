import { isSourceUrl, redacted } from '../model/urls.ts';
import { bad, error, good, isError, nearest, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { DistributionFile, ReleaseEntry, Repository, SourceEntry } from '../model/rosdistro.ts';
import { Locator, asMap, own, parseYaml } from './yaml.ts';

export interface IndexEntry {
  files: string[];
  cache?: string;
  rosVersion: 1 | 2 | undefined;
  pythonVersion: 2 | 3;
}

/** rosdistro's index, version 3 and 4 (REP 153): what it says of one distribution. */
export function parseIndex(text: string, file: string, distribution: string): Result<IndexEntry> {
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  const locator = new Locator(text);
  if (!root) return bad(error('index-invalid', 'the index is not a map', { file, line: 1 }));
  if (root.type !== undefined && root.type !== 'index')
    return bad(
      error('index-invalid', `type is '${String(root.type)}', not 'index'`, { file, line: locator.line(['type']) }),
    );
  if (root.version !== 3 && root.version !== 4)
    return bad(
      error('index-version', `index version ${String(root.version)} is not known`, {
        file,
        line: locator.line(['version']),
        hint: 'versions 3 and 4 are (REP 153)',
      }),
    );
  const all = asMap(root.distributions) ?? {};
  const entry = asMap(own(all, distribution));
  if (!entry) {
    const near = nearest(distribution, Object.keys(all));
    return bad(
      error('index-distribution', `the distribution '${distribution}' is not in the index`, {
        file,
        line: locator.line(['distributions']),
        hint: near ? `did you mean '${near}'?` : `it has ${Object.keys(all).sort().join(', ') || 'none'}`,
      }),
    );
  }
  const named = Array.isArray(entry.distribution) ? entry.distribution : [entry.distribution];
  const files = named.filter((f): f is string => typeof f === 'string');
  if (files.length !== named.length || !files.length)
    return bad(
      error('index-invalid', `'distribution' of '${distribution}' must name distribution files`, {
        file,
        line: locator.line(['distributions', distribution]),
      }),
    );
  const type = entry.distribution_type;
  const result: IndexEntry = {
    files,
    rosVersion: type === 'ros1' ? 1 : type === 'ros2' ? 2 : undefined,
    pythonVersion: Number(entry.python_version) === 2 ? 2 : 3,
  };
  if (typeof entry.distribution_cache === 'string') result.cache = entry.distribution_cache;
  return good(result);
}

/** A repository whose line is looked up when it is asked for. */
class Located implements Repository {
  source?: SourceEntry;
  release?: ReleaseEntry;
  doc?: SourceEntry;
  constructor(
    readonly name: string,
    readonly file: string,
    private readonly locate: () => number | undefined,
  ) {}
  get line(): number | undefined {
    return this.locate();
  }
}

/** One distribution file (REP 143, version 1 and 2); `value` is given where it came with a cache. */
export function parseDistributionFile(
  text: string,
  file: string,
  value?: unknown,
): Result<Pick<DistributionFile, 'repositories' | 'releasePlatforms'>> {
  const parsed = value === undefined ? parseYaml(text, file) : good(value);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  const diagnostics: Diagnostic[] = [];
  const locator = new Locator(text);
  const line = (path: PropertyKey[]) => (value === undefined ? locator.line(path) : undefined);
  const fault = (message: string, path: PropertyKey[], hint?: string) =>
    void diagnostics.push(error('distribution-invalid', message, { file, line: line(path), hint }));
  if (!root) return bad(error('distribution-invalid', 'the distribution file is not a map', { file, line: 1 }));
  if (root.type !== undefined && root.type !== 'distribution')
    fault(`type is '${String(root.type)}', not 'distribution'`, ['type']);
  if (root.version !== undefined && root.version !== 1 && root.version !== 2)
    fault(`version ${String(root.version)} is not known`, ['version'], 'versions 1 and 2 are (REP 143)');
  const releasePlatforms: Record<string, string[]> = {};
  for (const [os, names] of Object.entries(asMap(root.release_platforms) ?? {}))
    releasePlatforms[os] = (Array.isArray(names) ? names : [names]).map(String);

  const repositories: Repository[] = [];
  const scalar = (path: PropertyKey[]) => (value === undefined ? locator.scalar(path) : undefined);
  const repositoryMap = root.repositories === undefined || root.repositories === null ? {} : asMap(root.repositories);
  if (!repositoryMap) fault('repositories must be a map', ['repositories']);
  // What is wrong from here on costs one repository.
  if (diagnostics.some(isError)) return { ok: false, diagnostics };
  for (const [name, raw] of Object.entries(repositoryMap ?? {})) {
    const path = ['repositories', name];
    const entry = asMap(raw);
    if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name)) {
      fault(
        `the repository name ${JSON.stringify(name)} is not allowed`,
        path,
        'letters, digits, ".", "_", "+" and "-"',
      );
      continue;
    }
    if (!entry) {
      fault(`the repository '${name}' must be a map`, path);
      continue;
    }
    const repository: Repository = new Located(name, file, () => line(path));
    const source = asMap(entry.source);
    if (entry.source !== undefined && !source) fault(`source of '${name}' must be a map`, [...path, 'source']);
    if (source) {
      const read = sourceEntry(
        source,
        (m, key, hint) =>
          fault(`source of '${name}': ${m}`, key ? [...path, 'source', key] : [...path, 'source'], hint),
        () => scalar([...path, 'source', 'version']),
      );
      if (read) repository.source = read;
    }
    const doc = asMap(entry.doc);
    if (doc && doc.type !== undefined && doc.url !== undefined) {
      const read = sourceEntry({ ...doc, sha256: undefined }, () => undefined);
      if (read) repository.doc = read;
    }
    const release = asMap(entry.release);
    if (entry.release !== undefined && !release) fault(`release of '${name}' must be a map`, [...path, 'release']);
    if (release) {
      const read = releaseEntry(
        release,
        name,
        (m, key) => fault(`release of '${name}': ${m}`, key ? [...path, 'release', key] : [...path, 'release']),
        () => scalar([...path, 'release', 'version']),
      );
      if (read) repository.release = read;
    }
    repositories.push(repository);
  }
  return good({ repositories, releasePlatforms }, diagnostics);
}

/** A .repos file of vcstool. */
export function parseRepos(text: string, file: string): Result<Repository[]> {
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const locator = new Locator(text);
  const top = asMap(parsed.value);
  const root = top && Object.hasOwn(top, 'repositories') && top.repositories === null ? {} : asMap(top?.repositories);
  if (!root)
    return bad(
      error('repos-invalid', "a .repos file must have a map 'repositories'", {
        file,
        line: 1,
        hint: Array.isArray(parsed.value)
          ? 'this is a list, as of .rosinstall: `vcs import` and `vcs export` write the map'
          : undefined,
      }),
    );
  const diagnostics: Diagnostic[] = [];
  for (const key of Object.keys(top ?? {}))
    if (key !== 'repositories')
      diagnostics.push(
        warning('repos-invalid', `'${key}' is not known and does nothing`, {
          file,
          line: locator.line([key]),
          hint: 'name each file in repos of distro.yaml',
        }),
      );
  const repositories: Repository[] = [];
  for (const [written, raw] of Object.entries(root)) {
    // vcstool takes it for a path.
    const path = written.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
    const fault = (message: string, key?: string, hint?: string) =>
      void diagnostics.push(
        error('repos-invalid', `'${path}': ${message}`, {
          file,
          line: locator.line(key ? ['repositories', written, key] : ['repositories', written]),
          hint,
        }),
      );
    const entry = asMap(raw);
    if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*(\/[A-Za-z0-9][A-Za-z0-9._+-]*)*$/.test(path))
      fault('the path is not allowed', undefined, 'letters, digits, ".", "_", "+", "-" and "/"');
    else if (!entry) fault('must be a map');
    else {
      const source = sourceEntry(entry, fault, () => locator.scalar(['repositories', written, 'version']));
      const repository: Repository = new Located(path, file, () => locator.line(['repositories', written]));
      if (source) {
        repository.source = source;
        repositories.push(repository);
      }
    }
  }
  return good(repositories, diagnostics);
}

const urlForms = 'https, http, ssh, git or file, user@host:path, or a path';

function sourceEntry(
  raw: Record<string, unknown>,
  fault: (message: string, key?: string, hint?: string) => void,
  versionText: () => string | undefined = () => undefined,
): SourceEntry | undefined {
  const { type = 'git', url, version } = raw;
  if (type !== 'git' && type !== 'tar' && type !== 'zip' && type !== 'hg' && type !== 'svn')
    return void fault(`type '${String(type)}' is not known`, 'type', 'git, tar and zip are');
  if (typeof url !== 'string' || url === '') return void fault('url is missing');
  if (!isSourceUrl(url, type === 'git'))
    return void fault(`the url ${JSON.stringify(redacted(url))} is not allowed`, 'url', urlForms);
  const entry: SourceEntry = { type, url };
  if (version !== undefined && version !== null && version !== '') {
    const v = textOf(version, versionText);
    if (!isRefName(v)) return void fault(`the version ${JSON.stringify(v)} is no branch, tag or commit`, 'version');
    entry.version = v;
  }
  const sha256 = raw.sha256;
  if (sha256 !== undefined) {
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
      return void fault('sha256 must be 64 hexadecimal digits', 'sha256');
    entry.sha256 = sha256;
  }
  if ((type === 'tar' || type === 'zip') && !entry.sha256)
    return void fault('an archive needs its checksum', undefined, 'add sha256: (of the file, in hex)');
  return entry;
}

/** A version as it is written: `1.0` and a date are texts, whatever YAML takes them for. */
const textOf = (version: unknown, written: () => string | undefined): string =>
  typeof version === 'string'
    ? version
    : (written() ?? (version instanceof Date ? version.toISOString().slice(0, 10) : String(version)));

/**
 * What git accepts as a name of a ref (git-check-ref-format), and nothing that a command line could take for an option.
 */
export function isRefName(v: string): boolean {
  return v.length < 250 && !/^[-/.]|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|[/.]$|^@$/.test(v);
}

function releaseEntry(
  raw: Record<string, unknown>,
  repository: string,
  fault: (message: string, key?: string) => void,
  versionText: () => string | undefined,
): ReleaseEntry | undefined {
  const { url, version, packages } = raw;
  if (typeof url !== 'string') return void fault('url is missing');
  if (!isSourceUrl(url, true)) return void fault(`the url ${JSON.stringify(redacted(url))} is not allowed`, 'url');
  if (packages !== undefined && !Array.isArray(packages)) return void fault('packages must be a list', 'packages');
  const entry: ReleaseEntry = { url, packages: packages === undefined ? [repository] : packages.map(String) };
  if (version !== undefined && version !== null) {
    entry.version = textOf(version, versionText);
    if (!/^[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)?$/.test(entry.version))
      return void fault(`the version '${entry.version}' is not of the form 1.2.3-1`, 'version');
  }
  const tag = asMap(raw.tags)?.release;
  if (typeof tag === 'string') entry.tag = tag;
  return entry;
}

/** A rosdistro cache: the distribution files it was made from and the manifests of what they release. */
export function parseCache(
  text: string,
  file: string,
): Result<{ name: string; distributionFiles: unknown[]; manifests: Record<string, string> }> {
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  if (!root || root.type !== 'cache')
    return bad(
      error('cache-invalid', 'not a rosdistro cache', { file, line: 1, hint: 'it has type: cache and version: 2' }),
    );
  if (root.version !== 2)
    return bad(
      error('cache-invalid', `cache version ${String(root.version)} is not known`, { file, hint: 'version 2 is' }),
    );
  const manifests = asMap(root.release_package_xmls) ?? {};
  const diagnostics: Diagnostic[] = [];
  for (const [name, xml] of Object.entries(manifests))
    if (typeof xml !== 'string')
      diagnostics.push(warning('cache-manifest', `the manifest of '${name}' is not a text`, { file }));
  const files = Array.isArray(root.distribution_file) ? root.distribution_file : [root.distribution_file];
  return good(
    { name: String(root.name), distributionFiles: files, manifests: manifests as Record<string, string> },
    diagnostics,
  );
}

/** A cache's text in pieces: each manifest's entry by its package, and all the rest with none of them. */
export interface CachePieces {
  rest: string;
  entries: Map<string, string>;
}

const manifestsKey = 'release_package_xmls:\n';

/**
 * Takes a cache's text apart where its lines show how: below `release_package_xmls:` each line with an indentation of
 * two begins an entry, deeper ones go on with it, and none stands twice. Undefined where it is written otherwise. The
 * text may have a character for each byte: only ASCII counts.
 */
export function splitCache(text: string): CachePieces | undefined {
  const begin = text.startsWith(manifestsKey) ? 0 : text.indexOf(`\n${manifestsKey}`) + 1;
  if ((begin === 0 && !text.startsWith(manifestsKey)) || text.includes('\t') || text.includes('\r')) return undefined;
  const entries = new Map<string, string>();
  const first = begin + manifestsKey.length;
  let at = first;
  let name: string | undefined;
  let started = at;
  const line = /  (?:([A-Za-z][A-Za-z0-9_-]*):(?= |\n)| )|\n/y;
  const blank = (i: number) => text.charCodeAt(i) === 0x20;
  for (; at < text.length; at = next(text, at)) {
    // Nearly all lines go on with an entry.
    if (name !== undefined && blank(at) && blank(at + 1) && blank(at + 2)) continue;
    line.lastIndex = at;
    const m = line.exec(text);
    if (!m) break;
    if (m[1] === undefined) {
      if (name === undefined && m[0] !== '\n') return undefined;
      continue;
    }
    if (name !== undefined) entries.set(name, text.slice(started, at));
    name = m[1];
    started = at;
    if (entries.has(name)) return undefined;
  }
  if (name !== undefined) entries.set(name, text.slice(started, at));
  if (at < text.length && !/[A-Za-z_]/.test(text[at]!)) return undefined;
  return { rest: text.slice(0, begin) + text.slice(at), entries };
}

const next = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
};

/** The manifests of some entries of a cache that was taken apart. */
export function parseEntries(entries: readonly string[], file: string): Result<Record<string, unknown>> {
  const parsed = parseYaml(manifestsKey + entries.join(''), file);
  if (!parsed.ok) return parsed;
  return good(asMap(asMap(parsed.value)?.release_package_xmls) ?? {});
}
