import { unsaid } from '../inspect/test-results.ts';
import type { DocRecord } from '../model/docs.ts';
import type { BriefRecord, BriefTest, TaskResult } from '../model/result.ts';
import type { TaskGraph } from './task-graph.ts';

/** The end of a task. */
export interface Ending {
  state: TaskResult['state'];
  reason: string;
}

/** The record of a task, from the store or from running it. */
export type TaskRecord =
  { kind: 'build'; record: BriefRecord } | { kind: 'test'; record: BriefTest } | { kind: 'docs'; record: DocRecord };

/** Adds a task's record to the graph. `cached`: the task did not run in this run. */
export function takeRecord(graph: TaskGraph, task: number, taken: TaskRecord, cached: boolean): Ending {
  if (taken.kind === 'build') setBuildRecord(graph, task, taken.record);
  else if (taken.kind === 'test') graph.tests[task - graph.count] = taken.record;
  else graph.docs[task % graph.count] = taken.record;
  const t = graph.results[task];
  if (t && taken.kind === 'test') return takeTests(t, taken.record, cached);
  if (t && taken.kind === 'docs') return takeDocs(t, taken.record, cached);
  return usable(t, cached);
}

const usable = (t: TaskResult | undefined, cached: boolean): Ending =>
  cached ? { state: 'cached', reason: 'unchanged' } : { state: 'built', reason: t?.reason ?? '' };

export function setBuildRecord(graph: TaskGraph, n: number, record: BriefRecord): void {
  graph.records[n] = record;
  const { version, debs, warning } = record;
  Object.assign(graph.results[n] ?? {}, { version, debs, ...(warning === undefined ? {} : { warning }) });
}

/** Most flaky tests that a reason names. */
const mostTold = 20;

export function takeTests(t: TaskResult, record: BriefTest, cached: boolean): Ending {
  t.tests = {
    tests: record.tests,
    failures: record.failures,
    skipped: record.skipped,
    flaky: record.flaky.length,
    ...(record.junit ? { junit: record.junit.sha256 } : {}),
  };
  if (record.outcome === 'failed') return { state: 'failed', reason: `${earlier(cached)}${failedTests(record)}` };
  const state = cached ? 'cached' : 'passed';
  if (record.outcome === 'none') return { state, reason: 'it has no tests' };
  const names = record.flaky.slice(0, mostTold).map((f) => `${f.suite}.${f.name}`);
  const more = record.flaky.length - names.length;
  const flaky = `flaky: ${names.join(', ')}${more ? ` and ${more} more` : ''}`;
  return { state, reason: names.length ? flaky : t.reason || 'unchanged' };
}

/** What a failed test says first. pytest names the exception of a file that it can't read in the text alone. */
function saidBy(message: string): string {
  const [first = ''] = message.trim().split('\n');
  const raised = first === 'collection failure' ? [...message.matchAll(/^E +(\S.*)$/gm)].at(-1)?.[1] : undefined;
  return raised ?? first;
}

export function failedTests({ failures, tests, failed }: Pick<BriefTest, 'failures' | 'tests' | 'failed'>): string {
  const [first] = failed;
  if (!first) return `${failures} of ${tests} tests failed`;
  const name = first.suite === first.name ? first.name : `${first.suite}.${first.name}`;
  const said = saidBy(first.message);
  const why = said === '' || said === unsaid ? '' : ` (${said})`;
  const hint = /No module named/.test(said) ? '\nthe package that has it must be a <test_depend> in package.xml' : '';
  return `${failures} of ${tests} tests failed: ${name}${why}${failures > 1 ? ` and ${failures - 1} more` : ''}${hint}`;
}

function takeDocs(t: TaskResult, record: DocRecord, cached: boolean): Ending {
  t.docs = { ...record.coverage, warnings: record.warnings };
  const [first] = record.faults;
  if (first !== undefined) {
    const more = record.faults.length > 1 ? `, and ${record.faults.length - 1} more` : '';
    return { state: 'failed', reason: `${earlier(cached)}${first}${more}` };
  }
  return usable(t, cached);
}

const earlier = (cached: boolean): string => (cached ? 'cached: ' : '');
