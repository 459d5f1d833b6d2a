import { append } from '../model/lists.ts';
import { error, sorted, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { scopeId } from '../model/names.ts';
import type { DistributionInput, Plan, PlannedPackage } from '../model/plan.ts';
import type { Hints } from '../model/result.ts';
import { matcher } from '../plan/globs.ts';
import { archiveNames } from '../sandbox/archive-names.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { WrittenLimits } from '../sandbox/limits.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { History } from './history.ts';
import { PackageBuilder } from './build/package-builder.ts';
import { openSystem, shareAnswers, type SystemPackages } from './system-packages.ts';
import { makeTaskGraph, type TaskGraph } from './task-graph.ts';
import { TaskKeys } from './task-keys.ts';

/** The inputs of a run: on the machine that planned it, or on an agent that loaded it from the store. */
export interface RunInput {
  plan: Plan;
  distro: Distro;
  distroRoot: string;
  state: string;
  distributions: DistributionInput[];
  lock: Lockfile | undefined;
  /** Namespace of an untrusted run in the store. */
  untrusted: string | undefined;
  /** Checks a plan's system packages against what the archive of a base has. */
  checkArchive?: ArchiveCheck;
  /** Whether a package's tests are tasks. */
  tested: (p: PlannedPackage) => boolean;
  /** Whether a package's documentation is a task, and on which target. Default: none. */
  documented?: (scope: Plan['scopes'][number], target: TaskGraph['target'], p: PlannedPackage) => boolean;
  /** Bases that the plan was made with, by platform and architecture (`bookworm-amd64`). */
  bases: Record<string, { digest: string; archive: string }>;
}

/**
 * Finds packages of a scope that can't be built because the archive lacks system packages: the reason by package, and
 * diagnostics.
 */
export type ArchiveCheck = (
  scope: Plan['scopes'][number],
  target: TaskGraph['target'],
  names: ReadonlySet<string>,
) => { blocked: ReadonlyMap<string, string>; diagnostics: Diagnostic[] };

/** Limits of a run, and the signal that stops it. */
export interface Within {
  limits: Limits;
  signal: AbortSignal;
}

export interface Limits {
  workers: number;
  jobs: number;
  minutes: number;
  /** Resource limits of a task that differ from the defaults. */
  task: WrittenLimits;
}

/** Finds a package's version in a lockfile, if the lockfile has the same sources. */
export const lockedVersions =
  (lock: Lockfile | undefined) =>
  ({ id, scope }: Pick<TaskGraph, 'id' | 'scope'>, p: PlannedPackage): string | undefined => {
    const own = <T>(map: Record<string, T> | undefined, name: string): T | undefined =>
      map && Object.hasOwn(map, name) ? map[name] : undefined;
    const version = own(own(lock?.versions, id), p.name);
    const repository = own(own(lock?.distributions, scope.distribution), p.repository);
    const tree = own(repository?.packages, p.name)?.tree;
    return tree !== undefined && tree === p.source.tree ? version : undefined;
  };

/** The package versions of a run, for its lockfile. */
export const versionsOf = (graphs: readonly TaskGraph[]): Record<string, Record<string, string>> =>
  Object.fromEntries(
    graphs.map((graph) => [
      graph.id,
      Object.fromEntries(graph.records.flatMap((r) => (r ? [[r.package, r.version] as const] : []))),
    ]),
  );

/** The builds of a scope and target whose keys are not known, and why. */
export interface Unknown {
  id: string;
  packages: number;
  reason: string;
}

/** A prepared run: everything except scheduling. */
export interface Session {
  /** Prints a line for the user. */
  say: (line: string) => void;
  input: RunInput;
  driver: Driver;
  store: Store;
  taskKeys: TaskKeys;
  builder: PackageBuilder;
  graphs: TaskGraph[];
  /** Messages about tasks that no machine here can do. */
  waiting: string[];
  /** Targets without a base, if none may be made. */
  unknown: Unknown[];
  /** Diagnostics from before any build. */
  diagnostics: Diagnostic[];
  history: History;
  hints: Hints;
  channelVersion: (scope: Plan['scopes'][number], target: TaskGraph['target'], debian: string) => string | undefined;
}

/** Stores apt's answers of a session for other machines. */
export const shareResolved = ({ graphs, store }: Pick<Session, 'graphs' | 'store'>): Promise<void> =>
  shareAnswers(new Set(graphs.map((graph) => graph.system)), store);

export const ownArchitecture = (): string | undefined =>
  (
    ({
      x64: 'amd64',
      arm64: 'arm64',
      arm: 'armhf',
      ia32: 'i386',
      ppc64: 'ppc64el',
      riscv64: 'riscv64',
      s390x: 's390x',
    }) as Record<string, string>
  )[process.arch];

/**
 * `hinted`: loads hints of earlier runs at once; otherwise each task is requested explicitly. `enters`: the session
 * enters roots, so this machine needs the bases and is limited to its own architecture; otherwise the session only
 * reports on other machines' results. `sharesBases`: a base that the plan does not name comes from the store, so that
 * all machines compute the same keys. `makesBases`: false for a preview, which leaves out targets without a base.
 */
export interface SessionOptions extends Within {
  driver: Driver;
  hinted?: boolean;
  enters?: boolean;
  sharesBases?: boolean;
  makesBases?: boolean;
  /** Prints a line for the user. */
  say: (line: string) => void;
  renewBase: boolean;
  channelVersion: Session['channelVersion'];
  store?: Store | undefined;
  retries?: number;
  /** Keep object files between builds of a package. */
  incrementalObjects?: boolean;
}

/** Opens the store, makes or fetches bases, and loads hints of earlier runs. */
export async function openSession(
  input: RunInput,
  options: SessionOptions,
): Promise<Session | { diagnostics: Diagnostic[] }> {
  const { state, distro } = input;
  const store = options.store ?? (await openStore(distro.store, input.distroRoot, state, input.untrusted));
  const history = new History(state);
  const taskKeys = new TaskKeys(distro, input.distroRoot, input.distributions);
  const builder = new PackageBuilder({
    stamp: input.plan.stamp,
    distro,
    distroRoot: input.distroRoot,
    driver: options.driver,
    state,
    store,
    taskKeys,
    jobs: options.limits.jobs,
    minutes: options.limits.minutes,
    limits: options.limits.task,
    retries: options.retries ?? distro.tests.retries,
    channelVersion: options.channelVersion,
    lockedVersion: lockedVersions(input.lock),
    signal: options.signal,
    incrementalObjects: options.incrementalObjects === true,
    now: Date.now,
  });
  const hints: Hints = { builds: new Map(), tests: new Map() };
  const scopes = input.plan.scopes.flatMap((s) => s.targets.map((t) => scopeId(s.distribution, t)));
  if (options.hinted !== false)
    for (const index of await store.many(scopes, (id) => store.readIndex(id))) {
      for (const [key, record] of index.builds) hints.builds.set(key, record);
      for (const [key, record] of index.tests) hints.tests.set(key, record);
    }
  history.hint(hints.builds.values());
  const prepared = await prepareScopes(input, options, store, history);
  if (!('graphs' in prepared)) return prepared;
  return {
    say: options.say,
    input,
    driver: options.driver,
    store,
    taskKeys,
    builder,
    ...prepared,
    history,
    hints,
    channelVersion: options.channelVersion,
  };
}

/** Bases and system packages of every target that this machine can run or report on. */
async function prepareScopes(
  input: RunInput,
  options: SessionOptions,
  store: Store,
  history: History,
): Promise<Pick<Session, 'graphs' | 'waiting' | 'unknown' | 'diagnostics'> | { diagnostics: Diagnostic[] }> {
  const { plan, distro } = input;
  const own = ownArchitecture();
  const diagnostics: Diagnostic[] = [];
  const waiting: string[] = [];
  const unknown: Unknown[] = [];
  const systems = new Map<string, SystemPackages>();
  const request = { ...input, ...options, store, progress: options.say };
  const graphs: TaskGraph[] = [];
  const lacking = new Map<string, Diagnostic>();
  const skipped = matcher(distro.tests.skip);
  for (const scope of plan.scopes) {
    for (const target of scope.targets) {
      const id = `${target.platform}-${target.architecture}`;
      const tells = options.enters === false && Object.hasOwn(input.bases, id);
      if (target.architecture !== own && !tells) {
        waiting.push(
          `waiting for a machine of ${target.architecture}: ${scope.packages.length} ` +
            `packages of ${scope.distribution} on ${target.platform}`,
        );
        continue;
      }
      if (options.signal.aborted) return { diagnostics: [error('stopped', 'stopped before anything was built')] };
      let opened = systems.get(id);
      if (!opened) {
        const system = await openSystem(request, target, tells);
        const [missing] = system.diagnostics;
        if (!system.ok && options.makesBases === false && missing?.code === 'base-missing') {
          const packages = scope.packages.length;
          unknown.push({ id: scopeId(scope.distribution, target), packages, reason: missing.message });
          continue;
        }
        if (!system.ok) {
          append(diagnostics, system.diagnostics);
          continue;
        }
        opened = system.value;
        systems.set(id, opened);
      }
      const { base } = opened.system;
      const names = input.checkArchive && !tells ? archiveNames(base) : undefined;
      const check = names && input.checkArchive?.(scope, target, names);
      for (const d of check?.diagnostics ?? []) lacking.set(d.message, d);
      graphs.push(
        makeTaskGraph({
          ...opened,
          scope,
          target,
          lacking: check?.blocked ?? new Map(),
          full: distro.reuse === 'full',
          history: history.get,
          tested: (p) => !p.blocked && input.tested(p) && !skipped(p.name),
          documented: (p) => !p.blocked && input.documented?.(scope, target, p) === true,
        }),
      );
    }
  }
  return diagnostics.length
    ? { diagnostics }
    : { graphs, waiting, unknown, diagnostics: sorted([...lacking.values()]) };
}
