import { join, relative, resolve } from 'node:path';
import { firstLine, wellFormed } from '../../text/cut.ts';
import { isError } from '../../model/diagnostics.ts';
import { isDone } from '../../model/result.ts';
import { makeLock } from '../../read/lockfile.ts';
import { printable } from '../../text/printable.ts';
import { renderLock } from '../../render/lock.ts';
import { renderHeadline, renderSummary } from '../../render/summary.ts';
import { closeScratch } from '../../sandbox/scratch.ts';
import { makeSourcePackage } from '../../engine/build/source-package.ts';
import { openChannel, publishChannel } from '../../publish/channel.ts';
import { endpointsOf } from '../../publish/endpoints.ts';
import { environmentsOf, withEnvironments } from '../../publish/environment.ts';
import { repositorySettings } from '../../publish/rules.ts';
import { keyFromEnvironment, keyOf } from '../../publish/signing.ts';
import {
  writeMessage,
  exit,
  writeOutput,
  showDiagnostics,
  type Option,
  type ValuesOf,
  defineCommand,
} from '../command.ts';
import { maintainerUnset } from '../maintainer.ts';
import { judgeTests, resultsOf, tailsOf, writeOutputs, writeUnplanned } from '../outputs.ts';
import { recordRun } from '../../engine/runs.ts';
import { versionsOf, type Session } from '../../engine/session.ts';
import { limitsOf, runOptions } from '../run-options.ts';
import { platformsOf } from '../../engine/system-lock.ts';
import { gather, nothingHappened, type Happened } from '../../farm/gather.ts';
import { closeRun, lockName, type Loaded } from '../../farm/run-manifest.ts';
import { publishingFaults } from '../../farm/publishing.ts';
import { rehearse } from './rehearse.ts';
import { lastGood, tellAbi, tellBefore, type LastGood } from './change-effects.ts';
import { counts, factsOf } from './notice.ts';
import { farmOptions, openRun } from './work.ts';
import { untilStopped } from '../../io/signals.ts';

/** Untrusted text made safe for one line. */
const oneLine = (text: string): string => printable(firstLine(text)).slice(0, 400);

function happenedIn(values: ReportValues): Happened {
  const pairs = (name: 'lost' | 'avoided'): [string, string][] =>
    (values[name] ?? []).map((text) => {
      const [key = '', ...reason] = text.split('=');
      return [oneLine(key), oneLine(reason.join('='))];
    });
  return {
    ended: values.ended === undefined ? undefined : oneLine(values.ended),
    lost: new Map(pairs('lost').map(([task, reason]) => [Number(task), reason])),
    avoided: new Map(pairs('avoided')),
    faults: values.fault === undefined ? [] : [oneLine(values.fault)],
  };
}

const outputOption = {
  output: { type: 'string', short: 'o', value: 'DIR', help: 'output folder (default: out)' },
} as const;
const outputOf = (values: ValuesOf<typeof outputOption>): string => resolve(values.output ?? 'out');

export const publish = defineCommand({
  summary: 'publish the packages of a prepared run to its channel',
  usage: 'publish --run ID --store URI --output DIR',
  examples: ['slipway publish --run 20260102030405-1a2b3c4d --store s3://bucket/farm --output /srv/apt'],
  details: `Publishes the packages of the run to the repository. Each suite is replaced in one step. Fails if another run has
published to the channel since this run was prepared. With --try nothing is published: it signs a test text and checks
every place, so that faults are found before the run is built. An untrusted run publishes nothing.

SLIPWAY_SIGNING_KEY_FILE in the environment names a file with the secret signing key. SLIPWAY_SIGNING_PASSPHRASE is its
passphrase.`,
  options: {
    ...farmOptions,
    ...runOptions,
    ...outputOption,
    try: { type: 'boolean', help: 'publish nothing, and only check the key and the places' },
  },
  async run(values) {
    const limits = limitsOf('publish', values);
    if (!limits) return exit.usage;
    const secret = keyFromEnvironment(process.env);
    if (values.try === true) return rehearse(values, secret);
    const stop = untilStopped();
    const opened = await openRun('publish', values, { limits, signal: stop.signal }, 'publish');
    if (!opened) return exit.failed;
    const { session, loaded } = opened;
    const { bundle } = loaded;
    try {
      if (bundle.untrusted !== undefined || bundle.pipeline.channel === undefined) {
        writeMessage(`slipway publish: the run ${bundle.id} is not trusted: it publishes nothing\n`);
        return exit.failed;
      }
      const output = outputOf(values);
      const lacking = publishingFaults({
        channel: bundle.pipeline.channel,
        places: bundle.distro.publish.to,
        output: values.output === undefined ? undefined : output,
        signed: secret !== undefined,
        signingKey: bundle.distro.signing_key,
      });
      if (lacking.length) {
        showDiagnostics(lacking);
        return exit.failed;
      }
      await gather(session, loaded, output, nothingHappened);
      const failed =
        resultsOf(session.graphs).some((t) => t.kind === 'build' && !isDone(t.state)) || bundle.faults.length > 0;
      if (failed && bundle.pipeline.strict) {
        writeMessage('this track is strict: nothing is published of a run that has a failure\n');
        return exit.failed;
      }
      const channel = await openChannel(session.store, bundle.pipeline.channel, true);
      const platforms = await platformsOf(session.graphs);
      const lock = renderLock(
        makeLock(bundle.plan.stamp, session.input.distributions, platforms, await publishedVersions(session, loaded)),
      );
      const published = await publishChannel(channel, {
        runs: session.graphs,
        store: session.store,
        state: session.input.state,
        endpoints: await endpointsOf(bundle.distro, bundle.pipeline.channel, join(output, 'apt')),
        settings: repositorySettings(bundle.distro),
        makeSource: (source) => makeSourcePackage(session.builder.options, source),
        checked: true,
        organization: bundle.distro.organization,
        signingKey: secret ?? keyOf(bundle.distro.signing_key, session.input.state, bundle.distro.organization),
        environments: environmentsOf(bundle.distro, session.input.lock),
        stamp: bundle.plan.stamp,
        run: bundle.id,
        lock,
        now: Date.now(),
        partial: bundle.partial,
        belongs: (scope, debian) =>
          bundle.distributions.find((d) => d.name === scope.distribution)?.debian.includes(debian) === true,
      });
      showDiagnostics([...published.diagnostics, ...maintainerUnset(bundle.distro, { file: 'distro.yaml' })]);
      for (const key of published.lost) await session.store.forget(key);
      if (published.lost.length)
        writeMessage(
          `the store lost ${published.lost.length} packages of this run, or they were damaged: run the pipeline again, and they are built again\n`,
        );
      writeOutput(published.sources.join('\n'));
      const bad = published.diagnostics.some(isError) || published.lost.length > 0;
      if (!bad && !failed) await session.store.writeJson(lockName(channel.name), { lock });
      return bad ? exit.failed : exit.ok;
    } finally {
      await closeScratch(session.driver);
      stop.done();
    }
  },
});

/** Versions for a run's lockfile: those of its packages, and of packages that publishing adds. */
async function publishedVersions(
  { graphs, store, input }: Session,
  { bundle }: Loaded,
): Promise<Record<string, Record<string, string>>> {
  const versions = versionsOf(graphs);
  const { channel } = bundle.pipeline;
  if (channel === undefined || bundle.untrusted !== undefined) return versions;
  const environments = environmentsOf(bundle.distro, input.lock);
  return withEnvironments(versions, graphs, environments, bundle.plan.stamp, await openChannel(store, channel));
}

const reportOptions = {
  avoided: {
    type: 'string',
    multiple: true,
    value: 'AGENT=REASON',
    help: 'an agent that was avoided, and why (repeatable)',
  },
  lost: {
    type: 'string',
    multiple: true,
    value: 'TASK=REASON',
    help: 'number of a task that was lost, and why (repeatable)',
  },
  ended: { type: 'string', value: 'REASON', help: 'why the run ended early' },
  fault: { type: 'string', value: 'TEXT', help: 'another error, such as a failed publication' },
  unplanned: { type: 'string', value: 'TEXT', help: 'report a run that could not be planned, and why (without --run)' },
  title: { type: 'string', value: 'TEXT', help: 'with --unplanned: title of the run' },
} as const satisfies Record<string, Option>;
type ReportValues = ValuesOf<typeof reportOptions & typeof outputOption>;

export const report = defineCommand({
  summary: 'write the report of a prepared run, with results, JUnit, lockfile and logs',
  usage: 'report --run ID --store URI',
  examples: ['slipway report --run 20260102030405-1a2b3c4d --store s3://bucket/farm --output out'],
  details: `The first line on standard output is a summary. Then follow "failed NAME" for each package that failed, and
"maintainer ADDRESS" for each of its maintainers. Exits with 1 if anything failed.`,
  options: {
    ...farmOptions,
    ...runOptions,
    ...outputOption,
    ...reportOptions,
  },
  async run(values) {
    if (values.unplanned !== undefined) return unplanned(values, values.unplanned);
    const limits = limitsOf('report', values);
    if (!limits) return exit.usage;
    const stop = untilStopped();
    const opened = await openRun('report', values, { limits, signal: stop.signal }, 'report');
    if (!opened) return exit.failed;
    const { session, loaded } = opened;
    try {
      return await tell(session, loaded, outputOf(values), happenedIn(values));
    } finally {
      await closeScratch(session.driver);
      stop.done();
    }
  },
});

async function tell(session: Session, loaded: Loaded, output: string, happened: Happened): Promise<number> {
  const { bundle } = loaded;
  await gather(session, loaded, output, happened);
  const results = resultsOf(session.graphs);
  const verdicts = await judgeTests(session.graphs, session.store, bundle.plan.stamp);
  for (const t of results) {
    const verdict = verdicts.get(t.id);
    if (verdict) t.reason += `\n${verdict}`;
  }
  const before: LastGood = bundle.subject || bundle.untrusted !== undefined ? await lastGood(session) : new Map();
  if (bundle.subject) tellBefore(session, loaded, before);
  const abi = bundle.untrusted === undefined ? [] : await tellAbi(session, loaded, before, output);
  const platforms = await platformsOf(session.graphs);
  const notes = notesOf(loaded, happened);
  showDiagnostics(
    await writeOutputs({
      plan: bundle.plan,
      distributions: session.input.distributions,
      platforms,
      versions: await publishedVersions(session, loaded),
      runs: session.graphs,
      store: session.store,
      output,
      begun: bundle.begun,
      title: bundle.title,
      notes,
    }),
  );
  await recordRun(session);
  await closeRun(session.store, bundle);
  const tails = tailsOf(output, session.graphs);
  const named = new Map(results.map((t) => [t.id, t]));
  for (const note of notes) writeMessage(`${note}\n`);
  writeMessage(
    renderSummary(
      results.map((t) => (t.log === undefined ? t : { ...t, log: shownLog(output, t.log) })),
      (t) => tails(named.get(t.id) ?? t),
      Date.now() - bundle.begun,
    ),
  );
  const failed =
    results.some((t) => !isDone(t.state) && counts(t, bundle)) ||
    bundle.faults.length > 0 ||
    happened.faults.length > 0 ||
    happened.ended !== undefined;
  writeOutput(
    renderHeadline(bundle.title, results, bundle.faults.length, abi, [
      ...(happened.ended === undefined ? [] : [`ended early: ${happened.ended}`]),
      ...happened.faults,
      ...[...happened.avoided.keys()].sort().map((agent) => `agent ${agent} avoided`),
      ...(bundle.lostBefore ? ['the run before was lost'] : []),
    ]),
  );
  writeOutput(factsOf(loaded, results));
  return failed ? exit.failed : exit.ok;
}

/** Notes for the report that belong to no task. */
const notesOf = ({ bundle }: Loaded, happened: Happened): string[] => [
  ...(bundle.lostBefore ? [bundle.lostBefore] : []),
  ...(happened.ended === undefined ? [] : [`the run ended before all was done: ${happened.ended}`]),
  ...happened.faults,
  ...[...happened.avoided].sort().map(([agent, reason]) => `the agent ${agent} got no more tasks: ${reason}`),
];

/** Where people can open a log: an artifact of the build on Jenkins, else a path. */
const shownLog = (output: string, log: string): string => {
  const url = process.env.BUILD_URL;
  const inside = relative(process.cwd(), join(output, log));
  return url && /^https?:\/\/\S+\/$/.test(url) && !inside.startsWith('..')
    ? `${url}artifact/${encodeURI(wellFormed(inside))}`
    : join(output, log);
};

/** The report of a run without a plan: the error as a page and as a failed test case. */
function unplanned(values: ReportValues, fault: string): number {
  const output = outputOf(values);
  const title = oneLine(values.title ?? 'run');
  const text = printable(fault).slice(0, 20_000);
  writeUnplanned(output, title, text);
  writeOutput(`${title}: planning failed: ${oneLine(text)}\n`);
  return exit.failed;
}
