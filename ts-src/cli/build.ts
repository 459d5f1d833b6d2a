import { join, resolve } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { error, isError } from '../model/diagnostics.ts';
import type { TaskResult } from '../model/result.ts';
import { matcher } from '../plan/globs.ts';
import { renderForetold, renderOutlook } from '../render/summary.ts';
import { missingTools } from '../sandbox/doctor.ts';
import { isOwnStore, openStore } from '../store/open-store.ts';
import { closeScratch, openScratch } from '../sandbox/scratch.ts';
import { makeSourcePackage } from '../engine/build/source-package.ts';
import { folderChannel, heldIn, openChannel, publishChannel } from '../publish/channel.ts';
import { environmentsOf } from '../publish/environment.ts';
import { repositorySettings } from '../publish/rules.ts';
import { FolderEndpoint } from '../publish/folder-endpoint.ts';
import { trySigning } from '../publish/key-health.ts';
import { keyOf } from '../publish/signing.ts';
import { writeMessage, writeNote, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { endBuild, lockOfRun, type Wanted } from './build-end.ts';
import { buildOptions, type BuildValues } from './build-options.ts';
import { pinSources } from './pin-sources.ts';
import { isPartial, namesByDebian, unmatched } from './planned-names.ts';
import { runInputOf } from './run-input.ts';
import type { Progress, Scheduler } from '../engine/scheduler.ts';
import { schedulerOf } from '../engine/session-scheduler.ts';
import { untilStopped } from '../io/signals.ts';
import { resultsOf } from './outputs.ts';
import { readAndPlan, type Planned } from './planning.ts';
import { makeProgress, viewFor } from './progress.ts';
import { cleanUp, retireFolderStates } from './clean-up.ts';
import { checkBuilds, checkOf, reproducibleOptions } from './reproducible.ts';
import { notesOnly } from '../engine/scheduler.ts';
import { openSession, type RunInput, type Session } from '../engine/session.ts';
import { driverOf, limitsOf } from './run-options.ts';

export const build = defineCommand({
  summary: 'build packages and put them into a signed apt repository',
  usage: 'build [PACKAGE|GLOB ...]',
  examples: [
    'slipway build',
    'slipway build acme_drive --override robot=../robot',
    'slipway build --dry-run',
    'slipway build --lock lock.yaml --check-reproducible',
  ],
  details: `Fetches the sources, builds each package without network in a root of its own, and keeps the result in the store. Nothing
is built twice. If the interface of a package changes, its dependents are built again, otherwise not. A package that
fails stops only its dependents. If a build was stopped or killed, or the disk was full, start it again: it continues.

The output folder gets apt/ (the repository), logs/, junit/, report.html, lock.yaml and result.json.`,
  options: {
    ...buildOptions,
    ...reproducibleOptions,
    test: { type: 'boolean', help: 'also run the tests of the named packages' },
    partial: {
      type: 'boolean',
      help:
        'publish what was built, and leave out packages that do not fit ' +
        'it (default: keep the former versions of all of them)',
    },
  },
  run: (values, packages) => runBuild('build', values, packages, values.test === true),
});

export const test = defineCommand({
  summary: 'build packages and run their tests',
  usage: 'test [PACKAGE|GLOB ...]',
  examples: ['slipway test acme_drive', 'slipway test --retest --retries 2'],
  details: `Runs the tests of the named packages, or of all packages that distro.yaml names: tests of catkin and ament, CTest and
pytest. They run in a root that also has the test dependencies. Results are cached like builds, also those of failed
tests: a test runs again only when its inputs change, or with --retest. junit/ in the output folder gets the results.
Nothing is published.`,
  options: buildOptions,
  run: (values, packages) => runBuild('test', values, packages, true),
});

async function runBuild(
  verb: 'build' | 'test',
  values: BuildValues,
  packages: string[],
  tests: boolean,
): Promise<number> {
  const limits = limitsOf(verb, values);
  if (!limits) return exit.usage;
  if (
    (values.retries !== undefined && !/^\d{1,2}$/.test(values.retries)) ||
    (values.untrusted !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(values.untrusted))
  ) {
    writeMessage(
      `slipway ${verb}: --retries takes a number below 100, --untrusted a name of letters, digits, ".", "_" and "-"\n`,
    );
    return exit.usage;
  }
  const check = checkOf(values);
  const alone = values['incremental-objects'] === true && (values.untrusted !== undefined || check !== undefined);
  if (typeof check === 'string' || alone) {
    const words = typeof check === 'string' ? check : '--incremental-objects is for builds on your own machine alone';
    writeMessage(`slipway ${verb}: ${words}\n`);
    return exit.usage;
  }
  const planned = await readAndPlan(values, packages, {
    tests,
    underlays: { keeps: values.untrusted === undefined, renews: values['renew-base'] === true },
  });
  showDiagnostics(planned.diagnostics);
  if (!planned.ok) return exit.failed;
  const { workspace, plan } = planned.value;
  if (values['incremental-objects'] === true && !isOwnStore(workspace.distro.store, workspace.root, workspace.state)) {
    showDiagnostics([
      error('objects-shared', 'object files are not kept for builds whose store other machines share', {
        file: workspace.file,
        hint: 'without --incremental-objects, or with a store on this machine (`store: file:.slipway/store`)',
      }),
    ]);
    return exit.failed;
  }
  const output = values.output === undefined ? join(workspace.root, 'out') : resolve(values.output);
  const driver = driverOf(values);
  const lacking = values['dry-run'] === true ? [] : await missingTools(driver.name, plan);
  if (lacking.length) {
    showDiagnostics(lacking);
    return exit.failed;
  }
  if (verb === 'build' && values.untrusted === undefined && !values['dry-run']) {
    const { signing_key, organization } = workspace.distro;
    const keys = await trySigning(keyOf(signing_key, workspace.state, organization), Date.now());
    showDiagnostics(keys);
    if (keys.some(isError)) return exit.failed;
  }
  const publishes = verb === 'build' && values.untrusted === undefined;
  const stop = untilStopped(() => writeNote('\nstopping: what was finished is kept\n'));
  makeFolder(workspace.state);
  if (values['dry-run'] !== true) makeFolder(join(output, 'logs'));
  await openScratch(workspace.state, driver, (line) => writeMessage(`${line}\n`));
  let code: number;
  try {
    code = await buildAll(values, planned.value, {
      output,
      limits,
      tests,
      check,
      publishes,
      signal: stop.signal,
    });
  } finally {
    await closeScratch(driver);
    stop.done();
  }
  if (stop.signal.aborted || values['dry-run'] === true) return code;
  const { distro, root, state } = workspace;
  if (publishes) await retireFolderStates({ distro, root, state }, folderChannel(output), join(output, 'apt'));
  await cleanUp({ distro, root, state, driver });
  return code;
}

async function buildAll(values: BuildValues, planned: Planned, wanted: Wanted): Promise<number> {
  const { workspace, plan } = planned;
  const { output, signal } = wanted;
  const begun = Date.now();
  showDiagnostics(await pinSources(workspace, plan));
  const input: RunInput = {
    ...runInputOf(planned),
    untrusted: values.untrusted,
    tested: (p) => wanted.tests && 'named' in p.why,
  };
  const store = await openStore(workspace.distro.store, workspace.root, workspace.state, input.untrusted);
  const rebuild = values.rebuild ? matcher(values.rebuild) : () => false;
  showDiagnostics(unmatched(values.rebuild ?? [], plan));
  const lost = new Set<string>();
  const nameOf = namesByDebian(planned);
  for (let attempt = 0; ; attempt++) {
    const channel = await openChannel(store, folderChannel(output), true);
    const session = await openSession(input, {
      say: (line) => writeNote(`${line}\n`),
      driver: driverOf(values),
      limits: wanted.limits,
      renewBase: values['renew-base'] === true && !attempt,
      makesBases: values['dry-run'] !== true,
      signal,
      channelVersion: heldIn(channel.value.versions),
      store,
      incrementalObjects: values['incremental-objects'] === true,
      ...(values.retries === undefined ? {} : { retries: Number(values.retries) }),
    });
    if (!attempt || !('graphs' in session)) showDiagnostics(session.diagnostics);
    if (!('graphs' in session)) return exit.failed;
    for (const key of lost) session.hints.builds.delete(key);
    if (values['dry-run'] === true) return foretell(values, session, wanted, rebuild);
    await runEngine(values, session, wanted, attempt ? () => false : rebuild);
    const published = wanted.publishes
      ? await publishChannel(channel, {
          runs: session.graphs,
          store,
          state: workspace.state,
          endpoints: [new FolderEndpoint(join(output, 'apt'))],
          organization: workspace.distro.organization,
          signingKey: keyOf(workspace.distro.signing_key, workspace.state, workspace.distro.organization),
          environments: environmentsOf(workspace.distro, planned.lock),
          stamp: plan.stamp,
          lock: await lockOfRun(planned, session, channel.name),
          now: Date.now(),
          settings: repositorySettings(workspace.distro),
          makeSource: (source) => makeSourcePackage(session.builder.options, source),
          partial: isPartial(planned),
          leaveOut: values.partial === true,
          belongs: (scope, debian) => nameOf(scope, debian) !== undefined,
          nameOf,
        })
      : { sources: [], diagnostics: [], lost: [] };
    if (!published.lost.length || attempt === 2) {
      const code = await endBuild(values, planned, wanted, { session, published, begun });
      if (!wanted.check || signal.aborted) return code;
      const checked = await checkBuilds(session, { output, signal, workers: wanted.limits.workers, ...wanted.check });
      return code === exit.ok ? checked : code;
    }
    writeNote(
      `the store lost ${published.lost.length === 1 ? 'a package' : `${published.lost.length} packages`}, ` +
        'or they were damaged: they are built again\n',
    );
    for (const key of published.lost) {
      lost.add(key);
      await store.forget(key);
    }
  }
}

/**
 * `--dry-run`: prints what a run would do, as far as that is known beforehand. Makes nothing: a key needs the base, so
 * nothing is known of a target without one.
 */
async function foretell(
  values: BuildValues,
  session: Session,
  wanted: Wanted,
  rebuild: (name: string) => boolean,
): Promise<number> {
  const outlook = await engineOf(values, session, wanted, rebuild, notesOnly(session.say)).start();
  const results = resultsOf(session.graphs);
  const { unknown } = session;
  if (values.json) writeOutput(`${JSON.stringify({ ...outlook, unknown, results })}\n`);
  else {
    writeOutput(renderForetold(results, unknown));
    writeNote(`${renderOutlook(outlook, unknown)}\n`);
  }
  for (const w of session.waiting) writeMessage(`${w}\n`);
  return results.some((t) => t.state === 'failed' || t.state === 'blocked') ? exit.failed : exit.ok;
}

function engineOf(
  values: BuildValues,
  session: Session,
  wanted: Wanted,
  rebuild: (name: string) => boolean,
  progress: Progress,
): Scheduler {
  return schedulerOf(session, {
    output: wanted.output,
    workers: wanted.limits.workers,
    failFast: values['fail-fast'] === true,
    rebuild,
    retest: values.retest === true,
    progress,
    signal: wanted.signal,
  });
}

async function runEngine(
  values: BuildValues,
  session: Session,
  wanted: Wanted,
  rebuild: (name: string) => boolean,
): Promise<void> {
  const { graphs: runs } = session;
  const expected = (t: TaskResult) => session.history.get(t.kind === 'test' ? `${t.name} test` : t.name) ?? 15000;
  const progress = makeProgress({
    tasks: resultsOf(runs),
    view: viewFor(values.json === true),
    verbose: values.verbose === true,
    expected,
    workers: wanted.limits.workers,
    now: Date.now,
  });
  const engine = engineOf(values, session, wanted, rebuild, progress);
  try {
    const outlook = await engine.start();
    progress.note(renderOutlook(outlook));
    await engine.run();
  } finally {
    progress.close();
  }
  session.history.learn(runs);
}
