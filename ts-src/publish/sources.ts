import { partsOf } from '../text/cut.ts';
import { md5 } from '../model/digest.ts';
import { compare } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { byHashPath, poolFolder, type Entry } from './indices.ts';
import { heldData, packIndex, readPacked, sourceKey, type PackageIndex } from './package-index.ts';
import type { State } from './state.ts';
import type { Suites } from './suites.ts';

/** A source package in a suite. */
interface Held {
  debian: string;
  files: readonly StoredFile[];
}

/**
 * Folder of a source package in the pool. Its name contains the digest of the .dsc, so that a remade source of the same
 * version does not collide.
 */
const folderOf = ({ debian, files }: Held): string =>
  `${poolFolder(debian)}/source-${files[0]?.sha256.slice(0, 16) ?? ''}`;

/** The source packages of a suite without duplicates, sorted. */
function sourcesIn(suites: Suites, suite: string): Held[] {
  const found = new Map<string, Held>();
  for (const [key, packages] of Object.entries(suites)) {
    if (key.slice(0, key.lastIndexOf('/')) !== suite) continue;
    for (const [debian, { sources }] of Object.entries(packages))
      if (sources?.[0]) found.set(sources[0].name, { debian, files: sources });
  }
  return [...found].sort((a, b) => compare(a[0], b[0])).map(([, held]) => held);
}

const namesIn = (suites: Suites): string[] =>
  [...new Set(Object.keys(suites).map((key) => key.slice(0, key.lastIndexOf('/'))))].sort(compare);

const poolOf = (held: readonly Held[]): Entry[] =>
  held.flatMap((h) =>
    h.files.map(({ name, sha256, size }) => ({ text: '', filename: `${folderOf(h)}/${name}`, sha256, size })),
  );

/** Repository files of a state's source packages and their indices. */
export const sourceFilesOf = (state: State): string[] =>
  Object.entries(state.sources ?? {}).flatMap(([suite, indices]) => [
    ...indices.map(({ sha256 }) => `dists/${suite}/${byHashPath('main/source/Sources', sha256)}`),
    ...poolOf(sourcesIn(state.suites, suite)).map((p) => p.filename),
  ]);

/**
 * The index entry of a source package: the fields of its .dsc, and its files. The .dsc itself is one of them, in each
 * list of digests.
 */
export function sourceEntry(dsc: Buffer, debian: string, files: readonly StoredFile[]): string {
  const [own] = files;
  if (!own) return '';
  const text = dsc
    .toString('utf8')
    .trim()
    .replace(/^Source: .*$/m, `Package: ${debian}`)
    .replace(/^Checksums-Sha256:$/m, `Checksums-Sha256:\n ${own.sha256} ${own.size} ${own.name}`)
    .replace(/^Files:$/m, `Files:\n ${md5(dsc)} ${own.size} ${own.name}`);
  return `${text}\nDirectory: ${folderOf({ debian, files })}\n`;
}

/** Entries of Sources indices of former states, by the digest of the .dsc. */
async function knownEntries(store: Store, former: readonly (State | undefined)[]): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const state of former)
    for (const [index] of Object.values(state?.sources ?? {})) {
      const text = index && (await store.readText(index));
      for (const entry of partsOf(text ?? '', '\n\n')) {
        const digest = /^Checksums-Sha256:\n ([0-9a-f]{64}) /m.exec(entry)?.[1];
        if (digest !== undefined) known.set(digest, `${entry.trim()}\n`);
      }
    }
  return known;
}

/**
 * Makes the Sources index of each suite. Entries of unchanged sources come from former indices; only new ones are read.
 * `lost`: digests of sources that the store has lost.
 */
export async function makeSourceIndices(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
): Promise<{ indices: PackageIndex[]; lost: string[] }> {
  const known = await knownEntries(store, former);
  const lost: string[] = [];
  const indices: PackageIndex[] = [];
  for (const suite of namesIn(suites)) {
    const held = sourcesIn(suites, suite);
    const entries = await store.many(held, async ({ debian, files }) => {
      const [dsc] = files;
      const before = dsc && known.get(dsc.sha256);
      if (before !== undefined || !dsc) return before ?? '';
      const data = await store.readData(dsc);
      if (!data) lost.push(dsc.sha256);
      return data ? sourceEntry(data, debian, files) : '';
    });
    const plain = heldData('Sources', Buffer.from(entries.map((e) => `${e}\n`).join('')));
    const packed = await packedOf(store, former, plain.file, suite);
    indices.push({
      key: sourceKey(suite),
      plain,
      packed: packed ?? (await packIndex(plain.data, 'Sources')),
      entries: poolOf(held),
    });
  }
  return { indices, lost };
}

/** The compressed forms of an index from a former state that has the same one. */
function packedOf(store: Store, former: readonly (State | undefined)[], file: StoredFile, suite: string) {
  const [, ...packed] =
    former.map((state) => state?.sources?.[suite]).find((f) => f?.[0]?.sha256 === file.sha256) ?? [];
  return readPacked(store, packed);
}

/** The Sources indices of a state from the store. `lost`: keys of lost ones. */
export async function readSourceIndices(
  store: Store,
  state: State,
): Promise<{ indices: PackageIndex[]; lost: string[] }> {
  const indices: PackageIndex[] = [];
  const lost: string[] = [];
  for (const [suite, [file, ...packed]] of Object.entries(state.sources ?? {})) {
    const data = file && (await store.readData(file));
    if (!file || !data) {
      lost.push(sourceKey(suite));
      continue;
    }
    const forms = (await readPacked(store, packed)) ?? (await packIndex(data, 'Sources'));
    const entries = poolOf(sourcesIn(state.suites, suite));
    indices.push({ key: sourceKey(suite), plain: { file, data }, packed: forms, entries });
  }
  return { indices, lost };
}
