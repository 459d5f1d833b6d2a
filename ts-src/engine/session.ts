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

/** What a run is made of, wherever it runs: on the machine that planned, or on an agent that got it from the store. */
export interface RunInput {
  plan: Plan;
  distro: Distro;
  distroRoot: string;
  state: string;
  distributions: DistributionInput[];
  lock: Lockfile | undefined;
  /** Name of the place of an untrusted run in the store. */
  untrusted: string | undefined;
  /** Checks a plan's system packages against what the archive of a base has. */
  checkArchive?: ArchiveCheck;
  /** Whose tests are tasks. */
  tested: (p: PlannedPackage) => boolean;
  /** Whose documentation is a task, and on which target. Default: none. */
  documented?: (scope: Plan['scopes'][number], target: TaskGraph['target'], p: PlannedPackage) => boolean;
  /** By platform and architecture (`bookworm-amd64`): the base that the plan was made with. */
  bases: Record<string, { digest: string; archive: string }>;
}

/** What of a scope can't be built since the archive lacks system packages: by package why, and what to tell. */
export type ArchiveCheck = (
  scope: Plan['scopes'][number],
  target: TaskGraph['target'],
  names: ReadonlySet<string>,
) => { blocked: ReadonlyMap<string, string>; diagnostics: Diagnostic[] };

/** What a run keeps to: how much it may take, and the signal that stops it. */
export interface Within {
  limits: Limits;
  signal: AbortSignal;
}

export interface Limits {
  workers: number;
  jobs: number;
  minutes: number;
  /** What a task may take of this machine, where it is not as the defaults have it. */
  task: WrittenLimits;
}

/** Finds the version that a lock has of a package, where its sources are those of the lock. */
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

/** The versions that a run's packages have, for its lock. */
export const versionsOf = (graphs: readonly TaskGraph[]): Record<string, Record<string, string>> =>
  Object.fromEntries(
    graphs.map((graph) => [
      graph.id,
      Object.fromEntries(graph.records.flatMap((r) => (r ? [[r.package, r.version] as const] : []))),
    ]),
  );

/** A run that is ready: everything but the scheduling. */
export interface Session {
  /** Is given lines for the user. */
  say: (line: string) => void;
  input: RunInput;
  driver: Driver;
  store: Store;
  taskKeys: TaskKeys;
  builder: PackageBuilder;
  graphs: TaskGraph[];
  /** What no machine here can do. */
  waiting: string[];
  /** What was found before anything is built. */
  diagnostics: Diagnostic[];
  history: History;
  hints: Hints;
  channelVersion: (scope: Plan['scopes'][number], target: TaskGraph['target'], debian: string) => string | undefined;
}

/** Leaves for other machines what apt was asked in a session. */
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
 * `hinted`: what is kept of earlier runs is read at once; without it each task is asked for. `enters`: roots are
 * entered, for which this machine needs the bases and can take those of its own architecture alone; without it the
 * session tells of what others did. `sharesBases`: a base that the plan
 * does not name is the store's, so that every machine computes the same keys.
 */
export interface SessionOptions extends Within {
  driver: Driver;
  hinted?: boolean;
  enters?: boolean;
  sharesBases?: boolean;
  /** Is given lines for the user. */
  say: (line: string) => void;
  renewBase: boolean;
  channelVersion: Session['channelVersion'];
  store?: Store | undefined;
  retries?: number;
  /** Object files stay between builds of a package. */
  incrementalObjects?: boolean;
}

/** Opens the store, makes or fetches the bases, and reads what is known of earlier runs. */
export async function openSession(
  input: RunInput,
  options: SessionOptions,
): Promise<Session | { diagnostics: Diagnostic[] }> {
  const { state, distro } = input;
  const store = options.store ?? (await openStore(distro.store, input.distroRoot, state, input.untrusted));
  const history = new History(state);
  const settler = new TaskKeys(distro, input.distroRoot, input.distributions);
  const builder = new PackageBuilder({
    stamp: input.plan.stamp,
    distro,
    distroRoot: input.distroRoot,
    driver: options.driver,
    state,
    store,
    taskKeys: settler,
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
    taskKeys: settler,
    builder,
    ...prepared,
    history,
    hints,
    channelVersion: options.channelVersion,
  };
}

/** Bases and system packages for every target that this machine can run, or tell of. */
async function prepareScopes(
  input: RunInput,
  options: SessionOptions,
  store: Store,
  history: History,
): Promise<Pick<Session, 'graphs' | 'waiting' | 'diagnostics'> | { diagnostics: Diagnostic[] }> {
  const { plan, distro } = input;
  const own = ownArchitecture();
  const diagnostics: Diagnostic[] = [];
  const waiting: string[] = [];
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
          `waiting for a machine of ${target.architecture}: ${scope.packages.length} packages of ${scope.distribution} on ${target.platform}`,
        );
        continue;
      }
      if (options.signal.aborted) return { diagnostics: [error('stopped', 'stopped before anything was built')] };
      let opened = systems.get(id);
      if (!opened) {
        const system = await openSystem(request, target, tells);
        if (!system.ok) {
          diagnostics.push(...system.diagnostics);
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
  return diagnostics.length ? { diagnostics } : { graphs, waiting, diagnostics: sorted([...lacking.values()]) };
}
