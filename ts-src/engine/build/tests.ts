import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readResults, resultRoom } from '../../inspect/test-results.ts';
import { LeftBehindError, listLeft, readEnd, readLeft } from '../../io/untrusted.ts';
import { rulesOf } from '../../model/build-types/index.ts';
import { withinTime } from '../../io/bounded.ts';
import type { Outcome } from '../../io/process.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import type { FailedCase, TestCase, TestRecord } from '../../model/result.ts';
import { renderJunit } from '../../render/junit.ts';

/** The result of a package's tests. */
export interface TestRun {
  outcome: TestRecord['outcome'];
  cases: TestCase[];
  /** Cases that failed first and passed in a later attempt. */
  flaky: FailedCase[];
  attempts: number;
}

export const noTests: TestRun = { outcome: 'none', cases: [], flaky: [], attempts: 0 };

export const shortCase = (c: TestCase): FailedCase => ({
  suite: c.suite,
  name: c.name,
  message: c.message.slice(0, 2000),
});

/** The JUnit file of a package's cases. */
export const junitOf = (name: string, cases: readonly TestCase[]): string =>
  withinTime('its results', () => renderJunit(name, cases));

/** The end of the test step, for `readTestRun`. */
export interface TestStep {
  package: string;
  /** Folder that the tests could write to. */
  build: string;
  /** Folder of results below it, with one folder per attempt. */
  results: string;
  outcome: Outcome;
  log: string;
  seconds: number;
  /** Reason for a failure of the step. */
  reason: () => string;
}

/** Maximum number of attempts that are read; the build script makes no more. */
const mostAttempts = 100;

/** Reads the results of all attempts. A failure without a result file becomes a case of its own. */
export async function readTestRun(step: TestStep): Promise<TestRun> {
  const whole = (message: string): TestCase => ({
    suite: step.package,
    name: 'tests',
    seconds: step.seconds,
    result: 'failed',
    message,
    output: readEnd(step.log, 20_000),
  });
  try {
    return await readAttempts(step, whole);
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    const cases = [whole(`its results can't be read: ${e.message}`)];
    return { outcome: 'failed', cases, flaky: [], attempts: 1 };
  }
}

async function readAttempts(step: TestStep, whole: (message: string) => TestCase): Promise<TestRun> {
  const numbers = await attemptsIn(step);
  const attempts = [];
  const room = resultRoom();
  for (const a of numbers) attempts.push(await readResults(step.build, `${step.results}/${a}`, room));
  const last = attempts.at(-1);
  if (step.outcome.code !== 0 || !last) {
    const cases = [...(last?.cases ?? []), whole(step.reason())];
    return { outcome: 'failed', cases, flaky: [], attempts: attempts.length };
  }
  const exit = await readLeft(step.build, `${step.results}/${numbers.at(-1)}/exit`, 100);
  const cases = [...last.cases];
  if (last.damaged.length) cases.push(whole(`its results can't be read: ${last.damaged.slice(0, 20).join(', ')}`));
  else if (!exit) cases.push(whole('its results have no file `exit`: something in its tests removed it'));
  else if (exit.toString('latin1').trim() !== '0' && !cases.some((c) => c.result === 'failed'))
    cases.push(whole('its tests ended with a failure that no result file tells of: the log has it'));
  const flaky = markFlaky(
    cases,
    attempts.slice(0, -1).flatMap((a) => a.cases),
  );
  return { outcome: outcomeOf(cases), cases, flaky, attempts: attempts.length };
}

function outcomeOf(cases: readonly TestCase[]): TestRun['outcome'] {
  if (!cases.length) return 'none';
  return cases.some((c) => c.result === 'failed') ? 'failed' : 'passed';
}

async function attemptsIn({ build, results }: TestStep): Promise<number[]> {
  const numbers = (await listLeft(build, results))
    .filter((e) => e.kind === 'a folder' && /^[1-9]\d{0,2}$/.test(e.name))
    .map((e) => Number(e.name))
    .sort((a, b) => a - b);
  if (numbers.length > mostAttempts) throw new LeftBehindError(`${results} holds more than ${mostAttempts} attempts`);
  return numbers;
}

/** Marks cases that failed in an earlier attempt and passed now. Returns the earlier failures. */
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

/** Larger files are not searched for tests. */
const mostWords = 4 << 20;

/** Whether a package seems to have tests, judged by the files that its build type names. */
export function hasTests(source: string, buildType: PlannedPackage['buildType']): boolean {
  const { file, words } = rulesOf(buildType).tests;
  const visit = (folder: string, depth: number): boolean =>
    readdirSync(folder, { withFileTypes: true }).some((e) => {
      const path = join(folder, e.name);
      if (e.isDirectory()) return depth < 8 && e.name !== '.git' && visit(path, depth + 1);
      return (
        file.test(e.name) &&
        e.isFile() &&
        (!words || (lstatSync(path).size < mostWords && words.test(readFileSync(path, 'utf8'))))
      );
    });
  return visit(source, 0);
}
