import { md5 } from '../model/digest.ts';
import { compare } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { byHashPath, poolFolder, type Entry } from './indices.ts';
import { heldData, packIndex, readPacked, sourceKey, type PackageIndex } from './package-index.ts';
import type { State } from './state.ts';
import type { Suites } from './suites.ts';

/** A package's source as a suite has it. */
interface Held {
  debian: string;
  files: readonly StoredFile[];
}

/**
 * Where a source lies in the pool. Its .dsc is in the folder's name: what is made anew under the same version lies
 * beside the former one.
 */
const folderOf = ({ debian, files }: Held): string =>
  `${poolFolder(debian)}/source-${files[0]?.sha256.slice(0, 16) ?? ''}`;

/** Each source of a suite once, whatever architectures have it, sorted. */
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

/** Files of a repository that a state's sources and their indices have. */
export const sourceFilesOf = (state: State): string[] =>
  Object.entries(state.sources ?? {}).flatMap(([suite, indices]) => [
    ...indices.map(({ sha256 }) => `dists/${suite}/${byHashPath('main/source/Sources', sha256)}`),
    ...poolOf(sourcesIn(state.suites, suite)).map((p) => p.filename),
  ]);

/**
 * The entry of a source in an index: what its .dsc says, and where its files are. The .dsc is one of them, in each list
 * of digests.
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

/** Entries of Sources indices that former states have, by the digest of the .dsc. */
async function knownEntries(store: Store, former: readonly (State | undefined)[]): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const state of former)
    for (const [index] of Object.values(state?.sources ?? {})) {
      const text = index && (await store.readText(index));
      for (const entry of text?.split(/\n\n+/) ?? []) {
        const digest = /^Checksums-Sha256:\n ([0-9a-f]{64}) /m.exec(entry)?.[1];
        if (digest !== undefined) known.set(digest, `${entry.trimEnd()}\n`);
      }
    }
  return known;
}

/**
 * Makes the Sources index of each suite. Of a former state's sources the entries are taken from its index, so that only
 * those that are new are read. `lost`: digests of sources that the store has no more.
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

/** The compressed forms of an index that a former state has as it is. */
function packedOf(store: Store, former: readonly (State | undefined)[], file: StoredFile, suite: string) {
  const [, ...packed] =
    former.map((state) => state?.sources?.[suite]).find((f) => f?.[0]?.sha256 === file.sha256) ?? [];
  return readPacked(store, packed);
}

/** The Sources indices of a state from the store. `lost`: keys of those that it has no more. */
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
