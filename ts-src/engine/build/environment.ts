import { dirname, join } from 'node:path';
import { makeFolder } from '../../io/files.ts';
import { writeFile } from '../../io/write.ts';
import { first } from '../../model/lists.ts';
import { withinTime } from '../../io/bounded.ts';
import type { Outcome } from '../../io/process.ts';
import { knownCause, type FailedPackage } from '../../render/log.ts';
import type { Bind, Driver } from '../../sandbox/driver.ts';
import { taskLimits, type WrittenLimits } from '../../sandbox/limits.ts';
import type { Packages } from '../../sandbox/package-layers.ts';
import type { Store } from '../../store/store.ts';
import { recordOf } from '../task-graph.ts';
import type { TaskKeys } from '../task-keys.ts';
import { readEnd } from '../../io/untrusted.ts';
import { ownPackage } from './packages.ts';
import { failed, lost, made, type BuildOutcome, type BuildRequest } from './outcome.ts';
import { otherConditions, otherJobs, writeVariation } from './other-conditions.ts';
import { bringFetched } from './fetched.ts';
import { applyPatches, bringSource } from './source.ts';

export interface EnvironmentOptions {
  driver: Driver;
  state: string;
  store: Store;
  distroRoot: string;
  taskKeys: TaskKeys;
  /** Parallel compilers of one package. */
  jobs: number;
  /** Longest time that a package may build, or its tests may take, in minutes. */
  minutes: number;
  /** Resource limits of a task that differ from the defaults. */
  limits: WrittenLimits;
  /** Stops the whole run. */
  signal: AbortSignal;
}

/** The environment of a task: its source, and the layers of its root. */
export interface BuildEnvironment {
  source: string;
  /** Mounted as /build: the source and the build's output. Untrusted as soon as a build has run. */
  build: string;
  /** Scripts and their parameters, outside of what a build can write. */
  recipe: string;
  /** System packages (`name=version`) on top of the base. */
  system: string[];
  layers: string[];
  /** The layer with the distribution's own packages. */
  own: string;
}

/** Folders below /build with a fixed purpose. */
const taken = new Set(['stage', 'obj', 'home', 'results']);

/** Name of a package's source folder below /build, changed if it collides with one of Slipway's folders. */
export const sourceFolder = (name: string): string => (taken.has(name) ? `${name}-source` : name);

/**
 * First stage: unpacks the source, applies patches, and assembles the root from system packages and the distribution's
 * own.
 */
export async function prepareEnvironment(
  options: EnvironmentOptions,
  packages: Packages,
  request: BuildRequest,
  roots: readonly number[],
): Promise<BuildOutcome<BuildEnvironment>> {
  const { graph, package: p, resolved, work, log } = request;
  makeFolder(dirname(log));
  writeFile(log, `== ${p.name} ${p.version} on ${graph.id}, key ${resolved.key}\n`);
  const system = await resolved.set.packages();
  if (typeof system === 'string') return failed(`apt can't install what it needs: ${system}`);
  const layers = await graph.layers.root(system, request.common);
  if (!layers.ok) {
    const { message, file } = first(layers.diagnostics);
    return failed(`${message} (${file})`);
  }
  const own = join(work, 'own');
  const status = await graph.layers.status(layers.value);
  if (status === undefined) throw new Error(`no layer of ${graph.id} has the list of its packages`);
  const problem = await packages.compose(
    roots.map((d) => ownPackage(graph, d)),
    status,
    own,
  );
  if (problem && 'clash' in problem)
    return failed(`two of its dependencies can't be installed together: ${problem.clash}`);
  if (problem) return lost(roots.filter((d) => problem.lost.includes(first(recordOf(graph, d).debs).sha256)));
  const build = join(work, 'build');
  const source = join(build, sourceFolder(p.name));
  const recipe = join(work, 'recipe');
  const { patches = [], fetch } = options.taskKeys.settingsOf(p.name);
  const fault =
    (await bringSource(options.state, options.store, p, source)) ??
    (await applyPatches(options.distroRoot, patches, source)) ??
    (await bringFetched(options.store, fetch, recipe, join(work, 'downloads')));
  if (request.repeat) writeVariation(build);
  return fault === undefined ? made({ source, build, recipe, system, layers: layers.value, own }) : failed(fault);
}

/** One execution inside a task's root. */
export interface BuildSteps {
  /** Script of the recipe, and its steps in order. slipway.sh accepts several. */
  script: 'slipway.sh' | 'pack.sh' | 'docs.sh';
  steps: string[];
  /** Working folder. */
  folder: string;
  /** Mounts besides the recipe, which is read-only at /slipway. */
  binds: Bind[];
  env: Record<string, string>;
  network: false | 'loopback';
  signal: AbortSignal;
}

/** The parts of an execution that differ between scripts. */
export type ScriptSteps = Pick<BuildSteps, 'script' | 'steps' | 'folder' | 'binds'>;

/** Ubuntu releases whose dpkg can't read zstd; their packages use xz. Debian's tools default to xz. */
const withoutZstd = ['focal', 'bionic'];

/** `isWhole`: the limit that was exceeded is all that this machine can give, although more was set. */
export type StepsOutcome = Outcome & { isWhole?: boolean };

/**
 * Runs steps of a recipe script in a new root with a task's packages. Each call has its own root: files written in
 * another one are missing, except in mounted folders.
 */
export async function enterEnvironment(
  options: EnvironmentOptions,
  request: BuildRequest,
  environment: BuildEnvironment,
  { script, steps, folder, binds, env, network, signal }: BuildSteps,
): Promise<StepsOutcome> {
  const { graph } = request;
  const { os, release } = graph.target;
  const xz = os === 'debian' || withoutZstd.includes(release);
  const own = options.taskKeys.settingsOf(request.package.name).limits;
  const limits = taskLimits(options.state, options.limits, own);
  const outcome = await options.driver.enter({
    root: { layers: [environment.own, ...environment.layers] },
    network,
    user: 'builder',
    work: join(request.work, `root-${steps.join('-')}`),
    log: request.log,
    signal,
    limits,
    binds: [...binds, { from: environment.recipe, to: '/slipway', readOnly: true }],
    env: {
      SLIPWAY_JOBS: String(request.repeat ? otherJobs(options.jobs) : options.jobs),
      SLIPWAY_COMPRESSION: xz ? 'xz' : 'zstd',
      SLIPWAY_COMPRESSION_LEVEL: xz ? '1' : '3',
      ...env,
    },
    command: [
      'sh',
      '-ec',
      (request.repeat && script === 'slipway.sh' ? otherConditions : '') +
        'cd "$1"; script=$2; shift 2; echo "== $1"; exec sh -e "/slipway/$script" "$@"',
      'sh',
      folder,
      script,
      ...steps,
    ],
  });
  return limits.cut?.some((what) => what === outcome.exceeded) ? { ...outcome, isWhole: true } : outcome;
}

const limitWords = {
  memory: 'took more memory than a task may have',
  processes: 'started more processes than a task may have',
  disk: 'wrote more to the disk than a task may',
};

/** Why steps failed: the time limit, a known cause found in the log, or the exit code. `what` names the steps. */
export function reasonOf(
  options: Pick<EnvironmentOptions, 'signal'>,
  outcome: StepsOutcome,
  limit: TimeLimit,
  { log, what, failed }: { log: string; what: string; failed?: FailedPackage },
): string {
  if (limit.signal.aborted && !options.signal.aborted) {
    const { minutes } = limit;
    const time = minutes >= 1 ? `${Math.round(minutes)} minutes` : `${Math.round(minutes * 60)} seconds`;
    return `it did not end in ${time}, and was stopped (${limit.longer})`;
  }
  if (outcome.exceeded) {
    const name = `limits.${outcome.exceeded}`;
    const more = outcome.isWhole
      ? `it got 95% of what this machine has, which is less than ${name} allows`
      : `${name} in package_settings gives it more`;
    return `${what} ${limitWords[outcome.exceeded]} (${more})`;
  }
  const cause = withinTime('its log', () => knownCause(readEnd(log, 200_000), failed));
  if (cause) return cause.hint === undefined ? cause.cause : `${cause.cause}\n${cause.hint}`;
  if (outcome.code === 127 && outcome.stderr) return outcome.stderr;
  return `${what} ended with ${outcome.signal ?? outcome.code}`;
}

/** The package, for messages about the cause of a failure. */
export const failedPackage = ({ graph, package: p }: BuildRequest): FailedPackage => ({
  folder: sourceFolder(p.name),
  undeclared: (name) =>
    name !== p.name &&
    ![p.build, p.run, p.test].some((names) => names.includes(name)) &&
    graph.scope.packages.some((q) => q.name === name),
});

/**
 * A signal that also fires at a time limit. Call `done` when it is no longer needed. `longer`: how to get more time.
 */
export interface TimeLimit {
  signal: AbortSignal;
  minutes: number;
  longer: string;
  done(): void;
}

/** Time limit of a package's build: its own setting if any. */
export const buildLimit = (options: EnvironmentOptions, name: string): TimeLimit => {
  const own = options.taskKeys.settingsOf(name).limits?.minutes;
  return own === undefined
    ? timeLimit(options.signal, options.minutes)
    : timeLimit(options.signal, own, 'limits.minutes in package_settings gives it longer');
};

/** Time limit of a package's tests: its own setting if any, else the shorter of the run's limit and `tests.minutes`. */
export const testLimit = (options: EnvironmentOptions, name: string, ofAll: number): TimeLimit =>
  options.taskKeys.settingsOf(name).limits?.minutes === undefined && ofAll < options.minutes
    ? timeLimit(options.signal, ofAll, 'tests.minutes of distro.yaml gives it longer')
    : buildLimit(options, name);

export function timeLimit(parent: AbortSignal, minutes: number, longer = '--timeout gives it longer'): TimeLimit {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, minutes * 60_000);
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return {
    signal: controller.signal,
    minutes,
    longer,
    done() {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}
