import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distribution } from '../model/distro.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Repository } from '../model/rosdistro.ts';
import { readIf, readJson, sha256, temporaryBeside, writeWhole } from '../io/files.ts';
import { later } from '../io/later.ts';
import { download } from './git.ts';
import type { Workspace } from './inputs.ts';
import { parseManifest } from './manifest.ts';
import { form } from './memory.ts';
import { parseCache, parseDistributionFile, parseEntries, splitCache, type CachePieces } from './rosdistro.ts';

/** A rosdistro cache: the distribution files that it was made from, merged, and the manifests of what they release. */
export interface Cache {
  /** As it is shown. */
  file: string;
  repositories: Repository[];
  /** Undefined where the cache has none of that name. */
  manifest(packageName: string): Result<Manifest> | undefined;
}

/** The cache that distro.yaml or the index names; undefined where neither does. */
export async function readCache(workspace: Workspace, settings: Distribution, url: string | undefined): Promise<Result<Cache | undefined>> {
  const diagnostics: Diagnostic[] = [];
  let file = settings.cache && join(workspace.root, settings.cache);
  if (!file && url) {
    if (/^https?:\/\//.test(url)) {
      const fetched = await refreshed(url, join(workspace.state, 'caches', url.replace(/[^A-Za-z0-9.-]+/g, '_')));
      if (!fetched.ok) return fetched;
      diagnostics.push(...fetched.diagnostics);
      file = fetched.value;
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
    text = unpack(bytes);
  } catch (e) {
    return bad(error('cache-invalid', `can't unpack it: ${(e as Error).message}`, { file: shown }));
  }
  const read = parse(workspace, file, shown, text);
  return read.ok ? good(read.value, [...diagnostics, ...read.diagnostics]) : read;
}

/** The copy of a cache on a server, fetched anew where the server has a newer one; an old copy serves while it can't be reached. */
async function refreshed(url: string, file: string): Promise<Result<string>> {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = temporaryBeside(file);
  const got = await download(url, temporary, existsSync(file) ? file : undefined);
  if (got.ok) {
    // Not modified: nothing was written.
    if (existsSync(temporary)) renameSync(temporary, file);
    return good(file);
  }
  rmSync(temporary, { force: true });
  if (!existsSync(file)) return got;
  return good(file, [warning('cache-old', `${got.diagnostics[0]!.message}: the copy of before is taken`, { hint: 'it may lack what was released since' })]);
}

/** What is kept of a cache: beside a copy of its file, what was read of it. */
interface Kept { form: string; copy: string; repositories: Repository[] | undefined; manifests: Record<string, Manifest> }
interface Before { kept: Kept; pieces: CachePieces }

function parse(workspace: Workspace, file: string, shown: string, text: string): Result<Cache> {
  const memory = join(workspace.state, 'parsed', sha256(file).slice(0, 16));
  const pieces = splitCache(text);
  const before = pieces && recall(memory);
  const same = new Set<string>();
  if (before && pieces) for (const [name, entry] of pieces.entries) if (Object.hasOwn(before.kept.manifests, name) && before.pieces.entries.get(name) === entry) same.add(name);
  const read = (before && pieces && partly(before, pieces, same, shown)) ?? wholly(text, shown);
  if (!read.ok) return read;
  const { repositories, texts } = read.value;
  const manifests: Record<string, Manifest> = {};
  let changed = !before || !pieces || pieces.rest !== before.pieces.rest || Object.keys(before.kept.manifests).some((name) => !same.has(name));
  later(() => {
    if (pieces && changed && existsSync(workspace.state)) remember(memory, text, { form, repositories: read.diagnostics.length ? undefined : repositories, manifests });
  });
  return good({
    file: shown, repositories,
    manifest(name) {
      if (same.has(name)) return good((manifests[name] = before!.kept.manifests[name]!));
      const xml = Object.hasOwn(texts, name) ? texts[name] : undefined;
      if (typeof xml !== 'string') return undefined;
      const parsed = parseManifest(xml, `${shown}:${name}`);
      // What had a word said about it is read again each time.
      if (parsed.ok && !parsed.diagnostics.length) {
        manifests[name] = parsed.value;
        changed = true;
      }
      return parsed;
    },
  }, read.diagnostics);
}

/** What the run before kept. The copy of the text is named by its digest, and appears whole or not at all. */
function recall(memory: string): Before | undefined {
  const kept = readJson<Kept>(`${memory}.json`);
  const text = kept?.form === form && isCopy(kept.copy) ? readIf(copyOf(memory, kept.copy)) : undefined;
  const pieces = text === undefined ? undefined : splitCache(text);
  return pieces && { kept: kept!, pieces };
}

function remember(memory: string, text: string, kept: Omit<Kept, 'copy'>): void {
  const copy = sha256(text).slice(0, 32);
  writeWhole(copyOf(memory, copy), text, { sync: false });
  const old = readJson<Kept>(`${memory}.json`)?.copy;
  writeWhole(`${memory}.json`, JSON.stringify({ ...kept, copy } satisfies Kept), { sync: false });
  if (old !== undefined && isCopy(old) && old !== copy) rmSync(copyOf(memory, old), { force: true });
}

const isCopy = (name: unknown): boolean => typeof name === 'string' && /^[0-9a-f]{32}$/.test(name);
const copyOf = (memory: string, copy: string): string => `${memory}-${copy}.yaml`;

/** A cache's text, packed or not. */
const unpack = (bytes: Buffer): string => (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: 512 << 20 }) : bytes).toString('utf8');

interface Parsed { repositories: Repository[]; texts: Record<string, unknown> }

/** Only what is not as it was; undefined where that is not enough, or is most of it. */
function partly(before: Before, pieces: CachePieces, same: ReadonlySet<string>, shown: string): Result<Parsed> | undefined {
  const { repositories } = before.kept;
  if (!repositories || pieces.rest !== before.pieces.rest || same.size * 2 < pieces.entries.size) return undefined;
  const entries = parseEntries([...pieces.entries].filter(([name]) => !same.has(name)).map(([, entry]) => entry), shown);
  return entries.ok ? good({ repositories, texts: entries.value }) : undefined;
}

function wholly(text: string, shown: string): Result<Parsed> {
  const parsed = parseCache(text, shown);
  if (!parsed.ok) return parsed;
  const diagnostics = [...parsed.diagnostics];
  const repositories = new Map<string, Repository>();
  for (const value of parsed.value.distributionFiles) {
    const read = parseDistributionFile('', shown, value);
    diagnostics.push(...read.diagnostics);
    if (read.ok) for (const r of read.value.repositories) repositories.set(r.name, r);
  }
  return good({ repositories: [...repositories.values()], texts: parsed.value.manifests }, diagnostics);
}
