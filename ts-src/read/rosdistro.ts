import { shortened } from '../text/cut.ts';
import { bad, error, good, nearest, type Result, Faults } from '../model/diagnostics.ts';
import { longestName } from '../model/names.ts';
import type { DistributionFile, Repository } from '../model/rosdistro.ts';
import { LocatedRepository, releaseEntry, sourceEntry } from './source-entry.ts';
import { Locator, asMap, own, parseYaml } from './yaml.ts';

export interface IndexEntry {
  files: string[];
  cache?: { url: string; line: number };
  rosVersion: 1 | 2 | undefined;
  pythonVersion: 2 | 3;
}

const rosVersions = new Map<unknown, 1 | 2>([
  ['ros1', 1],
  ['ros2', 2],
]);

/** Parses rosdistro's index, version 3 and 4 (REP 153), for one distribution. */
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
      error('index-version', `unknown index version ${String(root.version)}`, {
        file,
        line: locator.line(['version']),
        hint: 'supported versions: 3 and 4 (REP 153)',
      }),
    );
  const all = asMap(root.distributions) ?? {};
  const entry = asMap(own(all, distribution));
  if (!entry) {
    const near = nearest(distribution, Object.keys(all));
    return bad(
      error('index-distribution', `the index ${file} has no distribution '${distribution}'`, {
        file,
        line: locator.line(['distributions']),
        hint: near ? `did you mean '${near}'?` : `the index has ${Object.keys(all).sort().join(', ') || 'none'}`,
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
  if (type !== undefined && !rosVersions.has(type))
    return bad(
      error('index-invalid', `distribution_type of '${distribution}' is ${JSON.stringify(type)}, which is not known`, {
        file,
        line: locator.line(['distributions', distribution, 'distribution_type']),
        hint: 'use ros1 or ros2',
      }),
    );
  const result: IndexEntry = {
    files,
    rosVersion: rosVersions.get(type),
    pythonVersion: Number(entry.python_version) === 2 ? 2 : 3,
  };
  if (typeof entry.distribution_cache === 'string')
    result.cache = {
      url: entry.distribution_cache,
      line: locator.line(['distributions', distribution, 'distribution_cache']),
    };
  return good(result);
}

const isRepositoryName = (name: string): boolean =>
  name.length <= longestName && /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name);

/** Parses a distribution file (REP 143, version 1 and 2). `value`: its parsed value, if it came with a cache. */
export function parseDistributionFile(
  text: string,
  file: string,
  value?: unknown,
): Result<Pick<DistributionFile, 'repositories' | 'releasePlatforms'>> {
  const parsed = value === undefined ? parseYaml(text, file) : good(value);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  const faults = new Faults(file);
  const locator = new Locator(text);
  const line = (path: PropertyKey[]) => (value === undefined ? locator.line(path) : undefined);
  const fault = (message: string, path: PropertyKey[], hint?: string) =>
    faults.add([error('distribution-invalid', message, { file, line: line(path), hint })]);
  if (!root) return bad(error('distribution-invalid', 'the distribution file is not a map', { file, line: 1 }));
  if (root.type !== undefined && root.type !== 'distribution')
    fault(`type is '${String(root.type)}', not 'distribution'`, ['type']);
  if (root.version !== undefined && root.version !== 1 && root.version !== 2)
    fault(`unknown version ${String(root.version)}`, ['version'], 'supported versions: 1 and 2 (REP 143)');
  const releasePlatforms: Record<string, string[]> = {};
  for (const [os, names] of Object.entries(asMap(root.release_platforms) ?? {}))
    releasePlatforms[os] = (Array.isArray(names) ? names : [names]).map(String);

  const repositories: Repository[] = [];
  const scalar = (path: PropertyKey[]) => (value === undefined ? locator.scalar(path) : undefined);
  const repositoryMap = root.repositories === undefined || root.repositories === null ? {} : asMap(root.repositories);
  if (!repositoryMap) fault('repositories must be a map', ['repositories']);
  // Later faults skip only one repository.
  if (faults.some) return bad(faults.all());
  for (const [name, raw] of Object.entries(repositoryMap ?? {})) {
    const path = ['repositories', name];
    const entry = asMap(raw);
    if (!isRepositoryName(name)) {
      fault(
        `the repository name ${JSON.stringify(shortened(name, 60))} is not allowed`,
        path,
        `letters, digits, ".", "_", "+" and "-", at most ${longestName}`,
      );
      continue;
    }
    if (!entry) {
      fault(`the repository '${name}' must be a map`, path);
      continue;
    }
    const repository: Repository = new LocatedRepository(name, file, () => line(path));
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
  return good({ repositories, releasePlatforms }, faults.all());
}
