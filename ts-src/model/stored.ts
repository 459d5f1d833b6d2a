import { isDebianName, isDebianVersion } from './names.ts';
import type { DocFacts, DocInterface, DocRecord, DocResults } from './docs.ts';
import type { BriefRecord, BriefTest, BuildRecord, StoredFile, TaskResult, TestRecord } from './result.ts';

/**
 * Values read from a store are untrusted: they may come from a machine that ran untrusted code, an old version, or a
 * bad disk. Each kind has a check; a value that fails it counts as missing. Written by hand, because loading a schema
 * library takes longer than checking all records of a run.
 */

export type Check = (value: unknown) => boolean;

export const text =
  (pattern: RegExp, longest = 4096): Check =>
  (v) =>
    typeof v === 'string' && v.length <= longest && pattern.test(v);
export const list =
  (of: Check, most = 1_000_000): Check =>
  (v) =>
    Array.isArray(v) && v.length <= most && v.every(of);
export const map =
  (of: Check, key: Check = line): Check =>
  (v) =>
    isObject(v) && Object.entries(v).every(([k, inner]) => key(k) && of(inner));
export const oneOf =
  (...values: readonly unknown[]): Check =>
  (v) =>
    values.includes(v);
export const optional =
  (of: Check): Check =>
  (v) =>
    v === undefined || of(v);
export const shape =
  (fields: Record<string, Check>): Check =>
  (v) =>
    isObject(v) && Object.entries(fields).every(([name, of]) => of(Object.hasOwn(v, name) ? v[name] : undefined));

export const isObject = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v) && Object.getPrototypeOf(v) === Object.prototype;
/** Whether a value is a list of texts. */
export const isTexts = (v: unknown): v is string[] => Array.isArray(v) && v.every((t) => typeof t === 'string');
export const boolean: Check = (v) => typeof v === 'boolean';
export const count: Check = (v) =>
  typeof v === 'number' && Number.isFinite(v) && v >= 0 && v <= Number.MAX_SAFE_INTEGER;
/** Milliseconds since 1970 that a date can hold. */
export const time: Check = (v) => count(v) && typeof v === 'number' && v <= 8.64e15;
/** Text for people: any characters, limited in length. */
export const words = text(/^[^]*$/, 1 << 20);
export const line = text(/^[^\0\n\r]*$/);
/** A file name: one part of a path. */
const fileName = text(/^(?!\.{1,2}$)[^/\0-\x1f\x7f]+$/, 255);
export const debian: Check = (v) => typeof v === 'string' && isDebianName(v);
const version: Check = (v) => typeof v === 'string' && isDebianVersion(v);
export const isDigest = (v: unknown): v is string => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v);
export const isPackageName = (v: unknown): v is string =>
  typeof v === 'string' && v.length <= 200 && /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(v);
/** A relative path in canonical form that stays below its folder. */
export const isRelativePath = (v: unknown): v is string =>
  typeof v === 'string' &&
  v.length <= 4096 &&
  !/[\0-\x1f\x7f]/.test(v) &&
  v.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

const storedFile = shape({ name: fileName, sha256: isDigest, size: count });
export const isStoredFile = (v: unknown): v is StoredFile => storedFile(v);

const deb = (v: unknown): boolean =>
  isStoredFile(v) && /^[a-z0-9][a-z0-9+.-]*_[A-Za-z0-9.+~-]+_[a-z0-9]+\.d?deb$/.test(v.name);
const interfaceDigests = map((v) => typeof v === 'string' || typeof v === 'boolean');

const briefRecord = {
  key: isDigest,
  package: isPackageName,
  version,
  debs: list(deb, 16),
  files: isStoredFile,
  systemDepends: list(words, 100_000),
  interface: interfaceDigests,
  abi: debian,
  requires: list(debian, 100_000),
  milliseconds: count,
  warning: optional(words),
};
const brief = shape(briefRecord);
export const isBriefRecord = (v: unknown): v is BriefRecord => brief(v);
const build = shape({ ...briefRecord, inputs: map(words), system: list(words), roots: map(words) });
export const isBuildRecord = (v: unknown): v is BuildRecord => build(v);

const testCases = list(shape({ suite: words, name: words, message: words }), 200_000);
const briefTest = {
  key: isDigest,
  package: isPackageName,
  outcome: oneOf('passed', 'failed', 'none'),
  tests: count,
  failures: count,
  skipped: count,
  failed: testCases,
  flaky: testCases,
  attempts: count,
  junit: optional(isStoredFile),
  log: isStoredFile,
  milliseconds: count,
};
const briefTests = shape(briefTest);
export const isBriefTest = (v: unknown): v is BriefTest => briefTests(v);
const test = shape({ ...briefTest, inputs: map(words) });
export const isTestRecord = (v: unknown): v is TestRecord => test(v);

const docRecord = shape({
  schema: oneOf(1),
  key: isDigest,
  package: isPackageName,
  faults: list(words, 1000),
  warnings: count,
  told: list(words, 1000),
  coverage: shape({ documented: count, total: count }),
  undocumented: list(words, 1000),
  digest: isDigest,
  interface: isStoredFile,
  facts: isStoredFile,
  pages: isStoredFile,
  log: isStoredFile,
  inputs: map(words),
  milliseconds: count,
});
export const isDocRecord = (v: unknown): v is DocRecord => docRecord(v);

/** Long text that is not shown as a whole: a tag file, a rendered README. */
const long = text(/^[^]*$/, 64 << 20);
const messageKind = oneOf('msg', 'srv', 'action');
const messageName = text(/^[A-Za-z][A-Za-z0-9_]*$/, 200);
const docInterface = shape({
  schema: oneOf(1),
  tag: optional(long),
  inventory: optional(text(/^[A-Za-z0-9+/=]*$/, 64 << 20)),
  messages: list(shape({ kind: messageKind, name: messageName }), 100_000),
});
export const isDocInterface = (v: unknown): v is DocInterface => docInterface(v);
const docField = shape({ type: words, name: words, value: optional(words), constant: boolean, comment: words });
const docFacts = shape({
  schema: oneOf(1),
  readme: optional(long),
  changelog: optional(long),
  api: optional(isRelativePath),
  prose: optional(isRelativePath),
  python: list(line, 10_000),
  headers: list(line, 100_000),
  messages: list(
    shape({
      kind: messageKind,
      name: messageName,
      comment: words,
      parts: list(shape({ title: words, fields: list(docField, 10_000) }), 3),
      text: words,
    }),
    100_000,
  ),
  launch: list(line, 10_000),
  parameters: list(line, 10_000),
  plugins: list(shape({ name: words, type: words, base: words, description: words }), 10_000),
  executables: list(line, 10_000),
});
export const isDocFacts = (v: unknown): v is DocFacts => docFacts(v);

const pageName = text(/^[A-Za-z0-9_.-]+\.html$/, 500);
/** The report of the documentation tools' script; the package's own code could change it. */
const docResults = shape({
  tools: list(shape({ tool: line, code: (v) => typeof v === 'number', cpu: count }), 20),
  warnings: list(words, 200),
  warning_count: count,
  documented: count,
  total: count,
  undocumented: list(words, 200),
  compounds: list(shape({ kind: line, name: words, page: pageName, brief: words, title: words }), 200_000),
  failed_modules: list(line, 10_000),
});
export const isDocResults = (v: unknown): v is DocResults => docResults(v);

const result = shape({
  id: line,
  name: isPackageName,
  kind: oneOf('build', 'test', 'docs'),
  state: oneOf('cached', 'built', 'passed', 'failed', 'stopped', 'blocked', 'waiting'),
  reason: words,
  warning: optional(words),
  version: optional(version),
  key: optional(isDigest),
  started: optional(time),
  finished: optional(time),
  log: optional(isRelativePath),
  debs: optional(list(deb, 16)),
});
export const isTaskResult = (v: unknown): v is TaskResult => result(v);

/** A task's result stored by an agent. */
export const isStoredResult = (v: unknown): v is { schema: 1; result: TaskResult; log?: StoredFile } =>
  isObject(v) && v.schema === 1 && isTaskResult(v.result) && (v.log === undefined || isStoredFile(v.log));

/** The record of a run, by task: garbage collection keeps what it names, and `explain` compares keys with it. */
export interface RunRecord {
  schema: 1;
  stamp: string;
  finished: number;
  tasks: Record<string, { key: string; state: string; reason: string }>;
  objects: string[];
}
const runRecord = shape({
  schema: oneOf(1),
  stamp: text(/^\d{14}$/),
  finished: time,
  tasks: map(shape({ key: isDigest, state: line, reason: words })),
  objects: list(isDigest),
});
export const isRunRecord = (v: unknown): v is RunRecord => runRecord(v);
