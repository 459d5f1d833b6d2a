import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { redacted } from '../model/urls.ts';
import type { Plan, PlannedPackage } from '../model/plan.ts';
import type { BriefRecord, BriefTest, TaskResult } from '../model/result.ts';
import { isRunManifest, isShard } from '../model/stored.ts';
import { readJson, writeWhole } from '../io/files.ts';
import type { RunPolicy } from '../plan/branch-policy.ts';
import { openStore } from '../store/open-store.ts';
import { parsed } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { distributionsIn, type RunDistribution } from './run-distributions.ts';
import { writeFiles } from './run-files.ts';
import { documentedOn } from '../engine/docs/targets.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import type { RunInput } from '../engine/session.ts';

/**
 * What agents need to know of a run, kept in the store under its id. It is all that they get: the distro repository,
 * the lock and the channel as they were when the run was planned, so every agent builds the same.
 */
export interface RunManifest {
  schema: 2;
  id: string;
  plan: Plan;
  distro: Distro;
  /** Files of the distro repository that builds read (patches, keys), base64 by path. */
  files: Record<string, string>;
  distributions: RunDistribution[];
  lock: Lockfile | undefined;
  untrusted: string | undefined;
  /** Names of packages whose tests are tasks, by scope of the plan. */
  tested: string[][];
  /** Whether documentation is made too, and whether its faults fail the run. */
  documentation: 'none' | 'tolerant' | 'strict';
  partial: boolean;
  /** Faults of the distro repository: they count as a failed build at the end. */
  faults: string[];
  pipeline: RunPolicy;
  /** For people: what the run is of. */
  title: string;
  /** For people: the run of the same name before this one that ended without a report. */
  lostBefore: string | undefined;
  /** Packages of the repository that a package's pipeline is about, and those downstream of it; undefined elsewhere. */
  subject: { repository: string; own: string[]; downstream: string[] } | undefined;
  /** Of packages that a change is about: who is built with them in its root, in the whole distribution. */
  users: Record<string, string[]>;
  channel: { name: string; held: Record<string, Record<string, string>> };
  architectures: string[];
  begun: number;
}

/**
 * What one architecture's machine found out before anything runs. Numbers of tasks count from `first`, the most urgent
 * first.
 */
export interface Shard {
  schema: 1;
  architecture: string;
  first: number;
  bases: Record<string, { digest: string; archive: string }>;
  /** By scope run: what is kept, by package; tests that are kept. */
  records: Record<string, (BriefRecord | null)[]>;
  tests: Record<string, (BriefTest | null)[]>;
  /** Of the tasks that are left: scope run and task. */
  tasks: [string, number][];
  /** Tasks that came to an end without running, or were found blocked. */
  results: Record<string, TaskResult[]>;
  /** What each is thought to take, and the longest chain of tasks from it on. */
  seconds: number[];
  paths: number[];
}

/** The lock of a channel's last good run. */
export const lockName = (channel: string): string => `locks/${channel}.json`;

export const newRunId = (stamp: string): string => `${stamp}-${randomBytes(4).toString('hex')}`;
export const isRunId = (text: string): boolean => /^\d{14}-[0-9a-f]{8}$/.test(text);

const bundleName = (id: string): string => `runs/${id}/bundle.gz`;
const partName = (id: string, architecture: string): string => `runs/${id}/part-${architecture}.gz`;
export const resultName = (id: string, task: number): string => `runs/${id}/results/${task}.json`;

/** The last run of a name: which, and whether it came to its report. */
interface OpenRun {
  id: string;
  begun: number;
  /** Where people see it. */
  url?: string | undefined;
  ended: boolean;
}

const openName = (name: string): string => `runs/open/${namespaceName(name)}.json`;

/** What names a run's line of runs: its channel, or of a change its part of the store. */
const lineOf = ({ pipeline, untrusted, title }: Pick<RunManifest, 'pipeline' | 'untrusted' | 'title'>): string =>
  pipeline.channel ?? untrusted ?? title;

/** Notes that a run begins; says it where the one before was lost. */
export async function noteRun(
  store: Store,
  run: Pick<RunManifest, 'id' | 'pipeline' | 'untrusted' | 'title' | 'begun'>,
  url: string | undefined,
): Promise<string | undefined> {
  const name = openName(lineOf(run));
  const before = await store.readJson<OpenRun>(name);
  await store.writeJson(name, { id: run.id, begun: run.begun, url, ended: false } satisfies OpenRun);
  // A build that plans again, because its agent vanished, lost nothing.
  if (!before || before.ended || !Number.isInteger(before.begun) || Math.abs(before.begun) > 1e14) return undefined;
  if (url !== undefined && before.url === url) return undefined;
  const when = new Date(before.begun).toISOString().slice(0, 16).replace('T', ' ');
  return `the run before, ${before.id} of ${when} UTC${before.url ? ` (${before.url})` : ''}, ended without a report: what it built and tested is taken from the store`;
}

/** Notes that a run has its report. */
export async function closeRun(store: Store, run: RunManifest): Promise<void> {
  const name = openName(lineOf(run));
  const open = await store.readJson<OpenRun>(name);
  if (open?.id === run.id) await store.writeJson(name, { ...open, ended: true } satisfies OpenRun);
}

const packed = (value: unknown): Buffer => gzipSync(JSON.stringify(value), { level: 1 });

export const saveRunManifest = (store: Store, bundle: RunManifest): Promise<void> =>
  store.putBlob(bundleName(bundle.id), gzipSync(redacted(JSON.stringify(bundle)), { level: 1 }));
export const saveShard = (store: Store, id: string, part: Shard): Promise<void> =>
  store.putBlob(partName(id, part.architecture), packed(part));

/**
 * Reads a packed value of the store through a copy in the state, unpacked: it never changes, and calls come every few
 * seconds.
 */
async function cached<T>(
  store: Store,
  state: string,
  name: string,
  is: (value: unknown) => value is T,
): Promise<T | undefined> {
  const copy = join(state, 'cache', name.replace(/\.gz$/, '.json'));
  const kept = readJson<T>(copy);
  if (kept) return kept;
  const data = await store.getBlob(name);
  if (!data) return undefined;
  const text = unzipped(data);
  const value: unknown = text && parsed(text);
  if (!text || !is(value)) return undefined;
  writeWhole(copy, text, { sync: false });
  return value;
}

const isBundle = (value: unknown): value is RunManifest => isRunManifest(value);
const isPart = (value: unknown): value is Shard => isShard(value);

/** Most bytes of a run's manifest or shard: those of ten thousand packages take some megabytes. */
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
 * A run by its id, on whatever machine. `storeUri` is what the distro file names, `root` what a relative path in it is
 * relative to.
 */
export async function loadRun(
  id: string,
  storeUri: string,
  root: string,
  state: string,
  untrusted: string | undefined,
): Promise<Result<Loaded>> {
  mkdirSync(state, { recursive: true });
  const store = await openStore(storeUri, root, state, untrusted);
  const missing = bad(
    error('run-missing', `the store ${store.blobs.where} has no run '${id}'`, {
      hint: 'make a run with `slipway prepare`, and check that all machines use the same store',
    }),
  );
  if (!isRunId(id)) return missing;
  const bundle = await cached(store, state, bundleName(id), isBundle);
  if (bundle?.id !== id) return missing;
  const parts: Shard[] = [];
  for (const architecture of bundle.architectures) {
    const part = await cached(store, state, partName(id, architecture), isPart);
    if (part) parts.push(part);
  }
  const distroRoot = writeFiles(bundle, state);
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

/** Whose documentation is a task: the same on every machine, whatever part of the plan it opens. */
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

/** A name for a place in the store from what comes from outside: a pull request's, a job's. */
export const namespaceName = (text: string): string =>
  `${
    text
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 60) || 'change'
  }-${sha256(text).slice(0, 8)}`;

/** What became of tasks, told in a run on this machine. */
export function applyResults(graph: TaskGraph, tasks: readonly TaskResult[]): void {
  const places = new Map(graph.results.map((own, task) => [own?.id, task]));
  for (const t of tasks) {
    const task = places.get(t.id);
    if (task !== undefined) graph.results[task] = { ...t };
  }
}

/** What was known before anything ran, told in a run on this machine. */
export function applyShard(graph: TaskGraph, part: Shard): void {
  part.records[graph.id]?.forEach((record, n) => record && (graph.records[n] = record));
  part.tests[graph.id]?.forEach((record, n) => record && (graph.tests[n] = record));
  applyResults(graph, part.results[graph.id] ?? []);
}
