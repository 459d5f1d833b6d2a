import { append } from '../model/lists.ts';
import { bad, compare, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { parallel } from '../io/process.ts';
import type { Store } from '../store/store.ts';
import type { Endpoint } from './endpoint.ts';
import { byHashPath, readRelease, renderRelease, type Entry, type IndexFile } from './indices.ts';
import { filesOf, isSourceIndex, type PackageIndex } from './package-index.ts';
import type { Signer } from './signing.ts';
import { shortId, type State } from './state.ts';

/** Settings for writing a repository, besides the state. */
export interface Settings {
  organization: string;
  /** Maintainer of packages that Slipway generates. */
  maintainer?: string;
  sha512: boolean;
  /** Days until a Release file expires; undefined: never. */
  validDays: number | undefined;
  /** Add a package with the keys to each suite. */
  keyring?: boolean;
  /** Add Contents indices to each suite, for apt-file. */
  contents?: boolean;
  /** Add a Sources index and source packages to each suite. */
  sources?: boolean;
}

/** A suite of a state with all forms of its indices, and their packages. */
export interface SuiteFiles {
  name: string;
  architectures: string[];
  files: IndexFile[];
  pool: Entry[];
}

/** A suite that is staged at an endpoint; only its InRelease is missing. */
export interface StagedSuite {
  name: string;
  files: IndexFile[];
  /** The Release file for clients; undefined if it is current already. */
  release: SignedRelease | undefined;
  /** Tag of the InRelease to replace. */
  before: string | undefined;
  current: boolean;
}

interface SignedRelease {
  release: string;
  detached: string;
  inRelease: string;
}

/** The suites of these indices. */
export function suitesIn(indices: readonly PackageIndex[]): SuiteFiles[] {
  const suites = new Map<string, SuiteFiles>();
  for (const index of [...indices].sort((a, b) => compare(a.key, b.key))) {
    const at = index.key.lastIndexOf('/');
    const name = index.key.slice(0, at);
    const suite = suites.get(name) ?? { name, architectures: [], files: [], pool: [] };
    if (!isSourceIndex(index)) suite.architectures.push(index.key.slice(at + 1));
    append(suite.files, filesOf(index));
    for (const entry of index.entries) suite.pool.push(entry);
    suites.set(name, suite);
  }
  return [...suites.values()];
}

/**
 * Writes packages to an endpoint's pool. `known`: digests of a state that is there already; `looks`: verify these, too,
 * if no request is needed. Returns digests that the store has lost.
 */
export async function stagePool(
  store: Store,
  endpoint: Endpoint,
  pool: readonly Entry[],
  known: ReadonlySet<string>,
  looks: boolean,
): Promise<Result<string[]>> {
  const lost: string[] = [];
  const faults: Diagnostic[] = [];
  const wanted = pool.filter((p) => !known.has(p.sha256) || (looks && endpoint.has(p.filename, p.size) === false));
  await parallel(wanted, endpoint.width, async ({ filename, sha256: digest, size }) => {
    const name = filename.slice(filename.lastIndexOf('/') + 1);
    const path = await store.path({ name, sha256: digest, size });
    if (path === undefined) return void lost.push(digest);
    let placed = await endpoint.placeFile(filename, { path, sha256: digest, size });
    // It was published with these bytes and has others now: the file was damaged.
    if (placed === 'other' && known.has(digest)) {
      await endpoint.remove(filename);
      placed = await endpoint.placeFile(filename, { path, sha256: digest, size });
    }
    if (placed === 'other')
      faults.push(
        error(
          'pool-conflict',
          `${filename} already exists at ${endpoint.where} with the same version and other content`,
          {
            hint: 'build the package again to give it a new version',
          },
        ),
      );
  });
  return faults.length ? bad(faults) : good(lost);
}

export interface SuiteInput {
  endpoint: Endpoint;
  signer: Signer;
  state: State;
  id: string;
  suite: SuiteFiles;
  settings: Settings;
  now: number;
  renew: boolean;
  /** Resolves when all packages of the suite are placed; false: they can't be, and nothing is written. */
  pooled: Promise<boolean>;
}

/** Writes all files of a suite except those that make it visible to clients. */
export async function stageSuite(input: SuiteInput): Promise<Result<StagedSuite>> {
  const { endpoint, signer, state, id, suite, pooled } = input;
  const { name, files } = suite;
  const folder = `dists/${name}`;
  const seen = await endpoint.read(`${folder}/InRelease`);
  const before = seen && readRelease(seen.data);
  const current =
    before?.whole === true &&
    before.state === id &&
    !input.renew &&
    before.signedBy.join() === signer.fingerprints.join() &&
    files.every((f) => before.files.get(f.path)?.sha256 === f.sha256);
  const fields = commonFields(input);
  // Files are written while gpg signs. Errors of both are reported when awaited below.
  const hashed = pooled.then((there) => (there ? placeHashed(endpoint, suite) : undefined));
  hashed.catch(() => undefined);
  const own = stageState(input, { ...fields, date: state.when }, hashed);
  own.catch(() => undefined);
  const release = current ? undefined : await signRelease(input, fields, before?.date ?? 0);
  const stated = await own;
  await hashed;
  if (!stated.ok) return stated;
  if (release?.ok === false) return release;
  return good({ name, files, release: release?.value, before: seen?.tag, current });
}

const commonFields = ({ settings, suite, signer, state, id }: Omit<SuiteInput, 'renew' | 'pooled'>): CommonFields => ({
  origin: settings.organization,
  architectures: suite.architectures,
  fingerprints: signer.fingerprints,
  channel: state.channel,
  state: id,
  sha512: settings.sha512,
});

type CommonFields = Omit<Parameters<typeof renderRelease>[0], 'suite' | 'codename' | 'byHash' | 'date' | 'validUntil'>;

/** `last`: date of the current Release file. */
async function signRelease(
  { signer, suite, settings, now }: SuiteInput,
  fields: CommonFields,
  last: number,
): Promise<Result<SignedRelease>> {
  // apt ignores a Release file older than its own.
  const date = last > now && last - now < 86_400_000 ? last + 1000 : now;
  const release = renderRelease(
    {
      ...fields,
      suite: suite.name,
      codename: suite.name,
      date,
      byHash: true,
      validUntil: settings.validDays === undefined ? undefined : date + settings.validDays * 86_400_000,
    },
    suite.files,
  );
  const [inRelease, detached] = await Promise.all([
    signer.sign(release, 'clearsign'),
    signer.sign(release, 'detached'),
  ]);
  if (!inRelease.ok) return inRelease;
  if (!detached.ok) return detached;
  return good({ release, detached: detached.value, inRelease: inRelease.value });
}

/** Renews the signature of a state's own suite; its indices are there already. */
export const resignState = (input: Omit<SuiteInput, 'renew' | 'pooled'>): Promise<Result<void>> => {
  const there = Promise.resolve(true);
  const fields = { ...commonFields(input), date: input.state.when };
  return stageState({ ...input, renew: true, pooled: there }, fields, Promise.resolve());
};

const hashedName = (suite: SuiteFiles, file: IndexFile): string =>
  `dists/${suite.name}/${byHashPath(file.path, file.sha256)}`;

const writtenOf = ({ files }: { files: readonly IndexFile[] }): IndexFile[] => files.filter((f) => !f.unwritten);

/** By-hash files are named by content: one with other content is damaged. */
async function placeHashed(endpoint: Endpoint, suite: SuiteFiles): Promise<void> {
  const files = writtenOf(suite).map((f) => ({ name: hashedName(suite, f), data: f.data, sha256: f.sha256 }));
  const placed = await endpoint.placeAll(files);
  const damaged = files.filter((_, i) => placed[i] === 'other');
  for (const { name } of damaged) await endpoint.remove(name);
  if (damaged.length) await endpoint.placeAll(damaged);
}

/** The state as its own suite `states/ID/SUITE`. It never changes, so it needs no by-hash names. */
async function stageState(
  { endpoint, signer, id, suite, renew, pooled }: SuiteInput,
  fields: CommonFields & { date: number },
  hashed: Promise<void>,
): Promise<Result<void>> {
  const name = `states/${shortId(id)}`;
  const folder = `dists/${name}/${suite.name}`;
  const seen = await endpoint.read(`${folder}/InRelease`);
  const there = seen && readRelease(seen.data);
  if (there?.whole && there.signedBy.join() === signer.fingerprints.join() && !renew) return good(undefined);
  const release = renderRelease({ ...fields, suite: name, codename: suite.name, byHash: false }, suite.files);
  const signed = await signer.sign(release, 'clearsign');
  if (!signed.ok) return signed;
  await hashed;
  if (!(await pooled)) return good(undefined);
  await endpoint.putAll([
    ...writtenOf(suite).map((f) => ({ name: `${folder}/${f.path}`, data: f.data, like: hashedName(suite, f) })),
    { name: `${folder}/InRelease`, data: Buffer.from(signed.value) },
  ]);
  return good(undefined);
}

/** Makes staged suites visible to clients: first the files for other tools, then each InRelease. */
export async function switchSuites(endpoint: Endpoint, staged: readonly StagedSuite[]): Promise<Result<string[]>> {
  const changed = staged.filter((s) => s.release);
  const plain = staged.flatMap(({ name, files, release }) => [
    ...writtenOf({ files }).map((f) => ({
      name: `dists/${name}/${f.path}`,
      data: f.data,
      like: `dists/${name}/${byHashPath(f.path, f.sha256)}`,
    })),
    ...(release
      ? [
          { name: `dists/${name}/Release`, data: Buffer.from(release.release) },
          { name: `dists/${name}/Release.gpg`, data: Buffer.from(release.detached) },
        ]
      : []),
  ]);
  const wanted = await parallel(plain, endpoint.width, async (file) =>
    // Compares files of unchanged suites before writing.
    staged.length !== changed.length && (await endpoint.read(file.name, file.data.length))?.data.equals(file.data)
      ? []
      : [file],
  );
  await endpoint.putAll(wanted.flat());
  for (const { name, release, before } of changed) {
    if (!release) continue;
    if (!(await endpoint.replace(`dists/${name}/InRelease`, Buffer.from(release.inRelease), before)))
      return bad(
        error('channel-moved', `another run published to ${endpoint.where} since this one was staged`, {
          hint: 'run the same command again: it continues from the published state',
        }),
      );
  }
  return good(changed.map((s) => `dists/${s.name}/InRelease`));
}
