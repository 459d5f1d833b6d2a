import { at, last as lastOf } from '../model/lists.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { DistributionInput, Plan } from '../model/plan.ts';
import type { TaskResult, TestCase, TestRecord } from '../model/result.ts';
import { isTexts } from '../model/stored.ts';
import { redacted } from '../model/urls.ts';
import { writeWhole } from '../io/files.ts';
import { makeLock } from '../read/lockfile.ts';
import { renderLock } from '../render/lock.ts';
import { tellingPart } from '../render/log.ts';
import { packageCases, renderJunit } from '../render/junit.ts';
import { renderReport, type ReportTask } from '../render/report.ts';
import type { Store } from '../store/store.ts';
import { docsTaskOf, packageOf, type TaskGraph } from '../engine/task-graph.ts';

export const resultsOf = (runs: readonly TaskGraph[]): TaskResult[] =>
  runs.flatMap((graph) => graph.results.filter((t) => t !== undefined));

export interface Outputs {
  plan: Plan;
  distributions: readonly DistributionInput[];
  platforms: Lockfile['platforms'];
  /** Package versions for the lockfile. */
  versions: NonNullable<Lockfile['versions']>;
  runs: readonly TaskGraph[];
  store: Store;
  output: string;
  begun: number;
  /** Title of the run for people. */
  title?: string;
  /** Notes for the report that belong to no task. */
  notes?: readonly string[];
}

/** Text of the lockfile for a run's inputs. */
export const lockText = (o: Pick<Outputs, 'plan' | 'distributions' | 'platforms' | 'versions'>): string =>
  renderLock(makeLock(o.plan.stamp, locked(o.plan, o.distributions), o.platforms, o.versions));

/** Maximum number of lines shown for documentation with faults. */
const shownLines = 30;

/** The relevant lines of a failed task: messages of its documentation tools, else the relevant part of its log. */
export function tailsOf(output: string, runs: readonly TaskGraph[]): (t: TaskResult) => string[] {
  const warnings = new Map<string, string[]>();
  for (const graph of runs)
    for (const [n, record] of graph.docs.entries()) {
      const t = graph.results[docsTaskOf(graph, n)];
      if (t?.state === 'failed' && record)
        warnings.set(t.id, [...record.faults.slice(1), ...record.told].slice(0, shownLines));
    }
  return (t) => {
    if (t.state !== 'failed') return [];
    const lines = warnings.get(t.id) ?? [];
    return lines.length || t.log === undefined ? lines : logTail(join(output, t.log));
  };
}

/** Writes results and report of a run. */
export function writeReports(o: Omit<Outputs, 'distributions' | 'platforms' | 'versions' | 'store'>): void {
  const { plan, runs, output } = o;
  const results = resultsOf(runs);
  // Reasons, notes and log excerpts may contain URLs with logins, and these files are archived and served.
  const write = (name: string, text: string) => writeWhole(join(output, name), redacted(text));
  write('result.json', `${JSON.stringify({ stamp: plan.stamp, results }, undefined, 1)}\n`);
  const title = `${plan.organization}: ${o.title ?? 'what was built'}`;
  const [stamp, begun, finished] = [plan.stamp, o.begun, Date.now()];
  const files = renderReport({ title, stamp, begun, finished, notes: o.notes ?? [], tasks: reportTasks(runs, output) });
  for (const [name, text] of Object.entries(files)) write(name, text);
}

/** Writes lockfile, results, report and JUnit files of a run. */
export async function writeOutputs(o: Outputs): Promise<Diagnostic[]> {
  const { runs, output } = o;
  writeWhole(join(output, 'lock.yaml'), lockText(o));
  writeReports(o);
  return writeJunit(runs, o.store, output);
}

function reportTasks(runs: readonly TaskGraph[], output: string): ReportTask[] {
  const tails = tailsOf(output, runs);
  return runs.flatMap((graph) =>
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
          needs: t.kind !== 'build' ? [p.name] : [...new Set([...p.build, ...p.run])],
          tail: tails(t),
        },
      ];
    }),
  );
}

/**
 * Writes JUnit files: those of the tests, and one per scope with a case for each package, so that every run has some.
 */
export async function writeJunit(runs: readonly TaskGraph[], store: Store, output: string): Promise<Diagnostic[]> {
  const tails = tailsOf(output, runs);
  const lost: Diagnostic[] = [];
  let cases = 0;
  for (const graph of runs) {
    for (const record of graph.tests) {
      if (!record?.junit) continue;
      const text = await store.readText(record.junit);
      if (text === undefined)
        lost.push(
          warning('results-lost', `the store lost the test results of '${record.package}' on ${graph.id}`, {
            hint: '`slipway test --rebuild NAME` runs its tests again',
          }),
        );
      else writeWhole(join(output, 'junit', graph.id, `${record.package}.xml`), text, { sync: false });
    }
    // Tests with a result file of their own are counted there.
    const own = graph.results.flatMap((t, task) => (t && !graph.tests[task - graph.count]?.junit ? [t] : []));
    cases += own.length;
    if (own.length)
      writeWhole(
        join(output, 'junit', `${graph.id}.xml`),
        renderJunit(graph.id.replaceAll('/', '.'), packageCases(own, tails)),
        { sync: false },
      );
  }
  if (!cases) writePlanCase(output, 'nothing to do', undefined);
  return lost;
}

function writePlanCase(output: string, name: string, fault: string | undefined): void {
  const result = fault === undefined ? 'passed' : 'failed';
  const plan: TestCase = { suite: 'plan', name, seconds: 0, result, message: fault ?? '', output: '' };
  writeWhole(join(output, 'junit/plan.xml'), renderJunit('slipway', [plan]));
}

/** Writes the outputs of a run that could not be planned: the error as a page and as a failed test case. */
export function writeUnplanned(output: string, title: string, fault: string): void {
  const now = Date.now();
  const notes = [`This run could not be planned:\n${fault}`];
  const files = renderReport({
    title: `${title}: not planned`,
    stamp: '-',
    begun: now,
    finished: now,
    notes,
    tasks: [],
  });
  for (const [name, text] of Object.entries(files)) writeWhole(join(output, name), text);
  writeWhole(join(output, 'result.json'), `${JSON.stringify({ fault, results: [] }, undefined, 1)}\n`);
  writePlanCase(output, 'planned', fault);
}

/** The part of a log file that tells the cause; empty if it can't be read. */
export function logTail(log: string): string[] {
  try {
    return tellingPart(readFileSync(log, 'utf8').slice(-400_000));
  } catch {
    return [];
  }
}

/** The distributions with the commits found when the sources of released packages were fetched. */
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
const isOutcome = (v: Partial<Outcome> | null): v is Outcome =>
  typeof v?.stamp === 'string' && typeof v.key === 'string' && isTexts(v.failed) && isTexts(v.flaky);
const historyOf = (scope: string, name: string): string => `history/${scope.replaceAll('/', '_')}/${name}.json`;
/** Number of runs remembered in a package's test history. */
const remembered = 50;

/**
 * Adds this run's test results to their history in the store. Reports for each failing case since when it fails, and
 * whether it is flaky (it passed and failed at the same key) or broken. Cached results are not added.
 */
export async function judgeTests(
  runs: readonly TaskGraph[],
  store: Store,
  stamp: string,
): Promise<Map<string, string>> {
  const verdicts = new Map<string, string>();
  const work = runs.flatMap((graph) =>
    graph.tests.flatMap((record, n) => {
      const task = graph.results[graph.count + n];
      return record && record.outcome !== 'none' && task ? [{ r: graph, record, task }] : [];
    }),
  );
  await store.many(work, async ({ r: graph, record, task }) => {
    const name = historyOf(graph.id, record.package);
    const cases = (list: TestRecord['failed']) => list.map((c) => `${c.suite}.${c.name}`).sort(compare);
    const kept = await store.readJson<unknown>(name);
    const history = Array.isArray(kept) ? kept.filter(isOutcome) : [];
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

/** Verdict on the failing cases of the last entry. */
function verdictOf(history: readonly Outcome[]): string {
  const last = lastOf(history);
  const flaky = last.failed.filter((c) =>
    history.some((h) => h.key === last.key && (h.flaky.includes(c) || h.outcome === 'passed') && h !== last),
  );
  if (flaky.length) return `flaky: ${flaky.slice(0, 3).join(', ')} passed before at the same key`;
  let since = history.length - 1;
  while (since > 0 && last.failed.some((c) => at(history, since - 1).failed.includes(c))) since--;
  const runs = history.length - since;
  if (runs > 1) return `broken since ${at(history, since).stamp}: it failed in each of the last ${runs} runs`;
  return history.length > 1 ? 'it passed the time before' : '';
}
