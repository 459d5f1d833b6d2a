import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { run } from '../io/process.ts';
import { sha256 } from '../model/digest.ts';
import type { StoredFile } from '../model/result.ts';
import { isRelativePath } from '../model/stored.ts';
import type { Store } from '../store/store.ts';
import { readPackages, type Entry, type IndexFile } from './indices.ts';

/** A file of the store with its content in memory. */
export interface HeldData {
  file: StoredFile;
  data: Buffer;
}

/** The "architecture" of a suite's Sources index in keys. */
const ofSources = 'source';

/** All forms of a Packages index (suite and architecture) or Sources index (suite). */
export interface PackageIndex {
  /** Suite with architecture, or `SUITE/source`. */
  key: string;
  plain: HeldData;
  /** Compressed forms, named by the suffix of the path. */
  packed: HeldData[];
  /** Entries of the index. */
  entries: Entry[];
  contents?: { plain: HeldData; packed: HeldData } | undefined;
}

export const sourceKey = (suite: string): string => `${suite}/${ofSources}`;
export const isSourceIndex = ({ key }: Pick<PackageIndex, 'key'>): boolean => key.endsWith(`/${ofSources}`);

export const heldData = (name: string, data: Buffer): HeldData => ({
  file: { name, sha256: sha256(data), size: data.length },
  data,
});

const gzipped = promisify(gzip);

const xz = async (data: Buffer): Promise<Buffer> => {
  // Level 0 takes half the time of level 1 for a few percent more bytes.
  const packed = await run('xz', ['-q', '-0', '-T1', '-c'], { input: data, encoding: 'latin1' });
  if (packed.code !== 0) throw Object.assign(new Error(`xz failed: ${packed.stderr.trim()}`), { code: 'EXZ' });
  return Buffer.from(packed.stdout, 'latin1');
};

/** Compresses an index, in parallel with other work. */
export async function packIndex(data: Buffer, name = 'Packages'): Promise<HeldData[]> {
  const [gz, xzed] = await Promise.all([gzipped(data, { level: 6 }), xz(data)]);
  return [heldData(`${name}.gz`, gz), heldData(`${name}.xz`, xzed)];
}

/** Cache of read indices by store and digest: a publication reads those of the previous state several times. */
const remembered = new WeakMap<Store, Map<string, Promise<{ data: Buffer; entries: Entry[] } | undefined>>>();
/** Maximum number of cached indices. */
const most = 64;

export function readIndex(store: Store, file: StoredFile): Promise<{ data: Buffer; entries: Entry[] } | undefined> {
  const known = remembered.get(store) ?? new Map<string, Promise<{ data: Buffer; entries: Entry[] } | undefined>>();
  remembered.set(store, known);
  const before = known.get(file.sha256);
  if (before) return before;
  const read = store.readData(file).then((data) => data && withEntries(data));
  for (const first of known.size >= most ? known.keys() : []) {
    known.delete(first);
    break;
  }
  known.set(file.sha256, read);
  return read;
}

/** An index with its entries; undefined if it names a file that is not in the pool: it would be written elsewhere. */
function withEntries(data: Buffer): { data: Buffer; entries: Entry[] } | undefined {
  const entries = readPackages(data.toString('utf8'));
  const pooled = entries.every(({ filename }) => filename.startsWith('pool/') && isRelativePath(filename));
  return pooled ? { data, entries } : undefined;
}

/** The entries of an index in the store; empty if it is lost. */
export const entriesOf = async (store: Store, file: StoredFile): Promise<Entry[]> =>
  (await readIndex(store, file))?.entries ?? [];

/** The compressed forms of an index in the store; undefined if one is missing. */
export async function readPacked(
  store: Store,
  packed: readonly StoredFile[] | undefined,
): Promise<HeldData[] | undefined> {
  const found: HeldData[] = [];
  for (const file of packed ?? []) {
    const data = await store.readData(file);
    if (data) found.push({ file, data });
  }
  return packed?.length && found.length === packed.length ? found : undefined;
}

/** The files of an index in a suite. */
export function filesOf({ key, plain, packed, contents }: PackageIndex): IndexFile[] {
  const architecture = key.slice(key.lastIndexOf('/') + 1);
  const at = (path: string, { file, data }: HeldData): IndexFile => ({ path, data, sha256: file.sha256 });
  const names = `main/Contents-${architecture}`;
  const folder = isSourceIndex({ key }) ? `main/${ofSources}` : `main/binary-${architecture}`;
  return [
    ...[plain, ...packed].map((held) => at(`${folder}/${held.file.name}`, held)),
    ...(contents ? [{ ...at(names, contents.plain), unwritten: true }, at(`${names}.gz`, contents.packed)] : []),
  ];
}

/** The store's objects of an index. */
export const objectsOf = ({ plain, packed, contents }: PackageIndex): HeldData[] => [
  plain,
  ...packed,
  ...(contents ? [contents.packed] : []),
];

/** The fields of a state that name its indices. */
export function listedIndices(indices: readonly PackageIndex[], others: { contents: boolean; sources: boolean }) {
  const packages = indices.filter((index) => !isSourceIndex(index));
  const forms = (index: PackageIndex) => index.packed.map((p) => p.file);
  const suiteOf = ({ key }: PackageIndex) => key.slice(0, key.lastIndexOf('/'));
  const contents = packages.flatMap((p) => (p.contents ? [[p.key, p.contents.packed.file] as const] : []));
  const sources = indices
    .filter(isSourceIndex)
    .map((index): [string, StoredFile[]] => [suiteOf(index), [index.plain.file, ...forms(index)]]);
  return {
    indices: Object.fromEntries(packages.map((index) => [index.key, index.plain.file])),
    packed: Object.fromEntries(packages.map((index) => [index.key, forms(index)])),
    ...(others.contents ? { contents: Object.fromEntries(contents) } : {}),
    ...(others.sources ? { sources: Object.fromEntries(sources) } : {}),
  };
}
