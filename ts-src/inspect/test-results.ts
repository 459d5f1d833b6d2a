import { basename } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { LeftBehindError, readLeft, shownName, walkLeft } from '../io/untrusted.ts';
import type { TestCase } from '../model/result.ts';

/** Bounds of one result file, and of all of one attempt. */
const mostBytes = 16 << 20;
const mostInAll = 128 << 20;
const mostFiles = 20_000;

/**
 * Cases of all result files of one run of a package's tests: JUnit (pytest, gtest, ctest, ament, nose) and CTest's own.
 * `folder` is below `root`, where the tests could write whatever they liked.
 */
export async function readResults(root: string, folder: string): Promise<{ cases: TestCase[]; damaged: string[] }> {
  const cases: TestCase[] = [];
  const damaged: string[] = [];
  const seen = new Set<string>();
  let ctest: TestCase[] = [];
  let left = mostInAll;
  try {
    for (const { path, kind } of await walkLeft(root, folder, { most: mostFiles })) {
      if (!path.endsWith('.xml')) continue;
      const name = basename(path);
      if (kind !== 'a file') {
        damaged.push(`${shownName(name)} (${kind})`);
        continue;
      }
      const data = await readLeft(root, path, mostBytes);
      left -= data?.length ?? 0;
      if (left < 0) throw new LeftBehindError(`${folder} holds more than ${mostInAll >> 20} MiB of results`);
      const suite = name.replace(/(\.xunit|\.gtest)?\.xml$/, '');
      const found = parseResults(data?.toString('utf8') ?? '', suite);
      if (!found) damaged.push(shownName(name));
      else if (/^ctest(-Test)?\.xml$/.test(name)) ctest = found;
      else {
        seen.add(suite);
        cases.push(...found);
      }
    }
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    damaged.push(e.message);
  }
  // CTest counts a whole program as one case: where that wrote its own file, the file tells more.
  cases.push(...ctest.filter((c) => !seen.has(c.name)));
  return { cases: cases.sort((a, b) => (a.suite + a.name < b.suite + b.name ? -1 : 1)), damaged };
}

type Xml = Record<string, unknown>;
const isXml = (value: unknown): value is Xml => typeof value === 'object' && value !== null;

function list(value: unknown): Xml[] {
  if (value === undefined) return [];
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.map((v) => (isXml(v) ? v : { '#text': String(v) }));
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (!isXml(value)) return String(value);
  return [value['@message'], value['#text']]
    .filter((t) => t !== undefined && t !== '')
    .map(String)
    .join('\n');
}

/** Undefined where it is no result file, or not well-formed. */
export function parseResults(xml: string, fallback: string): TestCase[] | undefined {
  try {
    if (XMLValidator.validate(xml) !== true) return undefined;
    const parsed = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      parseTagValue: false,
      parseAttributeValue: false,
      trimValues: true,
      processEntities: true,
    }).parse(xml) as Xml;
    if (parsed.Site)
      return list(list((parsed.Site as Xml).Testing).flatMap((t) => list(t.Test)))
        .filter((t) => t['@Status'] !== undefined)
        .map(ofCtest);
    if (parsed.testsuites === undefined && parsed.testsuite === undefined) return undefined;
    return [...list(parsed.testsuites), ...list(parsed.testsuite)].flatMap((s) => ofSuite(s, fallback));
  } catch {
    return undefined;
  }
}

function ofSuite(suite: Xml, fallback: string): TestCase[] {
  const name = typeof suite['@name'] === 'string' && suite['@name'] ? suite['@name'] : fallback;
  return [
    ...list(suite.testsuite).flatMap((s) => ofSuite(s, name)),
    ...list(suite.testcase).map((c): TestCase => {
      const fault = c.failure ?? c.error;
      // gtest and CTest say by an attribute that a case was not run.
      const skipped =
        c.skipped !== undefined ||
        c['@status'] === 'notrun' ||
        c['@status'] === 'disabled' ||
        c['@status'] === 'skipped' ||
        c['@result'] === 'skipped';
      const failed = fault !== undefined || c['@status'] === 'fail' || c['@status'] === 'failed';
      return {
        suite: String(c['@classname'] || name),
        name: String(c['@name'] ?? '?'),
        seconds: Number(c['@time']) || 0,
        result: resultOf(failed, skipped),
        message: failed ? list(fault).map(text).join('\n') || 'it failed' : text(c.skipped),
        output: `${text(c['system-out'])}\n${text(c['system-err'])}`.trim(),
      };
    }),
  ];
}

function resultOf(failed: boolean, skipped: boolean): TestCase['result'] {
  if (failed) return 'failed';
  return skipped ? 'skipped' : 'passed';
}

function ofCtest(t: Xml): TestCase {
  const results = (t.Results ?? {}) as Xml;
  const measured = list(results.NamedMeasurement).find((m) => m['@name'] === 'Execution Time');
  const status = String(t['@Status']);
  const output = text(((results.Measurement ?? {}) as Xml).Value);
  return {
    suite: 'ctest',
    name: text(t.Name) || '?',
    seconds: Number(text(measured?.Value)) || 0,
    result: resultOf(status !== 'passed' && status !== 'notrun', status === 'notrun'),
    message: status === 'failed' ? output || 'it failed' : '',
    output,
  };
}
