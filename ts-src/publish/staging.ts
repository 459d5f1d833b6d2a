import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { parallel, run } from '../io/process.ts';
import type { Store } from '../store/store.ts';
import type { Endpoint } from './endpoint.ts';
import { byHashPath, packedIndex, readPackages, readRelease, renderRelease, type IndexFile } from './indices.ts';
import type { Signer } from './signing.ts';
import { shortId, type State } from './state.ts';

/** How a repository is written beside what a state says. */
export interface Settings {
  organization: string;
  sha512: boolean;
  /** Days for which a Release file is valid; undefined: for ever. */
  validDays: number | undefined;
}

/** One suite of a state with its indices in all forms. */
export interface SuiteFiles {
  name: string;
  architectures: string[];
  files: IndexFile[];
}

/** A suite that is staged at an endpoint: its InRelease is all that is missing. */
export interface StagedSuite {
  name: string;
  files: IndexFile[];
  release: string;
  detached: string;
  inRelease: string;
  /** Tag of the InRelease that it replaces. */
  before: string | undefined;
  current: boolean;
}

/** A package's file in the pool. */
interface Pooled {
  filename: string;
  sha256: string;
  size: number;
}

const xz = async (data: Buffer): Promise<Buffer> => {
  const packed = await run('xz', ['-q', '-1', '-T1', '-c'], { input: data, encoding: 'latin1' });
  if (packed.code !== 0) throw Object.assign(new Error(`xz failed: ${packed.stderr.trim()}`), { code: 'EXZ' });
  return Buffer.from(packed.stdout, 'latin1');
};

export interface Indexed {
  suites: SuiteFiles[];
  pool: Pooled[];
}

/** The files of a state's suites, from the indices that the store has of it. */
export async function indexFiles(store: Store, state: State): Promise<Result<Indexed>> {
  const bySuite = new Map<string, SuiteFiles>();
  const pool = new Map<string, Pooled>();
  const faults: Diagnostic[] = [];
  const parts = await parallel(Object.keys(state.indices).sort(), 4, async (key) => {
    const text = await store.readText(state.indices[key]!);
    if (text === undefined)
      faults.push(error('store-damaged', `the store lost the index of ${key}`, { hint: 'publish again' }));
    const architecture = key.slice(key.lastIndexOf('/') + 1);
    const files = await packedIndex(`main/binary-${architecture}/Packages`, Buffer.from(text ?? ''), xz);
    for (const { filename, sha256: digest, size } of readPackages(text ?? ''))
      pool.set(filename, { filename, sha256: digest, size });
    return { key, architecture, files };
  });
  if (faults.length) return bad(...faults);
  for (const { key, architecture, files } of parts) {
    const name = key.slice(0, key.lastIndexOf('/'));
    const suite = bySuite.get(name) ?? { name, architectures: [], files: [] };
    suite.architectures.push(architecture);
    suite.files.push(...files);
    bySuite.set(name, suite);
  }
  return good({ suites: [...bySuite.values()], pool: [...pool.values()] });
}

/**
 * Brings packages to an endpoint's pool. `known`: those that a state has which is there already, by path; they are
 * looked at where that costs nothing. Gives digests that the store lost.
 */
export async function stagePool(
  store: Store,
  endpoint: Endpoint,
  pool: readonly Pooled[],
  known: ReadonlyMap<string, string>,
): Promise<Result<string[]>> {
  const lost: string[] = [];
  const faults: Diagnostic[] = [];
  const wanted = pool.filter((p) => known.get(p.filename) !== p.sha256 || endpoint.has(p.filename, p.size) === false);
  await parallel(wanted, endpoint.width, async ({ filename, sha256: digest, size }) => {
    const name = filename.slice(filename.lastIndexOf('/') + 1);
    const path = await store.path({ name, sha256: digest, size });
    if (path === undefined) return void lost.push(digest);
    let placed = await endpoint.placeFile(filename, { path, sha256: digest, size });
    // What was published with these very bytes and has others now was damaged.
    if (placed === 'other' && known.get(filename) === digest) {
      await endpoint.remove(filename);
      placed = await endpoint.placeFile(filename, { path, sha256: digest, size });
    }
    if (placed === 'other')
      faults.push(
        error('pool-conflict', `${filename} is at ${endpoint.where} already, with other bytes under the same version`, {
          hint: 'build the package anew: then it has a version of its own',
        }),
      );
  });
  return faults.length ? bad(...faults) : good(lost);
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
}

/** Brings all of a suite to an endpoint but what makes clients see it. */
export async function stageSuite(input: SuiteInput): Promise<Result<StagedSuite>> {
  const { endpoint, signer, state, id, suite, settings, now } = input;
  const { name, files } = suite;
  const folder = `dists/${name}`;
  const seen = await endpoint.read(`${folder}/InRelease`);
  const before = seen && readRelease(seen.data.toString('utf8'));
  const current =
    before?.whole === true &&
    before.state === id &&
    !input.renew &&
    before.signedBy.join() === signer.fingerprints.join() &&
    files.every((f) => before.files.get(f.path)?.sha256 === sha256(f.data));
  await parallel(files, endpoint.width, async (f) => {
    const hashed = `${folder}/${byHashPath(f.path, sha256(f.data))}`;
    // By-hash files are named by their content: one with another was damaged.
    if ((await endpoint.placeData(hashed, f.data)) === 'other') {
      await endpoint.remove(hashed);
      await endpoint.placeData(hashed, f.data);
    }
  });
  const fields = {
    origin: settings.organization,
    architectures: suite.architectures,
    fingerprints: signer.fingerprints,
    channel: state.channel,
    state: id,
    sha512: settings.sha512,
  };
  const own = await stageState(input, { ...fields, date: state.when });
  if (!own.ok) return own;
  if (current) return good({ name, files, release: '', detached: '', inRelease: '', before: seen?.tag, current });
  // apt ignores a Release file that is older than the one it has.
  const last = before?.date ?? 0;
  const date = last > now && last - now < 86_400_000 ? last + 1000 : now;
  const release = renderRelease(
    {
      ...fields,
      suite: name,
      codename: name,
      date,
      byHash: true,
      validUntil: settings.validDays === undefined ? undefined : date + settings.validDays * 86_400_000,
    },
    files,
  );
  const [inRelease, detached] = await Promise.all([
    signer.sign(release, 'clearsign'),
    signer.sign(release, 'detached'),
  ]);
  if (!inRelease.ok) return inRelease;
  if (!detached.ok) return detached;
  return good({
    name,
    files,
    release,
    detached: detached.value,
    inRelease: inRelease.value,
    before: seen?.tag,
    current,
  });
}

/** The state as a suite of its own, `states/ID/SUITE`: it never changes, so plain names are enough. */
async function stageState(
  { endpoint, signer, id, suite, renew }: SuiteInput,
  fields: Omit<Parameters<typeof renderRelease>[0], 'suite' | 'codename' | 'byHash'>,
): Promise<Result<void>> {
  const name = `states/${shortId(id)}`;
  const folder = `dists/${name}/${suite.name}`;
  const seen = await endpoint.read(`${folder}/InRelease`);
  const there = seen && readRelease(seen.data.toString('utf8'));
  if (there?.whole && there.signedBy.join() === signer.fingerprints.join() && !renew) return good(undefined);
  const release = renderRelease({ ...fields, suite: name, codename: suite.name, byHash: false }, suite.files);
  const signed = await signer.sign(release, 'clearsign');
  if (!signed.ok) return signed;
  await parallel(suite.files, endpoint.width, (f) => endpoint.placeData(`${folder}/${f.path}`, f.data));
  await endpoint.put(`${folder}/InRelease`, Buffer.from(signed.value));
  return good(undefined);
}

/** Lets clients see staged suites: names for other tools first, then one InRelease after the other. */
export async function switchSuites(endpoint: Endpoint, staged: readonly StagedSuite[]): Promise<Result<string[]>> {
  const changed = staged.filter((s) => !s.current);
  const plain = staged.flatMap((s) =>
    [
      ...s.files,
      ...(s.current
        ? []
        : [
            { path: 'Release', data: Buffer.from(s.release) },
            { path: 'Release.gpg', data: Buffer.from(s.detached) },
          ]),
    ].map((f) => ({ name: `dists/${s.name}/${f.path}`, data: f.data })),
  );
  await parallel(plain, endpoint.width, async ({ name, data }) => {
    if (staged.length !== changed.length && (await endpoint.read(name))?.data.equals(data)) return;
    await endpoint.put(name, data);
  });
  for (const s of changed) {
    if (!(await endpoint.replace(`dists/${s.name}/InRelease`, Buffer.from(s.inRelease), s.before)))
      return bad(
        error('channel-moved', `another run published to ${endpoint.where} since this one was staged`, {
          hint: 'run the same command again: it goes on from what was published',
        }),
      );
  }
  return good(changed.map((s) => `dists/${s.name}/InRelease`));
}
