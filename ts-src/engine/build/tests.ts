import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from '../../inspect/test-results.ts';
import { rulesOf } from '../../model/build-types/index.ts';
import type { Outcome } from '../../io/process.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import type { FailedCase, TestCase, TestRecord } from '../../model/result.ts';

/** What running a package's tests gave. */
export interface TestRun {
  outcome: TestRecord['outcome'];
  cases: TestCase[];
  /** Cases that failed at first and passed in a later attempt. */
  flaky: FailedCase[];
  attempts: number;
}

export const noTests: TestRun = { outcome: 'none', cases: [], flaky: [], attempts: 0 };

export const shortCase = (c: TestCase): FailedCase => ({
  suite: c.suite,
  name: c.name,
  message: c.message.slice(0, 2000),
});

/** How the test step ended, for `readTestRun`. */
export interface TestStep {
  package: string;
  /** Folder with one folder for each attempt. */
  results: string;
  outcome: Outcome;
  log: string;
  seconds: number;
  /** Why the step failed, where it did. */
  reason: () => string;
}

/** Reads what the attempts left. Failures that no result file tells of become a case of their own. */
export function readTestRun(step: TestStep): TestRun {
  const numbers = attemptsIn(step.results);
  const attempts = numbers.map((a) => readResults(join(step.results, String(a))));
  const last = attempts.at(-1);
  const whole = (message: string): TestCase => ({
    suite: step.package,
    name: 'tests',
    seconds: step.seconds,
    result: 'failed',
    message,
    output: readFileSync(step.log, 'utf8').slice(-20_000),
  });
  if (step.outcome.code !== 0 || !last) {
    const cases = [...(last?.cases ?? []), whole(step.reason())];
    return { outcome: 'failed', cases, flaky: [], attempts: attempts.length };
  }
  const exit = readFileSync(join(step.results, String(numbers.at(-1)), 'exit'), 'utf8').trim();
  const cases = [...last.cases];
  if (last.damaged.length) cases.push(whole(`its results can't be read: ${last.damaged.join(', ')}`));
  else if (exit !== '0' && !cases.some((c) => c.result === 'failed'))
    cases.push(whole('its tests ended with a failure that no result file tells of: the log has it'));
  const flaky = markFlaky(
    cases,
    attempts.slice(0, -1).flatMap((a) => a.cases),
  );
  const someFailed = cases.some((c) => c.result === 'failed');
  return { outcome: someFailed ? 'failed' : cases.length ? 'passed' : 'none', cases, flaky, attempts: attempts.length };
}

const attemptsIn = (results: string): number[] =>
  existsSync(results)
    ? readdirSync(results)
        .filter((f) => /^\d+$/.test(f))
        .map(Number)
        .sort((a, b) => a - b)
    : [];

/** Marks the cases that failed in an earlier attempt and passed now; gives how they failed. */
function markFlaky(cases: readonly TestCase[], earlier: readonly TestCase[]): FailedCase[] {
  const id = (c: TestCase) => `${c.suite}\0${c.name}`;
  const failedBefore = new Map(earlier.filter((c) => c.result === 'failed').map((c) => [id(c), c]));
  return cases.flatMap((c) => {
    const before = failedBefore.get(id(c));
    if (!before || c.result !== 'passed') return [];
    Object.assign(c, { flaky: true, message: before.message });
    return [shortCase(before)];
  });
}

/** Whether it is worth while to build a package with its tests, by the files that its build type names. */
export function hasTests(source: string, p: PlannedPackage): boolean {
  const { file, words } = rulesOf(p.buildType).tests;
  const visit = (folder: string, depth: number): boolean =>
    readdirSync(folder, { withFileTypes: true }).some((e) => {
      const path = join(folder, e.name);
      if (e.isDirectory()) return depth < 8 && e.name !== '.git' && visit(path, depth + 1);
      return file.test(e.name) && e.isFile() && (!words || words.test(readFileSync(path, 'utf8')));
    });
  return visit(source, 0);
}
