import { append } from '../model/lists.ts';
import { ownEntry } from '../model/maps.ts';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { error, good, isError, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distribution } from '../model/distro.ts';
import type { Repository } from '../model/rosdistro.ts';
import { readIf } from '../io/files.ts';
import { leadsOut } from '../io/links.ts';
import { nameRepositories } from './git/credentials.ts';
import { absoluteUrl } from './git/git.ts';
import { ParseCache } from './parse-cache.ts';
import { parseRepos } from './repos-file.ts';
import { readCache, type Cache } from './rosdistro-cache.ts';
import { parseDistributionFile, parseIndex, type IndexEntry } from './rosdistro.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

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

/** Merges repositories of several files; later files win. A fault in an entry skips only that entry. */
class EntryReader {
  readonly repositories = new Map<string, Repository>();
  readonly diagnostics: Diagnostic[] = [];
  private entryFaults = 0;

  constructor(
    private readonly root: string,
    private readonly distroFile: string,
    private readonly confined: boolean,
  ) {}

  /** Whether a whole file could not be read. */
  get unreadable(): boolean {
    return this.diagnostics.filter(isError).length > this.entryFaults;
  }

  merge(read: Result<{ repositories: Repository[] }>): void {
    append(this.diagnostics, read.diagnostics);
    if (!read.ok) return;
    this.entryFaults += read.diagnostics.filter(isError).length;
    for (const r of read.value.repositories) this.repositories.set(r.name, r);
  }

  /** The text of a file that `from` refers to. */
  text(file: string, from: string, path: readonly PropertyKey[] = []): string | undefined {
    if (normalize(file).startsWith('../') || isAbsolute(file) || (this.confined && leadsOut(this.root, file))) {
      this.diagnostics.push(error('file-outside', `${file} is outside the distro repository`, { file: from }));
      return undefined;
    }
    const text = readIf(join(this.root, file));
    if (text === undefined)
      this.diagnostics.push(
        error('file-missing', `${file} does not exist`, {
          file: from,
          line: path.length ? lineOf(from === this.distroFile ? from : join(this.root, from), path) : undefined,
          hint: 'correct the path (it is relative to the file that names it), or create the file',
        }),
      );
    return text;
  }
}

/** Reads the distribution's entry in the index, and merges the repositories of the cache or the distribution files. */
async function readIndexed(
  reader: EntryReader,
  workspace: Workspace,
  name: string,
  settings: Distribution,
): Promise<{ index?: IndexEntry; cache?: Cache }> {
  const file = workspace.distro.index;
  const text = file === undefined ? undefined : reader.text(file, workspace.file, ['index']);
  if (file === undefined || text === undefined) return {};
  const index = readIndex(workspace.state, text, file, name);
  if (!index.ok) {
    // distro.yaml names the distribution that the index lacks.
    const named = { file: workspace.file, line: lineOf(workspace.file, ['distributions', name]) ?? 1 };
    append(
      reader.diagnostics,
      index.diagnostics.map((d) => (d.code === 'index-distribution' ? { ...d, ...named } : d)),
    );
    return {};
  }
  if (settings.sources === 'release') {
    const read = await readCache(workspace, settings, index.value.cache);
    append(reader.diagnostics, read.diagnostics);
    if (read.ok && read.value) {
      // A consistent snapshot: the distribution files that the cache was made from.
      reader.merge(good({ repositories: read.value.repositories }));
      return { index: index.value, cache: read.value };
    }
  }
  for (const named of index.value.files) {
    const path = join(dirname(file), named);
    const fileText = reader.text(path, file, ['distributions', name, 'distribution']);
    if (fileText !== undefined) reader.merge(parseDistributionFile(fileText, path));
  }
  return { index: index.value };
}

/**
 * All repositories of a distribution, from index, distribution files (later files win, as in rosdistro), .repos files
 * and cache.
 */
export async function readEntries(workspace: Workspace, name: string): Promise<Result<Entries>> {
  const { distro, root } = workspace;
  const settings = ownEntry(distro.distributions, name);
  const reader = new EntryReader(root, workspace.file, workspace.confined === true);
  const { index, cache } = await readIndexed(reader, workspace, name, settings);
  for (const [i, file] of settings.repos.entries()) {
    const text = reader.text(file, workspace.file, ['distributions', name, 'repos', i]);
    if (text === undefined) continue;
    const read = parseRepos(text, file);
    reader.merge(read.ok ? good({ repositories: read.value }, read.diagnostics) : read);
  }
  const { diagnostics } = reader;
  const rosVersion = settings.ros_version ?? index?.rosVersion;
  if (rosVersion === undefined && !reader.unreadable)
    diagnostics.push(
      error('distro-ros-version', `distributions.${name}.ros_version is missing`, {
        file: workspace.file,
        line: lineOf(workspace.file, ['distributions', name]),
        hint: 'the index has no distribution_type for it: set ros_version: 1 or 2',
      }),
    );
  if (reader.unreadable || rosVersion === undefined) return { ok: false, diagnostics };
  const repositories = [...reader.repositories.values()];
  nameRepositories(
    repositories.flatMap((r) =>
      [r.source?.url, r.release?.url].flatMap((u) => (u === undefined ? [] : absoluteUrl(u, workspace.urlBase))),
    ),
    distro.submodules,
  );
  return good(
    {
      repositories,
      rosVersion,
      pythonVersion: settings.python_version ?? index?.pythonVersion ?? 3,
      ...(cache ? { cache } : {}),
    },
    diagnostics,
  );
}
