import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { DistributionInput, Plan } from '../model/plan.ts';
import type { TaskResult, TestRecord } from '../model/result.ts';
import { writeWhole } from '../io/files.ts';
import { makeLock } from '../read/inputs.ts';
import { renderLock } from '../render/lock.ts';
import { tellingPart } from '../render/log.ts';
import { renderReport } from '../render/report.ts';
import type { Store } from '../store/store.ts';
import { packageOf, type TaskGraph } from '../engine/task-graph.ts';

export const resultsOf = (runs: readonly TaskGraph[]): TaskResult[] =>
  runs.flatMap((graph) => graph.results.filter((t) => t !== undefined));

/** Lock, results, report and JUnit files of a run. */
export async function writeOutputs(
  plan: Plan,
  distributions: readonly DistributionInput[],
  platforms: Lockfile['platforms'],
  runs: readonly TaskGraph[],
  store: Store,
  output: string,
  begun: number,
): Promise<Diagnostic[]> {
  const results = resultsOf(runs);
  writeWhole(join(output, 'lock.yaml'), renderLock(makeLock(plan.stamp, locked(plan, distributions), platforms)));
  writeWhole(join(output, 'result.json'), `${JSON.stringify({ stamp: plan.stamp, results }, undefined, 1)}\n`);
  writeWhole(
    join(output, 'report.html'),
    renderReport({
      organization: plan.organization,
      stamp: plan.stamp,
      begun,
      finished: Date.now(),
      tasks: runs.flatMap((graph) =>
        graph.results.flatMap((t, task) => {
          if (!t) return [];
          const p = packageOf(graph, task);
          return [
            {
              ...t,
              scope: graph.id,
              buildType: p.buildType,
              upstream: p.version,
              repository: p.repository,
              needs: t.kind === 'test' ? [p.name] : [...new Set([...p.build, ...p.run])],
              tail: t.state === 'failed' && t.log ? tailOf(join(output, t.log)) : [],
            },
          ];
        }),
      ),
    }),
  );
  const lost: Diagnostic[] = [];
  for (const graph of runs) {
    for (const record of graph.tests) {
      if (!record?.junit) continue;
      const text = await store.readText(record.junit);
      if (text === undefined)
        lost.push(
          warning('results-lost', `the store lost the test results of '${record.package}' on ${graph.id}`, {
            hint: 'slipway test runs its tests again where --retest says so',
          }),
        );
      else writeWhole(join(output, 'junit', graph.id, `${record.package}.xml`), text, { sync: false });
    }
  }
  return lost;
}

function tailOf(log: string): string[] {
  try {
    return tellingPart(readFileSync(log, 'utf8').slice(-400_000));
  } catch {
    return [];
  }
}

/** The distributions with the commits that were found for released packages when their sources were fetched. */
function locked(plan: Plan, distributions: readonly DistributionInput[]): DistributionInput[] {
  const sources = new Map(
    plan.scopes.flatMap((s) => s.packages.map((p) => [`${s.distribution} ${p.name}`, p.source] as const)),
  );
  return distributions.map((d) => ({
    ...d,
    packages: new Map(
      [...d.packages].map(([name, p]) => [name, { ...p, source: sources.get(`${d.name} ${name}`) ?? p.source }]),
    ),
  }));
}

interface Outcome {
  stamp: string;
  key: string;
  outcome: TestRecord['outcome'];
  failed: string[];
  flaky: string[];
}
const historyOf = (scope: string, name: string): string => `history/${scope.replaceAll('/', '_')}/${name}.json`;
/** Runs that are remembered of each package's tests. */
const remembered = 50;

/**
 * Adds this run's test results to their history in the store, and tells of each failing case whether it is flaky (it
 * passed and failed at the same key) or broken, and since when. Kept results are no new ones.
 */
export async function judgeTests(
  runs: readonly TaskGraph[],
  store: Store,
  stamp: string,
): Promise<Map<string, string>> {
  const verdicts = new Map<string, string>();
  const work = runs.flatMap((graph) =>
    graph.tests.flatMap((record, n) =>
      record && record.outcome !== 'none' && graph.results[graph.count + n]
        ? [{ r: graph, record, task: graph.results[graph.count + n]! }]
        : [],
    ),
  );
  await store.many(work, async ({ r: graph, record, task }) => {
    const name = historyOf(graph.id, record.package);
    const cases = (list: TestRecord['failed']) => list.map((c) => `${c.suite}.${c.name}`).sort(compare);
    const history = (await store.readJson<Outcome[]>(name)) ?? [];
    const now: Outcome = {
      stamp,
      key: record.key.slice(0, 16),
      outcome: record.outcome,
      failed: cases(record.failed),
      flaky: cases(record.flaky),
    };
    const ran = !task.reason.startsWith('cached: ') && task.state !== 'cached';
    if (ran) {
      history.push(now);
      await store.writeJson(name, history.slice(-remembered));
    }
    if (record.outcome === 'failed') verdicts.set(task.id, verdictOf(history.length ? history : [now]));
  });
  return verdicts;
}

/** Of the last entry's failing cases. */
function verdictOf(history: readonly Outcome[]): string {
  const last = history[history.length - 1]!;
  const flaky = last.failed.filter((c) =>
    history.some((h) => h.key === last.key && (h.flaky.includes(c) || h.outcome === 'passed') && h !== last),
  );
  if (flaky.length) return `flaky: ${flaky.slice(0, 3).join(', ')} passed before at the same key`;
  let since = history.length - 1;
  while (since > 0 && last.failed.some((c) => history[since - 1]!.failed.includes(c))) since--;
  const runs = history.length - since;
  return runs > 1
    ? `broken since ${history[since]!.stamp}: it failed in each of the last ${runs} runs`
    : history.length > 1
      ? 'it passed the time before'
      : '';
}
