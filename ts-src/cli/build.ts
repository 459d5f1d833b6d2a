import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isError, sorted, type Diagnostic } from '../model/diagnostics.ts';
import { debianNames } from '../model/names.ts';
import type { PackageSource, Plan, Scope } from '../model/plan.ts';
import { isDone, type TaskResult } from '../model/result.ts';
import { readIf } from '../io/files.ts';
import { parallel } from '../io/process.ts';
import { matcher } from '../plan/globs.ts';
import { pinFolder } from '../read/folders.ts';
import { pinReleased } from '../read/releases.ts';
import type { Workspace } from '../read/workspace.ts';
import { countFaults } from '../render/diagnostics.ts';
import { tellingPart } from '../render/log.ts';
import { renderForetold, renderOutlook, renderSummary } from '../render/summary.ts';
import { missingTools } from '../sandbox/doctor.ts';
import { openStore } from '../store/store.ts';
import { closeScratch, openScratch } from '../sandbox/scratch.ts';
import { folderChannel, heldIn, openChannel, publishChannel, type Published } from '../publish/channel.ts';
import { environmentsOf, withEnvironments } from '../publish/environment.ts';
import { repositorySettings } from '../publish/rules.ts';
import { FolderEndpoint } from '../publish/folder-endpoint.ts';
import { trySigning } from '../publish/key-health.ts';
import { keyOf } from '../publish/signing.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  type Option,
  type ValuesOf,
  defineCommand,
} from './command.ts';
import { runInputOf } from './run-input.ts';
import type { Progress, Scheduler } from '../engine/scheduler.ts';
import { schedulerOf } from '../engine/session-scheduler.ts';
import { untilStopped } from '../io/signals.ts';
import { judgeTests, resultsOf, writeOutputs, lockText } from './outputs.ts';
import { readAndPlan, reporter, type Planned } from './planning.ts';
import { makeProgress } from './progress.ts';
import { checkBuilds, checkOf, reproducibleOptions } from './reproducible.ts';
import { notesOnly } from '../engine/scheduler.ts';
import { recordRun } from '../engine/runs.ts';
import { openSession, versionsOf, type Limits, type RunInput, type Session } from '../engine/session.ts';
import { driverOf, limitsOf, runOptions } from './run-options.ts';
import { moved, platformsOf } from '../engine/system-lock.ts';

const options = {
  ...distroOptions,
  ...selectionOptions,
  ...runOptions,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'where repository, logs and report go (default: out beside the distro file)',
  },
  workers: { type: 'string', short: 'w', value: 'N', help: 'packages at once (default: cores, at most 8)' },
  rebuild: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'build (and test) these anew though the store has them (may be given again)',
  },
  retest: { type: 'boolean', help: 'run tests again that failed before, though nothing changed' },
  retries: {
    type: 'string',
    value: 'N',
    help: 'try failing tests again so often; what passes then is flaky (default: as distro.yaml says)',
  },
  untrusted: {
    type: 'string',
    value: 'NAME',
    help: 'write what is made to a place of its own in the store, from which no trusted run reads, and publish nothing',
  },
  'renew-base': { type: 'boolean', help: "make the platforms' base systems anew" },
  'dry-run': {
    type: 'boolean',
    short: 'n',
    help: 'say what is cached, what must be done, and what depends on what that turns out to be; do nothing',
  },
  'fail-fast': { type: 'boolean', help: 'stop at the first failure' },
  verbose: { type: 'boolean', short: 'v', help: 'name what is cached, too' },
  json: { type: 'boolean', help: 'the result as data on standard output' },
} as const satisfies Record<string, Option>;

type BuildValues = ValuesOf<typeof options> & { partial?: boolean | undefined } & Partial<
    ValuesOf<typeof reproducibleOptions>
  >;

export const build = defineCommand({
  summary: 'build packages and put them into a signed apt repository',
  usage: 'build [PACKAGE|GLOB ...]',
  details: `Sources are fetched, each package is built in a root of its own with the network off, and what was built is kept in the
store: the same thing is never built twice, and what depends on a package is built again only where what that package shows has
changed. What fails stops only what depends on it. A run that was stopped, killed or ran out of disk goes on where it was when it
is started again.

The output folder gets apt/ (the repository), logs/, junit/, report.html, lock.yaml and result.json.`,
  options: {
    ...options,
    ...reproducibleOptions,
    test: { type: 'boolean', help: 'run the tests of the named packages, too' },
    partial: {
      type: 'boolean',
      help: 'publish what was built, and leave out of the repository what would not fit it (default: all of it stays as it was)',
    },
  },
  run: (values, packages) => runBuild('build', values, packages, values.test === true),
});

export const test = defineCommand({
  summary: 'build packages and run their tests',
  usage: 'test [PACKAGE|GLOB ...]',
  details: `The tests of each named package (of all that distro.yaml names, where none is) run in a root that has its test dependencies
too: catkin's and ament's, CTest, pytest. Their results are kept like builds, failures too: nothing runs again while nothing
changed that they see (--retest runs failed ones again). Nothing is published. junit/ in the output folder gets the results.`,
  options,
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
  if (typeof check === 'string') {
    writeMessage(`slipway ${verb}: ${check}\n`);
    return exit.usage;
  }
  const planned = await readAndPlan(values, packages, { tests });
  showDiagnostics(planned.diagnostics);
  if (!planned.ok) return exit.failed;
  const { workspace, plan } = planned.value;
  const output = values.output === undefined ? join(workspace.root, 'out') : resolve(values.output);
  const driver = driverOf(values, workspace.state);
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
  const stop = untilStopped(() => writeMessage('\nstopping: what was finished is kept\n'));
  mkdirSync(workspace.state, { recursive: true });
  await openScratch(workspace.state, driver);
  try {
    return await buildAll(values, planned.value, {
      output,
      limits,
      tests,
      check,
      publishes: verb === 'build' && values.untrusted === undefined,
      signal: stop.signal,
    });
  } finally {
    await closeScratch(driver);
    stop.done();
  }
}

interface Wanted {
  output: string;
  limits: Limits;
  tests: boolean;
  /** Second builds, where asked for. */
  check: { sample: number | undefined } | undefined;
  publishes: boolean;
  signal: AbortSignal;
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
  const lost = new Set<string>();
  const nameOf = namesByDebian(planned);
  for (let attempt = 0; ; attempt++) {
    const channel = await openChannel(store, folderChannel(output), true);
    const session = await openSession(input, {
      say: (line) => writeMessage(`${line}\n`),
      driver: driverOf(values, workspace.state),
      limits: wanted.limits,
      renewBase: values['renew-base'] === true && !attempt,
      signal,
      channelVersion: heldIn(channel.value.versions),
      store,
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
          partial: isPartial(planned),
          leaveOut: values.partial === true,
          belongs: (scope, debian) => nameOf(scope, debian) !== undefined,
          nameOf,
        })
      : { sources: [], diagnostics: [], lost: [] };
    if (!published.lost.length || attempt === 2) {
      const code = await finish(values, planned, session, wanted, published, begun);
      if (!wanted.check || signal.aborted) return code;
      const checked = await checkBuilds(session, { output, signal, workers: wanted.limits.workers, ...wanted.check });
      return code === exit.ok ? checked : code;
    }
    writeMessage(
      `the store lost ${published.lost.length === 1 ? 'a package' : `${published.lost.length} packages`}, or they were damaged: they are built again\n`,
    );
    for (const key of published.lost) {
      lost.add(key);
      await store.forget(key);
    }
  }
}

/** What a run would do, as far as that is known before it. Bases are made and apt is asked: keys need them. */
async function foretell(
  values: BuildValues,
  session: Session,
  wanted: Wanted,
  rebuild: (name: string) => boolean,
): Promise<number> {
  const outlook = await engineOf(values, session, wanted, rebuild, notesOnly(session.say)).start();
  const results = resultsOf(session.graphs);
  if (values.json) writeOutput(`${JSON.stringify({ ...outlook, results })}\n`);
  else {
    writeOutput(renderForetold(results));
    writeMessage(`${renderOutlook(outlook)}\n`);
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
  const progress = makeProgress(
    resultsOf(runs),
    process.stderr.isTTY === true && !values.json,
    values.verbose === true,
    expected,
    wanted.limits.workers,
    Date.now,
  );
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

async function lockOfRun(planned: Planned, session: Session, channel: string): Promise<string> {
  const { workspace, plan, distributions } = planned;
  const platforms = await platformsOf(workspace, session.graphs);
  return lockText({ plan, distributions, platforms, versions: await versionsOfRun(planned, session, channel) });
}

/** Versions for a run's lock: of its packages, and of those that publishing to a channel adds. */
async function versionsOfRun(
  { workspace, lock, plan }: Planned,
  { graphs, store }: Session,
  channel: string | undefined,
): Promise<Record<string, Record<string, string>>> {
  const versions = versionsOf(graphs);
  if (channel === undefined) return versions;
  const environments = environmentsOf(workspace.distro, lock);
  return withEnvironments(versions, graphs, environments, plan.stamp, await openChannel(store, channel));
}

async function finish(
  values: BuildValues,
  planned: Planned,
  session: Session,
  wanted: Wanted,
  published: Published,
  begun: number,
): Promise<number> {
  const { workspace, plan } = planned;
  const { output } = wanted;
  const { graphs: runs, store } = session;
  const results = resultsOf(runs);
  if (published.diagnostics.length) showDiagnostics(published.diagnostics);
  const platforms = await platformsOf(workspace, runs);
  if (planned.lock) showDiagnostics(moved(planned.lock, platforms));
  const verdicts = await judgeTests(runs, store, plan.stamp);
  for (const t of results) {
    const verdict = verdicts.get(t.id);
    if (verdict) t.reason += `\n${verdict}`;
  }
  const versions = await versionsOfRun(planned, session, wanted.publishes ? folderChannel(output) : undefined);
  showDiagnostics(
    await writeOutputs({ plan, distributions: planned.distributions, platforms, versions, runs, store, output, begun }),
  );
  await recordRun(session);
  const failed =
    results.some((t) => !isDone(t.state)) ||
    published.diagnostics.some(isError) ||
    published.lost.length > 0 ||
    planned.diagnostics.some(isError);
  const tails = (t: TaskResult): string[] => (t.log ? tellingPart((readIf(t.log) ?? '').slice(-400_000)) : []);
  writeMessage(
    renderSummary(
      results.map((t) => (t.log ? { ...t, log: join(output, t.log) } : t)),
      tails,
      Date.now() - begun,
    ),
  );
  for (const w of session.waiting) writeMessage(`${w}\n`);
  if (planned.diagnostics.some(isError))
    writeMessage(
      `the distro repository has faults (${countFaults(planned.diagnostics)}), told above: they count as a failed build\n`,
    );
  if (values.json) writeOutput(`${JSON.stringify({ stamp: plan.stamp, output, results })}\n`);
  else if (published.sources.length) {
    writeMessage(`report: ${join(output, 'report.html')}\n`);
    writeMessage('\nTo install from this repository, put this into /etc/apt/sources.list.d/slipway.sources:\n\n');
    writeOutput(published.sources.join('\n'));
    const closed = notForAll(join(output, 'apt'));
    if (closed)
      writeMessage(
        `\nnote: apt reads as the user _apt, who may not enter ${closed}: chmod o+x it, or give --output a folder that all may read\n`,
      );
  }
  return failed ? exit.failed : exit.ok;
}

/**
 * Brings the sources of released packages, of which only tags are known so far, one request to each repository; and of
 * folders.
 */
export async function pinSources(workspace: Workspace, plan: Plan): Promise<Diagnostic[]> {
  const unpinned = plan.scopes.flatMap((s) => s.packages).filter((p) => !p.source.tree && !p.blocked);
  const byUrl = new Map<string, Map<string, PackageSource>>();
  for (const { source } of unpinned) {
    const ofUrl = byUrl.get(source.url) ?? new Map<string, PackageSource>();
    byUrl.set(source.url, ofUrl.set(placeOf(source), source));
  }
  const diagnostics: Diagnostic[] = [];
  const pinned = new Map<string, PackageSource>();
  await parallel([...byUrl.values()], 8, async (sources) => {
    const all = [...sources.values()];
    if (all[0]!.ref === undefined) {
      const trees = await pinFolder(all, workspace.state);
      if (trees.ok) for (const source of trees.value) pinned.set(`${source.url} ${placeOf(source)}`, source);
      else diagnostics.push(...trees.diagnostics);
      return;
    }
    for (const pin of await pinReleased(workspace, all, 'all', reporter)) {
      if (pin.ok) pinned.set(`${pin.value.source.url} ${placeOf(pin.value.source)}`, pin.value.source);
      else diagnostics.push(...pin.diagnostics);
    }
  });
  for (const p of unpinned) {
    const source = pinned.get(`${p.source.url} ${placeOf(p.source)}`);
    if (source) p.source = source;
    else p.blocked = "its sources can't be had";
  }
  return sorted(diagnostics);
}

/** A tag of a release repository, or a path in a folder. */
const placeOf = (source: PackageSource): string => source.ref ?? source.path;

/** Not all packages of a distribution are in the plan: of what its suite holds the others stay. */
export const isPartial = (planned: Pick<Planned, 'plan' | 'distributions'>): boolean =>
  planned.plan.scopes.some(
    (s) => s.packages.length < (planned.distributions.find((d) => d.name === s.distribution)?.packages.size ?? 0),
  );

/** Names of a distribution's packages by their Debian names, whether they are planned or not. */
function namesByDebian(planned: Planned): (scope: Scope, debian: string) => string | undefined {
  const known = new Map<string, Map<string, string>>();
  return ({ distribution }, debian) => {
    let names = known.get(distribution);
    if (!names) {
      const debianOf = debianNames(planned.workspace.distro, distribution);
      const packages = planned.distributions.find((d) => d.name === distribution)?.packages.keys() ?? [];
      known.set(distribution, (names = new Map([...packages].map((name) => [debianOf(name), name]))));
    }
    return names.get(debian);
  };
}

/** The first folder on the way to a path that others may not enter. */
function notForAll(path: string): string | undefined {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/') || '/').find((p) => (statSync(p).mode & 0o001) === 0);
}
