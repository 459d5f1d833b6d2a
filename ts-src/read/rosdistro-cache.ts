import { append, first } from '../model/lists.ts';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Distribution } from '../model/distro.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Repository } from '../model/rosdistro.ts';
import { readRegular, temporaryBeside, makeFolder } from '../io/files.ts';
import { utf8Text } from '../io/utf8.ts';
import { download } from './git/git.ts';
import type { Workspace } from './workspace.ts';
import { parseManifest } from './manifest/manifest.ts';
import { ParseCache, type Form } from './parse-cache.ts';
import { packedManifest } from './manifest/packed-manifest.ts';
import { parseCache, parseEntries, splitCache, type CachePieces } from './cache-file.ts';
import { parseDistributionFile } from './rosdistro.ts';
import { largestYaml } from './yaml.ts';
import { messageOf } from '../io/faults.ts';

/** A rosdistro cache: the merged distribution files that it was made from, and the manifests of their releases. */
export interface Cache {
  /** Its name in messages. */
  file: string;
  repositories: Repository[];
  /** Undefined if the cache has no such package. */
  manifest(packageName: string): Result<Manifest> | undefined;
}

/** The path of a remote cache's copy. Others may choose a URL that differs only in what a name can't hold. */
const copyOf = (state: string, url: string): string =>
  join(state, 'caches', `${url.replace(/[^A-Za-z0-9.-]+/g, '_').slice(-100)}-${sha256(url).slice(0, 16)}`);

/** The cache named by distro.yaml or the index; undefined if there is none. */
export async function readCache(
  workspace: Workspace,
  settings: Distribution,
  named: { url: string; line: number } | undefined,
): Promise<Result<Cache | undefined>> {
  const diagnostics: Diagnostic[] = [];
  let file = settings.cache && join(workspace.root, settings.cache);
  if (!file && named) {
    const { url, line } = named;
    const { index = workspace.file } = workspace.distro;
    const at = { file: index, line };
    if (/^https?:\/\//.test(url)) {
      const fetched = await refreshed(url, copyOf(workspace.state, url));
      const placed = fetched.diagnostics.map((d) => ({ ...d, ...at }));
      if (!fetched.ok) return { ok: false, diagnostics: placed };
      append(diagnostics, placed);
      file = fetched.value;
    } else {
      const path = join(dirname(index), url.replace(/^file:\/\//, ''));
      if (path.startsWith('../')) return bad(error('file-outside', `${url} is outside the distro repository`, at));
      file = join(workspace.root, path);
    }
  }
  if (!file) return good(undefined);
  const shown = relative(workspace.root, file);
  let bytes: Buffer;
  try {
    bytes = readRegular(file);
  } catch {
    return settings.cache
      ? bad(error('file-missing', `${settings.cache} is not there`, { file: workspace.file }))
      : good(undefined);
  }
  try {
    bytes = unpack(bytes);
  } catch (e) {
    return bad(error('cache-invalid', `can't unpack it: ${messageOf(e)}`, { file: shown }));
  }
  const read = parse(workspace, file, shown, bytes);
  return read.ok ? good(read.value, [...diagnostics, ...read.diagnostics]) : read;
}

/**
 * The local copy of a remote cache, updated if the server has a newer one. The old copy is used while the server can't
 * be reached.
 */
async function refreshed(url: string, file: string): Promise<Result<string>> {
  makeFolder(dirname(file));
  const temporary = temporaryBeside(file);
  const got = await download(url, temporary, { since: existsSync(file) ? file : undefined, most: largestCache });
  if (got.ok) {
    // The file is missing if the server answered "not modified".
    if (existsSync(temporary)) renameSync(temporary, file);
    return good(file);
  }
  rmSync(temporary, { force: true });
  if (!existsSync(file))
    return bad(
      got.diagnostics.map((d) =>
        error('cache-unreachable', `the distribution's cache: ${d.message}`, {
          hint:
            'is the address right, and does this machine reach it? A copy in the distro repository also works ' +
            '(`cache: FILE` in distro.yaml); without `distribution_cache` each release repository is asked',
        }),
      ),
    );
  return good(file, [
    warning('cache-old', `${first(got.diagnostics).message}: the copy of the last run is used`, {
      hint: 'it may lack newer releases',
    }),
  ]);
}

/** The cached form of a cache's repositories, or of one manifest. */
const kept: Form<Repository[] | Manifest> = {
  write: (value) => (Array.isArray(value) ? JSON.stringify(value) : packedManifest.write(value)),
  read: (text) => (text.startsWith('[') ? (JSON.parse(text) as Repository[]) : packedManifest.read(text)),
};

/** Parses a cache. Cached values are found by their bytes, which are decoded only for parsing. */
function parse(workspace: Workspace, file: string, shown: string, bytes: Buffer): Result<Cache> {
  const memory = new ParseCache(workspace.state, `cache-${sha256(file).slice(0, 16)}`, kept);
  const pieces = splitCache(bytes.toString('latin1'));
  const known = new Map<string, Manifest>();
  pieces?.entries.forEach((entry, name) => {
    const before = memory.get(entry);
    if (before && !Array.isArray(before) && before.name === name) known.set(name, before);
  });
  const rest = pieces && memory.get(pieces.rest);
  const before = Array.isArray(rest) ? rest : undefined;
  const read = (before && pieces && partly(before, pieces, known, shown)) ?? wholly(utf8Text(bytes), shown);
  if (!read.ok) return read;
  const { repositories, texts } = read.value;
  if (!before && pieces && !read.diagnostics.length) memory.put(pieces.rest, () => repositories);
  return good(
    {
      file: shown,
      repositories,
      manifest(name) {
        const before = known.get(name);
        if (before) return good(before);
        const xml = Object.hasOwn(texts, name) ? texts[name] : undefined;
        if (typeof xml !== 'string') return undefined;
        const parsed = parseManifest(xml, `${shown}:${name}`);
        // Manifests with diagnostics are not cached, so that they are reported each time.
        const entry = pieces?.entries.get(name);
        if (entry !== undefined && parsed.ok && !parsed.diagnostics.length && parsed.value.name === name)
          memory.put(entry, () => parsed.value);
        return parsed;
      },
    },
    read.diagnostics,
  );
}

/** Size limit of a cache in bytes, compressed or not. */
const largestCache = largestYaml;

/** The text of a cache, decompressed if necessary. */
const unpack = (bytes: Buffer): Buffer =>
  bytes[0] === 0x1f && bytes[1] === 0x8b
    ? gunzipSync(bytes, { maxOutputLength: largestCache, chunkSize: 1 << 20 })
    : bytes;

/** Maximum number of distribution files of a cache; most have one. */
const mostFiles = 100;

interface Parsed {
  repositories: Repository[];
  texts: Record<string, unknown>;
}

/** Only the values that are not cached; undefined if these are the larger part. */
function partly(
  repositories: Repository[],
  pieces: CachePieces,
  known: ReadonlyMap<string, unknown>,
  shown: string,
): Result<Parsed> | undefined {
  if (known.size * 2 < pieces.entries.size) return undefined;
  const entries = parseEntries(
    [...pieces.entries].filter(([name]) => !known.has(name)).map(([, entry]) => utf8Text(Buffer.from(entry, 'latin1'))),
    shown,
  );
  return entries.ok ? good({ repositories, texts: entries.value }) : undefined;
}

function wholly(text: string, shown: string): Result<Parsed> {
  const parsed = parseCache(text, shown);
  if (!parsed.ok) return parsed;
  if (parsed.value.distributionFiles.length > mostFiles)
    return bad(error('cache-invalid', `it was made from more than ${mostFiles} distribution files`, { file: shown }));
  const diagnostics = [...parsed.diagnostics];
  const repositories = new Map<string, Repository>();
  for (const value of parsed.value.distributionFiles) {
    const read = parseDistributionFile('', shown, value ?? null);
    append(diagnostics, read.diagnostics);
    if (read.ok) for (const r of read.value.repositories) repositories.set(r.name, r);
  }
  return good({ repositories: [...repositories.values()], texts: parsed.value.manifests }, diagnostics);
}
