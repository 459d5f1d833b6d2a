import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { redacted } from '../model/urls.ts';
import type { Plan, PlannedPackage } from '../model/plan.ts';
import type { BriefRecord, BriefTest, TaskResult } from '../model/result.ts';
import { isOpenRecord, isRunManifest, isShard } from '../model/stored-run.ts';
import { readJson, writeWhole, makeFolder } from '../io/files.ts';
import type { RunPolicy } from '../plan/branch-policy.ts';
import { openStore } from '../store/open-store.ts';
import { parsed } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { isComplete } from './run-check.ts';
import { distributionsIn, type RunDistribution } from './run-distributions.ts';
import { runFolder, writeFiles } from './run-files.ts';
import { documentedOn } from '../engine/docs/targets.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import type { RunInput } from '../engine/session.ts';

/**
 * What agents know about a run, stored under its id: the distro repository, the lockfile and the channel at the time of
 * the plan. Agents use nothing else, so all of them build the same.
 */
export interface RunManifest {
  schema: 2;
  id: string;
  plan: Plan;
  distro: Distro;
  /** Files of the distro repository that builds read (patches, keys), in base64 by path. */
  files: Record<string, string>;
  distributions: RunDistribution[];
  lock: Lockfile | undefined;
  untrusted: string | undefined;
  /** Names of packages whose tests are tasks, by scope of the plan. */
  tested: string[][];
  /** Whether documentation is made, and whether its faults fail the run. */
  documentation: 'none' | 'tolerant' | 'strict';
  partial: boolean;
  /** Faults of the distro repository; they fail the run at its end. */
  faults: string[];
  pipeline: RunPolicy;
  /** Title of the run for people. */
  title: string;
  /** For people: the previous run of the same name, if it ended without a report. */
  lostBefore: string | undefined;
  /** For a package's pipeline: the packages of its repository, and those downstream. Otherwise undefined. */
  subject: { repository: string; own: string[]; downstream: string[] } | undefined;
  /** For a change: by package, the packages in the whole distribution that have it in their root. */
  users: Record<string, string[]>;
  channel: { name: string; held: Record<string, Record<string, string>> };
  architectures: string[];
  begun: number;
}

/**
 * One architecture's part of a run: its state before anything runs. Task numbers start at `first`, the most urgent
 * first.
 */
export interface Shard {
  schema: 1;
  architecture: string;
  first: number;
  bases: Record<string, { digest: string; archive: string }>;
  /** By graph: the records of cached builds by package; below those of cached tests. */
  records: Record<string, (BriefRecord | null)[]>;
  tests: Record<string, (BriefTest | null)[]>;
  /** The remaining tasks: graph and task number. */
  tasks: [string, number][];
  /** Tasks that ended without running, or are blocked. */
  results: Record<string, TaskResult[]>;
  /** By remaining task: expected seconds, and below the longest chain of tasks from it on. */
  seconds: number[];
  paths: number[];
}

/** The lockfile of a channel's last successful run. */
export const lockName = (channel: string): string => `locks/${channel}.json`;

export const newRunId = (stamp: string): string => `${stamp}-${randomBytes(4).toString('hex')}`;
export const isRunId = (text: string): boolean => /^\d{14}-[0-9a-f]{8}$/.test(text);

const bundleName = (id: string): string => `runs/${id}/bundle.gz`;
const partName = (id: string, architecture: string): string => `runs/${id}/part-${architecture}.gz`;
export const resultName = (id: string, task: number): string => `runs/${id}/results/${task}.json`;

/** The last run of a name, and whether it ended with a report. */
interface OpenRun {
  id: string;
  begun: number;
  /** URL for people. */
  url?: string | undefined;
  ended: boolean;
}

/** Writers of a namespace write this record, too, and a run tells of it. */
async function openRun(store: Store, name: string): Promise<OpenRun | undefined> {
  const kept = await store.readJson<unknown>(name);
  return isOpenRun(kept) ? kept : undefined;
}

const isOpenRun = (value: unknown): value is OpenRun => isOpenRecord(value);

const openName = (name: string): string => `runs/open/${namespaceName(name)}.json`;

/** The name of a sequence of runs: its channel, or a change's namespace. */
const lineOf = ({ pipeline, untrusted, title }: Pick<RunManifest, 'pipeline' | 'untrusted' | 'title'>): string =>
  pipeline.channel ?? untrusted ?? title;

/** Records that a run begins. Reports a previous run that was lost. */
export async function noteRun(
  store: Store,
  run: Pick<RunManifest, 'id' | 'pipeline' | 'untrusted' | 'title' | 'begun'>,
  url: string | undefined,
): Promise<string | undefined> {
  const name = openName(lineOf(run));
  const before = await openRun(store, name);
  await store.writeJson(name, { id: run.id, begun: run.begun, url, ended: false } satisfies OpenRun);
  // A build that plans again because its agent vanished has lost no run.
  if (!before || before.ended) return undefined;
  if (url !== undefined && before.url === url) return undefined;
  const when = new Date(before.begun).toISOString().slice(0, 16).replace('T', ' ');
  return (
    `the run before, ${before.id} of ${when} UTC${before.url ? ` (${before.url})` : ''}, ended ` +
    'without a report: what it built and tested is taken from the store'
  );
}

/** Records that a run has its report. */
export async function closeRun(store: Store, run: RunManifest): Promise<void> {
  const name = openName(lineOf(run));
  const open = await openRun(store, name);
  if (open?.id === run.id) await store.writeJson(name, { ...open, ended: true } satisfies OpenRun);
}

const packed = (value: unknown): Buffer => gzipSync(JSON.stringify(value), { level: 1 });

export const saveRunManifest = (store: Store, bundle: RunManifest): Promise<void> =>
  store.putBlob(bundleName(bundle.id), gzipSync(redacted(JSON.stringify(bundle)), { level: 1 }));
export const saveShard = (store: Store, id: string, part: Shard): Promise<void> =>
  store.putBlob(partName(id, part.architecture), packed(part));

/**
 * Reads a packed value of the store through an unpacked copy in the state. Values never change, and calls come every
 * few seconds.
 */
async function cached<T>(
  store: Store,
  folder: string,
  name: string,
  check: (value: unknown) => Promise<T | undefined>,
): Promise<T | undefined> {
  const copy = join(folder, basename(name, '.gz') + '.json');
  const kept = readJson<T>(copy);
  if (kept) return kept;
  const data = await store.getBlob(name);
  if (!data) return undefined;
  const text = unzipped(data);
  const value = text && (await check(parsed(text)));
  if (text && value) writeWhole(copy, text, { sync: false });
  return value;
}

const isForm = (value: unknown): value is RunManifest => isRunManifest(value);
const isPart = (value: unknown): value is Shard => isShard(value);
const asRun = async (value: unknown): Promise<RunManifest | undefined> =>
  isForm(value) && (await isComplete(value)) ? value : undefined;
const asShard = (value: unknown): Promise<Shard | undefined> => Promise.resolve(isPart(value) ? value : undefined);

/** Size limit of a run manifest or shard in bytes; ten thousand packages take a few megabytes. */
const largest = 512 << 20;

function unzipped(data: Buffer): Buffer | undefined {
  try {
    return gunzipSync(data, { maxOutputLength: largest });
  } catch {
    return undefined;
  }
}

export interface Loaded {
  bundle: RunManifest;
  parts: Shard[];
  store: Store;
  input: RunInput;
  state: string;
}

/**
 * Loads a run by its id on any machine. `storeUri`: the store of the distro file; `root`: base folder of a relative
 * path in it; `untrusted`: the run's namespace in the store. Of a namespace only runs that say so are loaded, since
 * its writers could leave it out of a manifest.
 */
export async function loadRun(
  id: string,
  storeUri: string,
  root: string,
  state: string,
  untrusted: string | undefined,
): Promise<Result<Loaded>> {
  makeFolder(state);
  const store = await openStore(storeUri, root, state, untrusted);
  const missing = bad(
    error('run-missing', `the store ${store.blobs.where} has no run '${id}'`, {
      hint: 'make a run with `slipway prepare`, and check that all machines use the same store',
    }),
  );
  if (!isRunId(id)) return missing;
  const folder = runFolder(state, id, untrusted);
  const bundle = await cached(store, folder, bundleName(id), asRun);
  if (bundle?.id !== id || bundle.untrusted !== untrusted) return missing;
  const parts: Shard[] = [];
  for (const architecture of bundle.architectures) {
    const part = await cached(store, folder, partName(id, architecture), asShard);
    if (part) parts.push(part);
  }
  const distroRoot = writeFiles(bundle.files, join(folder, 'distro'));
  const tested = testedIn(bundle);
  return good({
    bundle,
    parts,
    store,
    state,
    input: {
      plan: bundle.plan,
      distro: bundle.distro,
      distroRoot,
      state,
      distributions: distributionsIn(bundle.distributions),
      lock: bundle.lock,
      untrusted: bundle.untrusted,
      tested: (p) => tested.has(p),
      ...documentedIn(bundle),
      bases: Object.fromEntries(parts.flatMap((p) => Object.entries(p.bases))),
    },
  });
}

/** Whether a package's documentation is a task: the same on every machine, whatever part of the plan it loads. */
export const documentedIn = ({
  plan,
  distro,
  documentation,
}: Pick<RunManifest, 'plan' | 'distro' | 'documentation'>): Pick<RunInput, 'documented'> =>
  documentation === 'none' ? {} : { documented: documentedOn(distro, plan) };

/** The packages whose tests are tasks. */
export function testedIn({ plan, tested }: Pick<RunManifest, 'plan' | 'tested'>): Set<PlannedPackage> {
  return new Set(
    plan.scopes.flatMap((s, i) => {
      const names = new Set(tested[i]);
      return s.packages.filter((p) => names.has(p.name));
    }),
  );
}

/** A name in the store for an external name, such as a channel's. */
export const namespaceName = (text: string): string =>
  `${
    text
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[._-]+/, '')
      .slice(0, 60) || 'change'
  }-${sha256(text).slice(0, 16)}`;

/**
 * The namespace of a change in the store. A pull request and a job never share one, whatever their names are: what one
 * builds would be taken for the other's.
 */
export const changeNamespace = (of: 'request' | 'job', text: string): string => namespaceName(`${of} ${text}`);

/** Applies results of tasks to a graph. */
export function applyResults(graph: TaskGraph, tasks: readonly TaskResult[]): void {
  const places = new Map(graph.results.map((own, task) => [own?.id, task]));
  for (const t of tasks) {
    const task = places.get(t.id);
    if (task !== undefined) graph.results[task] = { ...t };
  }
}

/** Applies a shard's state before the run to a graph. */
export function applyShard(graph: TaskGraph, part: Shard): void {
  part.records[graph.id]?.forEach((record, n) => record && (graph.records[n] = record));
  part.tests[graph.id]?.forEach((record, n) => record && (graph.tests[n] = record));
  applyResults(graph, part.results[graph.id] ?? []);
}
