import { append } from '../model/lists.ts';
import { bad, compare, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import { parallel } from '../io/process.ts';
import { sizeText } from '../model/sizes.ts';
import type { Store } from '../store/store.ts';
import { controlStanzas } from './deb.ts';
import { packageEntry, readPackages, renderPackages, type Entry } from './indices.ts';
import { makeContents, readContentsIndex } from './contents.ts';
import {
  entriesOf,
  heldData,
  isSourceIndex,
  objectsOf,
  packIndex,
  readIndex,
  readPacked,
  type PackageIndex,
} from './package-index.ts';
import { makeSourceIndices, readSourceIndices } from './sources.ts';
import type { State } from './state.ts';
import type { Suites } from './suites.ts';

/** Indices of a suite besides that of its packages. */
export interface OtherIndices {
  contents: boolean;
  sources: boolean;
}

/** Plain indices of a draft, whose compressed forms are still being made. */
export interface BegunIndices {
  finish: () => Promise<PackageIndex[]>;
  /** Digests of packages that the store has lost. */
  lost: string[];
}

/**
 * Makes the index of each suite and architecture. Entries of unchanged packages come from former indices; only new
 * packages are read. Unchanged indices are not compressed again. `former`: states whose indices are used.
 */
export async function makeIndices(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
  others: OtherIndices,
): Promise<Result<BegunIndices>> {
  const known = await knownEntries(store, suites, former);
  const missing = new Map<string, StoredFile>();
  for (const packages of Object.values(suites))
    for (const held of Object.values(packages))
      for (const file of held.files) if (!known.has(file.sha256)) missing.set(file.sha256, file);
  const files = [...missing.values()];
  const paths = await store.many(files, (file) => store.path(file));
  const there = files.flatMap((file, i) => {
    const path = paths[i];
    return path === undefined ? [] : [{ file, path }];
  });
  const lost = files.filter((_, i) => paths[i] === undefined).map((f) => f.sha256);
  if (lost.length) return good({ finish: () => Promise.resolve([]), lost });
  const stanzas = await controlStanzas(there.map(({ file, path }) => ({ name: file.name, path })));
  const faults: Diagnostic[] = [];
  there.forEach(({ file }, i) => {
    const stanza = stanzas[i];
    const entry = stanza === undefined ? [] : readPackages(packageEntry(stanza, file));
    if (entry[0]) known.set(file.sha256, entry[0]);
    else
      faults.push(
        error('publish-failed', `${file.name} is not a Debian package of that name, or its control file can't be read`),
      );
  });
  if (faults.length) return bad(faults);
  const large = tooLarge(suites, known);
  if (large.length) return bad(large);
  const packed = new Map(former.flatMap((state) => Object.values(packedOf(state))));
  const begun = Object.entries(suites).map(([key, packages]) => {
    const entries = Object.keys(packages)
      .sort(compare)
      .flatMap((name) => (packages[name]?.files ?? []).flatMap((f) => known.get(f.sha256) ?? []));
    const plain = heldData('Packages', Buffer.from(renderPackages(entries)));
    const forms = readPacked(store, packed.get(plain.file.sha256)).then((found) => found ?? packIndex(plain.data));
    // `finish` awaits it and reports errors; this only prevents an unhandled rejection before.
    forms.catch(() => undefined);
    return { key, plain, entries, forms };
  });
  const contents = others.contents ? await makeContents(store, suites, former, known) : {};
  if (typeof contents === 'string')
    return bad(error('publish-failed', contents, { hint: '`publish: {contents: false}` publishes without it' }));
  const sources = others.sources ? await makeSourceIndices(store, suites, former) : { indices: [], lost: [] };
  const finish = async () => {
    const packages = begun.map(async ({ forms, ...index }) => ({
      ...index,
      packed: await forms,
      contents: contents[index.key],
    }));
    return [...(await Promise.all(packages)), ...sources.indices];
  };
  return good({ lost: sources.lost, finish });
}

/** Maximum size of an index in characters: it is one text here, and each machine downloads it. */
const largestIndex = 256 << 20;

function tooLarge(suites: Suites, known: ReadonlyMap<string, Entry>): Diagnostic[] {
  return Object.entries(suites).flatMap(([key, packages]) => {
    const sizes = Object.entries(packages).map(([name, { files }]) => ({
      name,
      size: files.reduce((sum, file) => sum + (known.get(file.sha256)?.text.length ?? 0), 0),
    }));
    if (sizes.reduce((sum, { size }) => sum + size, 0) <= largestIndex) return [];
    const [first] = sizes.sort((a, b) => b.size - a.size);
    return error('publish-failed', `the index of ${key} would have more than ${sizeText(largestIndex)}`, {
      hint: `the control file of ${first?.name ?? ''} is the largest, with ${sizeText(first?.size ?? 0)}`,
    });
  });
}

/** Compressed indices of a state by suite with architecture: digest of the plain index, and its compressed forms. */
const packedOf = (state: State | undefined): Record<string, [string, StoredFile[]]> =>
  Object.fromEntries(
    Object.entries(state?.indices ?? {}).flatMap(([key, index]): [string, [string, StoredFile[]]][] => {
      const forms = state?.packed?.[key];
      return forms ? [[key, [index.sha256, forms]]] : [];
    }),
  );

/** Entries of packages by digest, from indices of former states. */
async function knownEntries(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
): Promise<Map<string, Entry>> {
  const known = new Map<string, Entry>();
  const read = new Set<string>();
  for (const state of former) {
    for (const [suite, index] of Object.entries(state?.indices ?? {})) {
      if (!Object.hasOwn(suites, suite) || read.has(index.sha256)) continue;
      read.add(index.sha256);
      for (const entry of await entriesOf(store, index)) known.set(entry.sha256, entry);
    }
  }
  return known;
}

const plainIndexOf = (state: State, key: string): StoredFile | undefined =>
  isSourceIndex({ key }) ? state.sources?.[key.slice(0, key.lastIndexOf('/'))]?.[0] : state.indices[key];

/** The indices of a state from the store. Lost ones are made again from the packages. */
export async function indicesOf(store: Store, state: State): Promise<Result<PackageIndex[]>> {
  const lost: string[] = [];
  const found = await parallel(Object.keys(state.indices).sort(), 4, async (key): Promise<PackageIndex[]> => {
    const file = state.indices[key];
    const read = file && (await readIndex(store, file));
    if (!file || !read) {
      lost.push(key);
      return [];
    }
    const packed = (await readPacked(store, state.packed?.[key])) ?? (await packIndex(read.data));
    const listed = state.contents?.[key];
    const contents = listed && (await readContentsIndex(store, listed));
    if (listed && !contents) lost.push(key);
    return [{ key, plain: { file, data: read.data }, packed, entries: read.entries, contents }];
  });
  const sources = await readSourceIndices(store, state);
  append(lost, sources.lost);
  if (!lost.length) return good([...found.flat(), ...sources.indices]);
  const others = { contents: state.contents !== undefined, sources: state.sources !== undefined };
  const made = await makeIndices(store, state.suites, [], others);
  const all = made.ok && !made.value.lost.length ? await made.value.finish() : [];
  const faults = lost.filter(
    (key) => all.find((index) => index.key === key)?.plain.file.sha256 !== plainIndexOf(state, key)?.sha256,
  );
  if (faults.length)
    return bad(
      faults.map((key) =>
        error('store-damaged', `the store lost the index of ${key}, and packages that it can be made from`, {
          hint: 'publish again',
        }),
      ),
    );
  await store.putObjects(all.flatMap(objectsOf));
  return good(all);
}
