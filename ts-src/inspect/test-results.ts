import { basename } from 'node:path';
import { Patience } from '../io/bounded.ts';
import { LeftBehindError, readLeft, shownName, walkLeft } from '../io/untrusted.ts';
import { compare } from '../model/diagnostics.ts';
import type { TestCase } from '../model/result.ts';
import { shortened } from '../text/cut.ts';
import { readXml, type XmlElement } from './result-xml.ts';

/** Message of a failed case without one. */
export const unsaid = 'it failed';

/** Limits of one result file, and of all attempts of a package. */
const mostBytes = 16 << 20;
const mostInAll = 128 << 20;
const mostFiles = 20_000;
const mostCases = 200_000;
/** Limit for the names and texts of all cases. Many cases may have the long name of one suite. */
const mostText = 32 << 20;
/** Longer names and texts are cut. */
const longestName = 1000;
const longestText = 200_000;
const longestOutput = 20_000;

/** Budget for reading a package's results. */
export interface ResultRoom {
  bytes: number;
  cases: number;
  text: number;
  time: Patience;
}
export const resultRoom = (): ResultRoom => ({
  bytes: mostInAll,
  cases: mostCases,
  text: mostText,
  time: new Patience(),
});

/**
 * Cases of all result files of a test run: JUnit (pytest, gtest, ctest, ament, nose) and CTest's own format. `folder`
 * lies below `root`, which untrusted tests could write to. Reduces `room` by what was read.
 */
export async function readResults(
  root: string,
  folder: string,
  room = resultRoom(),
): Promise<{ cases: TestCase[]; damaged: string[] }> {
  const cases: TestCase[] = [];
  const damaged: string[] = [];
  const seen = new Set<string>();
  let ctest: TestCase[] = [];
  try {
    for (const { path, kind } of await walkLeft(root, folder, { most: mostFiles })) {
      if (!path.endsWith('.xml')) continue;
      const name = basename(path);
      if (kind !== 'a file') {
        damaged.push(`${shownName(name)} (${kind})`);
        continue;
      }
      const data = await readLeft(root, path, mostBytes);
      room.bytes -= data?.length ?? 0;
      if (room.bytes < 0) throw new LeftBehindError(`${folder} holds more than ${mostInAll >> 20} MiB of results`);
      const suite = name.replace(/(\.xunit|\.gtest)?\.xml$/, '');
      const found = room.time.spend(shownName(path), () => parseResults(data?.toString('utf8') ?? '', suite));
      room.cases -= found?.length ?? 0;
      if (room.cases < 0) throw new LeftBehindError(`${folder} holds more than ${mostCases} test cases`);
      room.text -= found?.reduce((sum, c) => sum + textLength(c), 0) ?? 0;
      if (room.text < 0)
        throw new LeftBehindError(`${folder} holds more than ${mostText >> 20} MiB of names and messages`);
      if (!found) damaged.push(shownName(name));
      else if (/^ctest(-Test)?\.xml$/.test(name)) ctest = found;
      else {
        seen.add(suite);
        for (const one of found) cases.push(one);
      }
    }
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    damaged.push(e.message);
  }
  // CTest counts a program as one case. If the program wrote its own file, use that instead.
  for (const one of ctest) if (!seen.has(one.name)) cases.push(one);
  return { cases: cases.sort((a, b) => compare(a.suite, b.suite) || compare(a.name, b.name)), damaged };
}

const textLength = ({ suite, name, message, output }: TestCase): number =>
  suite.length + name.length + message.length + output.length;

const childrenOf = (element: XmlElement | undefined, name: string): XmlElement[] =>
  element?.children.filter((c) => c.name === name) ?? [];
const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((c) => c.name === name);

/** Seconds of a case; 0 if they are no time. */
function secondsOf(text: string | undefined): number {
  const seconds = Number(text);
  return seconds > 0 && seconds < 1e9 ? seconds : 0;
}

/** Only the output of a failed case is shown, and its end. */
const bounded = (c: TestCase): TestCase => ({
  ...c,
  suite: shortened(c.suite, longestName),
  name: shortened(c.name, longestName),
  message: shortened(c.message, longestText),
  output: c.result === 'failed' ? c.output.slice(-longestOutput) : '',
});

const textOf = (element: XmlElement | undefined): string =>
  [element?.attributes.get('message') ?? '', element?.text ?? ''].filter((t) => t !== '').join('\n');

/** Undefined if it is not a well-formed result file. */
export function parseResults(xml: string, fallback: string): TestCase[] | undefined {
  const root = readXml(xml);
  if (root?.name === 'Site')
    return childrenOf(root, 'Testing')
      .flatMap((t) => childrenOf(t, 'Test'))
      .filter((t) => t.attributes.has('Status'))
      .map(ofCtest);
  if (root?.name === 'testsuite') return ofSuite(root, fallback);
  return root?.name === 'testsuites' ? ofSuite(root, fallback) : undefined;
}

/** Also for `testsuites`, which contain suites. */
function ofSuite(suite: XmlElement, fallback: string): TestCase[] {
  const name = (suite.name === 'testsuite' ? suite.attributes.get('name') : undefined) || fallback;
  return [
    ...childrenOf(suite, 'testsuite').flatMap((s) => ofSuite(s, name)),
    ...childrenOf(suite, 'testcase').map((c) => ofCase(c, name)),
  ];
}

function ofCase(c: XmlElement, suite: string): TestCase {
  const faults = [...childrenOf(c, 'failure'), ...childrenOf(c, 'error')];
  const [status, skip] = [c.attributes.get('status') ?? '', childOf(c, 'skipped')];
  // Attributes by which gtest and CTest mark skipped cases.
  const skipped =
    skip !== undefined ||
    ['notrun', 'disabled', 'skipped'].includes(status) ||
    c.attributes.get('result') === 'skipped';
  const failed = faults.length > 0 || status === 'fail' || status === 'failed';
  return bounded({
    suite: c.attributes.get('classname') || suite,
    name: c.attributes.get('name') ?? '?',
    seconds: secondsOf(c.attributes.get('time')),
    result: resultOf(failed, skipped),
    message: failed ? faults.map(textOf).join('\n') || unsaid : textOf(skip),
    output: `${textOf(childOf(c, 'system-out'))}\n${textOf(childOf(c, 'system-err'))}`.trim(),
  });
}

function resultOf(failed: boolean, skipped: boolean): TestCase['result'] {
  if (failed) return 'failed';
  return skipped ? 'skipped' : 'passed';
}

function ofCtest(t: XmlElement): TestCase {
  const results = childOf(t, 'Results');
  const measured = childrenOf(results, 'NamedMeasurement').find((m) => m.attributes.get('name') === 'Execution Time');
  const status = t.attributes.get('Status') ?? '';
  const output = textOf(childOf(childOf(results, 'Measurement'), 'Value'));
  return bounded({
    suite: 'ctest',
    name: textOf(childOf(t, 'Name')) || '?',
    seconds: secondsOf(textOf(childOf(measured, 'Value'))),
    result: resultOf(status !== 'passed' && status !== 'notrun', status === 'notrun'),
    message: status === 'failed' ? output || unsaid : '',
    output,
  });
}
