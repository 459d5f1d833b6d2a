import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { error } from '../../model/diagnostics.ts';
import type { TaskResult } from '../../model/result.ts';
import { exists, writeWhole } from '../../io/files.ts';
import { homeFolder } from '../../io/home.ts';
import { renderEvent } from '../../render/summary.ts';
import { examine, missingTools } from '../../sandbox/doctor.ts';
import { closeScratch, openScratch } from '../../sandbox/scratch.ts';
import { heldIn } from '../../publish/channel.ts';
import {
  writeMessage,
  exit,
  namedState,
  writeOutput,
  showDiagnostics,
  type Option,
  type ValuesOf,
  defineCommand,
  writeNote,
} from '../command.ts';
import { checkStore } from '../option-checks.ts';
import type { Progress, Scheduler } from '../../engine/scheduler.ts';
import { schedulerOf } from '../../engine/session-scheduler.ts';
import { untilStopped } from '../../io/signals.ts';
import { notesOnly } from '../../engine/scheduler.ts';
import { openSession, shareResolved, type Session, type Within } from '../../engine/session.ts';
import { closeNames } from '../../read/git/credentials.ts';
import { checkOwnFolder } from '../../read/own-folder.ts';
import { cleanUp } from '../clean-up.ts';
import { driverOf, limitsOf, runOptions } from '../run-options.ts';
import { keepResult } from '../../farm/result.ts';
import { runOutput } from '../../farm/run-files.ts';
import { loadRun, type Loaded } from '../../farm/run-manifest.ts';
import { planOfTasks, Worker } from '../../farm/worker.ts';

export const farmOptions = {
  run: { type: 'string', value: 'ID', help: 'id of the run, as `prepare` printed it' },
  store: { type: 'string', value: 'URI', help: 'the store: file:PATH or s3://BUCKET/PREFIX', check: checkStore },
  namespace: {
    type: 'string',
    value: 'NAME',
    help: 'namespace of an untrusted run in the store, as `prepare` printed it',
  },
  state: {
    type: 'string',
    value: 'DIR',
    help: 'folder for base systems and sources (default: SLIPWAY_STATE, else slipway below XDG_STATE_HOME or ~/.local/state)',
  },
} as const satisfies Record<string, Option>;

export type FarmValues = ValuesOf<typeof farmOptions & typeof runOptions>;
export interface RetestValues {
  readonly retest?: boolean | undefined;
}

/** State folder of a farm machine: one per user, outside workspaces, shared by all jobs. */
export const farmState = (values: Pick<FarmValues, 'state'>): string =>
  resolve(namedState(values) ?? join(process.env.XDG_STATE_HOME || join(homeFolder(), '.local/state'), 'slipway'));

/**
 * Why a machine opens a run: to do tasks of its own architecture, or to publish or report results of any architecture.
 */
export type Purpose = 'work' | 'publish' | 'report';

/** Loads the run that the options name. Returns undefined after printing diagnostics. */
export async function loadNamed(verb: string, values: FarmValues): Promise<Loaded | undefined> {
  if (values.run === undefined || values.store === undefined) {
    writeMessage(`slipway ${verb}: --run and --store are needed\n`);
    return undefined;
  }
  // Who may write an untrusted run's manifest may not use this machine's logins and repositories.
  if (values.namespace) closeNames();
  const state = farmState(values);
  const foreign = await checkOwnFolder(process.cwd(), state);
  if (foreign) {
    showDiagnostics([foreign]);
    return undefined;
  }
  const loaded = await loadRun(values.run, values.store, process.cwd(), state, values.namespace || undefined);
  if (loaded.ok) return loaded.value;
  showDiagnostics(loaded.diagnostics);
  return undefined;
}

/** Opens a run with a session on this machine. Returns undefined after printing diagnostics. */
export async function openRun(
  verb: string,
  values: FarmValues,
  within: Within,
  purpose: Purpose,
  numbers?: readonly number[],
): Promise<{ loaded: Loaded; session: Session } | undefined> {
  const loaded = await loadNamed(verb, values);
  const session = loaded && (await openLoaded(loaded, values, within, purpose, numbers));
  return session && { loaded, session };
}

/** Opens a session on a loaded run. Returns undefined after printing diagnostics. */
export async function openLoaded(
  loaded: Loaded,
  values: FarmValues,
  within: Within,
  purpose: Purpose,
  numbers?: readonly number[],
): Promise<Session | undefined> {
  const { store, bundle, state } = loaded;
  const input = numbers ? { ...loaded.input, plan: planOfTasks(loaded, numbers) } : loaded.input;
  const driver = driverOf(values);
  const looked = join(state, `sound-${driver.name}`);
  if (purpose !== 'report' && !lately(looked)) {
    const lacking = await missingTools(driver.name, input.plan);
    if (lacking.length) {
      showDiagnostics(lacking);
      return undefined;
    }
    writeWhole(looked, '', { sync: false });
  }
  await openScratch(state, driver);
  const session = await openSession(input, {
    say: (line) => writeNote(`${line}\n`),
    driver,
    ...within,
    renewBase: false,
    sharesBases: true,
    store,
    hinted: numbers === undefined,
    enters: purpose === 'work',
    channelVersion: heldIn(bundle.channel.held),
  });
  if (!('graphs' in session)) {
    showDiagnostics(session.diagnostics);
    await closeScratch(driver);
    return undefined;
  }
  return session;
}

/** Whether this machine passed the check within the last hour. Calls come every few seconds. */
function lately(file: string): boolean {
  try {
    return Date.now() - statSync(file).mtimeMs < 3_600_000;
  } catch {
    return false;
  }
}

export const work = defineCommand({
  summary: 'run tasks of a prepared run on this machine',
  usage: 'work --run ID --store URI --tasks N,N,...',
  examples: ['slipway work --run 20260102030405-1a2b3c4d --store s3://bucket/farm --tasks 1,2,5'],
  details: `Runs the tasks and puts their results into the store. Standard output has these lines:

  ready         this machine can begin
  N OUTCOME     the task N ended: built, cached, passed, failed, stopped, or faulty (documentation
                that failed, which stops nothing); also for other tasks that the store has
  drain         no more tasks begin on this machine, because it will be removed
  end           the last line

Exits with 0 even if a task failed. No task begins while the file /run/slipway/drain exists (or the file that
SLIPWAY_DRAIN_FILE names).`,
  options: {
    ...farmOptions,
    ...runOptions,
    tasks: { type: 'string', value: 'N,N,...', help: 'task numbers of the schedule' },
    check: { type: 'boolean', help: 'run no task, and only check whether this machine can build' },
    retest: { type: 'boolean', help: 'run failed tests again' },
  },
  async run(values) {
    const limits = limitsOf('work', values);
    if (limits && values.check === true) return check(values);
    if (!limits || values.tasks === undefined || !/^\d+(,\d+)*$/.test(values.tasks)) {
      if (limits) writeMessage('slipway work: --tasks takes numbers of the schedule, joined by commas\n');
      return exit.usage;
    }
    const stop = untilStopped();
    const numbers = values.tasks.split(',').map(Number);
    const opened = await openRun('work', values, { limits, signal: stop.signal }, 'work', numbers);
    if (!opened) return exit.failed;
    const { session, loaded } = opened;
    writeOutput('ready\n');
    try {
      return await doTasks(values, session, loaded, numbers, stop.signal);
    } finally {
      await closeScratch(session.driver);
      stop.done();
      const { state, distro } = session.input;
      const cleaned = join(state, 'cleaned');
      if (!stop.signal.aborted && !lately(cleaned)) {
        writeWhole(cleaned, '', { sync: false });
        await cleanUp({ distro, untrusted: loaded.bundle.untrusted !== undefined, state, driver: session.driver });
      }
    }
  },
});

/** Checks that this machine can do tasks of the run: it reaches the store and has what builds need. */
async function check(values: FarmValues): Promise<number> {
  const loaded = await loadNamed('work', values);
  if (!loaded) return exit.failed;
  const { input } = loaded;
  const systems = input.plan.scopes.flatMap((s) => s.targets.map((t) => t.os));
  const findings = await examine(driverOf(values).name, systems);
  showDiagnostics(
    findings.map((f) =>
      error('tool-missing', f.what, {
        hint: f.fix ?? `apt-get install -y ${f.package ?? ''}    (see slipway doctor)`,
      }),
    ),
  );
  if (findings.length) return exit.failed;
  writeOutput('ready\n');
  return exit.ok;
}

function engineOf(
  values: RetestValues,
  session: Session,
  output: string,
  signal: AbortSignal,
  progress: Progress,
): Scheduler {
  const retest = values.retest === true;
  return schedulerOf(session, { output, retest, testsStop: false, progress, signal, alone: true });
}

async function doTasks(
  values: RetestValues,
  session: Session,
  loaded: Loaded,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const output = runOutput(session.input.state, loaded.bundle.id, loaded.bundle.untrusted);
  const progress: Progress = {
    ...notesOnly((line) => writeNote(`${line}\n`)),
    started: (t) => writeNote(`${{ build: 'building', test: 'testing', docs: 'documenting' }[t.kind]} ${t.id}\n`),
    finished: () => undefined,
  };
  const engine = engineOf(values, session, output, signal, progress);
  const lane = new Worker(session, engine, loaded);
  const unknown = numbers.filter((n) => !lane.byNumber.has(n));
  if (unknown.length) {
    showDiagnostics([
      error('run-missing', `the run ${loaded.bundle.id} has no task ${unknown.join(', ')} that this machine can do`),
    ]);
    return exit.failed;
  }
  for (const number of numbers) {
    if (exists(drainFile())) {
      writeOutput('drain\n');
      break;
    }
    const { run, task, result } = lane.taskAt(number);
    const missing = await lane.bringRoot(run, task);
    if (missing.length)
      Object.assign(result, {
        state: 'stopped',
        reason: `${missing.slice(0, 5).join(', ')} ${missing.length > 1 ? 'are' : 'is'} not in the store: built on another machine, or never?`,
      });
    else {
      await lane.bringDocumentation(run, task);
      await engine.runScheduled(run, task);
    }
    if (signal.aborted) {
      await engine.foldersRemoved();
      return exit.failed;
    }
    await keepResult(session, output, loaded.bundle.id, number, result);
    writeNote(renderEvent(result, numbers.indexOf(number) + 1, numbers.length));
    const above = await lane.resolveDependents([{ run, task }]);
    for (const { number: n, result: r } of above) await keepResult(session, output, loaded.bundle.id, n, r);
    writeOutput([{ number, result }, ...above].map((t) => `${t.number} ${outcomeOf(t.result)}\n`).join(''));
    await engine.foldersRemoved();
  }
  session.history.learn(session.graphs);
  await shareResolved(session);
  writeOutput('end\n');
  return exit.ok;
}

/** A failed documentation task does not stop its dependents. */
const outcomeOf = ({ kind, state }: TaskResult): string => (kind === 'docs' && state === 'failed' ? 'faulty' : state);

/**
 * While this file exists, this machine begins no task. Written before a machine is taken away, such as a spot instance.
 */
const drainFile = (): string => process.env.SLIPWAY_DRAIN_FILE || '/run/slipway/drain';
