import { linesOf } from '../text/cut.ts';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { compare } from '../model/diagnostics.ts';
import { PackageFileError, readDataPart } from '../io/deb.ts';
import { parallel } from '../io/process.ts';
import type { StoredFile } from '../model/result.ts';
import { sizeText } from '../model/sizes.ts';
import type { Store } from '../store/store.ts';
import { fieldOf } from '../text/stanza.ts';
import type { Entry } from './indices.ts';
import { heldData, type HeldData } from './package-index.ts';
import type { State } from './state.ts';
import type { Suites } from './suites.ts';

const gzipped = promisify(gzip);
const gunzipped = promisify(gunzip);

/** The Contents index of a suite and architecture: path → packages. Only the compressed form is served. */
export interface ContentsIndex {
  plain: HeldData;
  packed: HeldData;
}

/** Paths of packages, without leading slash, by the package's digest. */
type Listed = Map<string, readonly string[]>;

/** A package in a Contents index: section and name. */
interface Place {
  section: string;
  name: string;
  paths: readonly string[];
}

/** Renders a Contents index: a line for each path, with all packages that have it. */
export function renderContents(places: readonly Place[]): string {
  const owners = new Map<string, string[]>();
  for (const { section, name, paths } of places) {
    for (const path of paths) {
      const of = owners.get(path);
      if (of) of.push(`${section}/${name}`);
      else owners.set(path, [`${section}/${name}`]);
    }
  }
  const lines = [...owners].sort((a, b) => compare(a[0], b[0]));
  return lines.map(([path, of]) => `${path.padEnd(59)} ${of.sort(compare).join(',')}\n`).join('');
}

/** Paths by package name, from an index that `renderContents` wrote. */
export function readContents(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of linesOf(text)) {
    const [, path, owners] = /^(.*\S) +(\S+)$/.exec(line) ?? [];
    if (path === undefined || owners === undefined) continue;
    for (const owner of owners.split(',')) {
      const name = owner.slice(owner.lastIndexOf('/') + 1);
      const of = found.get(name);
      if (of) of.push(path);
      else found.set(name, [path]);
    }
  }
  return found;
}

/** Whether a path can be written in a line; otherwise its begin or end would be ambiguous. */
const isLine = (path: string): boolean => path !== '' && path === path.trim() && !/[\0-\x1f\x7f]/.test(path);

/**
 * Paths that a package installs, without folders; empty if the file can't be read, since indices never name such files.
 */
async function filesIn(path: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    await readDataPart(path, (member) => {
      if (member.kind !== 'folder' && isLine(member.path)) paths.push(member.path);
      return undefined;
    });
  } catch (e) {
    if (!(e instanceof PackageFileError)) throw e;
  }
  return paths;
}

const nameOf = (file: StoredFile): string => file.name.split('_')[0] ?? '';

/** Paths of unchanged packages from Contents indices of former states. */
async function formerly(store: Store, key: string, former: readonly (State | undefined)[]): Promise<Listed> {
  const known: Listed = new Map();
  for (const state of former) {
    const file = state?.contents?.[key];
    const plain = file && (await readContentsIndex(store, file))?.plain.data;
    if (!state || !plain) continue;
    const paths = readContents(plain.toString('utf8'));
    for (const held of Object.values(state.suites[key] ?? {}))
      for (const deb of held.files) known.set(deb.sha256, paths.get(nameOf(deb)) ?? []);
  }
  return known;
}

/** Number of packages that are listed in parallel; each is decompressed by a process. */
const width = 4;

/** Size limit of an unpacked index in bytes: it must fit a string. */
const largest = 256 << 20;

/** Reads a Contents index from the store; undefined if it was lost, or is none. */
export async function readContentsIndex(store: Store, file: StoredFile): Promise<ContentsIndex | undefined> {
  const data = await store.readData(file);
  if (!data) return undefined;
  try {
    const plain = await gunzipped(data, { maxOutputLength: largest });
    return { plain: heldData('Contents', plain), packed: { file, data } };
  } catch {
    return undefined;
  }
}

/**
 * Makes the Contents index of each suite and architecture. Reads only packages that no former index lists. `entries`:
 * entries of the package indices, by digest. Returns a message if an index gets too large.
 */
export async function makeContents(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
  entries: ReadonlyMap<string, Entry>,
): Promise<Record<string, ContentsIndex> | string> {
  const all: Record<string, ContentsIndex> = {};
  const read: Listed = new Map();
  for (const [key, packages] of Object.entries(suites)) {
    const known = await formerly(store, key, former);
    const files = Object.values(packages).flatMap((held) => held.files);
    const missing = new Map(
      files.flatMap((file) => (known.has(file.sha256) || read.has(file.sha256) ? [] : [[file.sha256, file]])),
    );
    await parallel([...missing.values()], width, async (file) => {
      const path = await store.path(file);
      read.set(file.sha256, path === undefined ? [] : await filesIn(path));
    });
    const places = files.map((file): Place => ({
      section: fieldOf(entries.get(file.sha256)?.text ?? '', 'Section') ?? 'misc',
      name: nameOf(file),
      paths: known.get(file.sha256) ?? read.get(file.sha256) ?? [],
    }));
    const size = places.reduce((sum, p) => sum + p.paths.reduce((n, path) => n + Math.max(60, path.length + 1), 0), 0);
    if (size > largest) return `the Contents index of ${key} would have more than ${sizeText(largest)}`;
    const plain = heldData('Contents', Buffer.from(renderContents(places)));
    all[key] = { plain, packed: heldData('Contents.gz', await gzipped(plain.data, { level: 6 })) };
  }
  return all;
}
