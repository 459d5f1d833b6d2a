import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isError } from '../model/diagnostics.ts';
import { isDone, type TaskResult } from '../model/result.ts';
import { countFaults } from '../render/diagnostics.ts';
import { renderSummary } from '../render/summary.ts';
import { folderChannel, openChannel, type Published } from '../publish/channel.ts';
import { environmentsOf, withEnvironments } from '../publish/environment.ts';
import { writeMessage, writeNote, exit, writeOutput, showDiagnostics } from './command.ts';
import type { BuildValues } from './build-options.ts';
import { judgeTests, logTail, resultsOf, writeOutputs, lockText } from './outputs.ts';
import type { Planned } from './planning.ts';
import { recordRun } from '../engine/runs.ts';
import { versionsOf, type Limits, type Session } from '../engine/session.ts';
import { refused } from '../engine/build/pack.ts';
import { mirrorSystems } from '../engine/system-packages.ts';
import { keepPlatforms, moved, platformsOf } from '../engine/system-lock.ts';

/** What was requested of a build beside its options. */
export interface Wanted {
  output: string;
  limits: Limits;
  tests: boolean;
  /** Reproducibility check: `sample` packages are built a second time; undefined without a check. */
  check: { sample: number | undefined } | undefined;
  publishes: boolean;
  signal: AbortSignal;
}

export async function lockOfRun(planned: Planned, session: Session, channel: string): Promise<string> {
  const { plan, distributions } = planned;
  const platforms = await platformsOf(session.graphs);
  return lockText({ plan, distributions, platforms, versions: await versionsOfRun(planned, session, channel) });
}

/** Versions for a run's lockfile: those of its packages, and of packages that publishing to a channel adds. */
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

/** The part of a failed task's log that tells the cause. A refusal tells its own, and the log went well. */
export const tailOf = (t: Pick<TaskResult, 'log' | 'reason'>): string[] =>
  t.log && !t.reason.includes(refused) ? logTail(t.log) : [];

/** Whether a run has a package to install. Without one, how to install is no answer to what failed. */
export const madeSome = (results: readonly Pick<TaskResult, 'kind' | 'state'>[]): boolean =>
  !results.length || results.some((t) => t.kind === 'build' && isDone(t.state));

/** Writes a run's outputs, records and summary. Returns the exit code. */
export async function endBuild(
  values: BuildValues,
  planned: Planned,
  wanted: Wanted,
  { session, published, begun }: { session: Session; published: Published; begun: number },
): Promise<number> {
  const { workspace, plan } = planned;
  const { output } = wanted;
  const { graphs: runs, store } = session;
  const results = resultsOf(runs);
  if (published.diagnostics.length) showDiagnostics(published.diagnostics);
  const platforms = await platformsOf(runs);
  if (store.namespace === undefined) keepPlatforms(workspace, platforms);
  if (planned.lock) showDiagnostics(moved(planned.lock, platforms));
  if (workspace.distro.mirror === 'state') showDiagnostics(await mirrorSystems(runs));
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
  (failed ? writeMessage : writeNote)(
    renderSummary(
      results.map((t) => (t.log ? { ...t, log: join(output, t.log) } : t)),
      tailOf,
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
    writeNote(`report: ${join(output, 'report.html')}\n`);
    if (!madeSome(results)) return exit.failed;
    writeNote('\nTo install from this repository, put this into /etc/apt/sources.list.d/slipway.sources:\n\n');
    writeOutput(published.sources.join('\n'));
    const closed = notForAll(join(output, 'apt'));
    if (closed)
      writeMessage(
        `\nnote: apt reads as the user _apt, who may not enter ${closed}: chmod o+x ` +
          'it, or give --output a folder that all may read\n',
      );
  }
  return failed ? exit.failed : exit.ok;
}

/** The first folder of a path that other users may not enter. */
function notForAll(path: string): string | undefined {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/') || '/').find((p) => (statSync(p).mode & 0o001) === 0);
}
