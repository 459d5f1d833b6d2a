import { firstLine } from '../text/cut.ts';
import type { TaskResult, TestCase } from '../model/result.ts';
import { escapeMarkup as escape } from './markup.ts';

/** A JUnit file for Jenkins' junit step. A flaky case passes, and its output contains the failure. */
export function renderJunit(name: string, cases: readonly TestCase[]): string {
  const suites = new Map<string, TestCase[]>();
  for (const c of cases) {
    const suite = suites.get(c.suite);
    if (suite) suite.push(c);
    else suites.set(c.suite, [c]);
  }
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>'];
  for (const [suite, list] of [...suites].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const title = escape(suite === name ? name : `${name}.${suite}`);
    const seconds = list.reduce((sum, c) => sum + c.seconds, 0);
    const count = (result: TestCase['result']) => list.filter((c) => c.result === result).length;
    lines.push(
      `  <testsuite name="${title}" tests="${list.length}" failures="${count('failed')}" errors="0" skipped="${count('skipped')}" time="${seconds.toFixed(3)}">`,
    );
    for (const c of list) {
      const open = `    <testcase classname="${title}" name="${escape(c.name)}" time="${c.seconds.toFixed(3)}"`;
      const output = outputOf(c);
      const inner = [
        ...(c.result === 'failed'
          ? [`      <failure message="${escape(shortLine(c.message))}">${escape(c.message)}</failure>`]
          : []),
        ...(c.result === 'skipped' ? [`      <skipped message="${escape(shortLine(c.message))}"/>`] : []),
        ...(output === undefined ? [] : [`      <system-out>${output}</system-out>`]),
      ];
      lines.push(...(inner.length ? [`${open}>`, ...inner, '    </testcase>'] : [`${open}/>`]));
    }
    lines.push('  </testsuite>');
  }
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}

/** The output element of a case. For a flaky one it has the first failure. */
function outputOf(c: TestCase): string | undefined {
  if (c.flaky) return `flaky: it failed and then passed\n${escape(c.message)}`;
  return c.result === 'failed' && c.output ? escape(c.output.slice(-20_000)) : undefined;
}

function resultOf(state: TaskResult['state']): TestCase['result'] {
  if (state === 'failed') return 'failed';
  return state === 'stopped' || state === 'blocked' || state === 'waiting' ? 'skipped' : 'passed';
}

const shortLine = (text: string): string => firstLine(text.trim()).slice(0, 200);

/** A run's packages as test cases, so that JUnit readers show packages without tests, too. */
export function packageCases(results: readonly TaskResult[], tail: (t: TaskResult) => string[]): TestCase[] {
  return results.map((t) => ({
    suite: t.name,
    name: t.kind === 'test' ? 'tests' : t.kind,
    seconds: t.started !== undefined && t.finished !== undefined ? (t.finished - t.started) / 1000 : 0,
    result: resultOf(t.state),
    message: t.reason,
    output: tail(t).join('\n'),
  }));
}
