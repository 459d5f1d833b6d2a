import {
  boolean,
  count,
  debian,
  isBriefRecord,
  isBriefTest,
  isDigest,
  isObject,
  isPackageName,
  isRelativePath,
  isTaskResult,
  line,
  list,
  map,
  oneOf,
  optional,
  shape,
  text,
  time,
  words,
  type Check,
} from './stored.ts';
import { prefixFault } from './names.ts';
import { systemFileKinds } from './system-files.ts';

/** Checks of a run's manifest and shards; see stored.ts. */

const identifier = text(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 200);
const isPlainPath = (v: string): boolean =>
  v.split('/').every((p, i) => (i === 0) === (p === '') && p !== '.' && p !== '..');
const prefix: Check = (v) =>
  typeof v === 'string' &&
  /^\/[A-Za-z0-9_+./-]*$/.test(v) &&
  isPlainPath(v.replace(/\/$/, '')) &&
  prefixFault(v) === undefined;
/** As distro.yaml takes it: `/opt//x` is one, too. */
const underlayPrefix = text(/^(?!.*\/\.\.(?:\/|$))\/[A-Za-z0-9_+./-]*$/);
const commit = text(/^[0-9a-f]{40,64}$/);
const names = list(isPackageName);
const debians = list(debian);
const lines = list(line);

/** A file that a package installs outside of its prefix: of a kind that distro.yaml can allow. */
const systemTarget: Check = (v) =>
  typeof v === 'string' &&
  /^[A-Za-z0-9_.+@/-]{1,400}$/.test(v) &&
  isPlainPath(v) &&
  Object.values(systemFileKinds).some(({ folder }) => v.startsWith(`${folder}/`));
const systemFile = shape({
  path: isRelativePath,
  installed: boolean,
  target: systemTarget,
  link: optional(shape({ path: systemTarget, target: text(/^\.\.\/[A-Za-z0-9_.+@-]+$/) })),
});

const origin = shape({
  url: line,
  commit: optional(commit),
  tree: optional(commit),
  ref: optional(words),
  path: (v) => v === '' || isRelativePath(v),
});

const planned = shape({
  name: isPackageName,
  repository: line,
  version: line,
  buildType: line,
  debian,
  source: origin,
  why: (v) => isObject(v) && (v.named === true || isPackageName(v.neededBy)),
  build: names,
  run: names,
  test: names,
  tools: names,
  systemBuild: debians,
  systemRun: debians,
  systemTest: debians,
  docs: optional(names),
  systemDocs: optional(debians),
  impliedBuild: optional(debians),
  impliedTest: optional(debians),
  bounds: map(lines),
  conflicts: optional(lines),
  replaces: optional(lines),
  systemBounds: optional(list(shape({ package: debian, bounds: lines, run: boolean }))),
  systemFiles: optional(list(systemFile, 1000)),
  blocked: optional(words),
  undocumented: optional(oneOf(true)),
  mustBeCached: optional(oneOf(true)),
  depth: count,
});
const target = shape({
  platform: identifier,
  os: oneOf('debian', 'ubuntu'),
  release: identifier,
  architecture: identifier,
  variant: identifier,
});
const scope = shape({
  distribution: identifier,
  platform: identifier,
  rosVersion: oneOf(1, 2),
  prefix,
  underlayPrefixes: list(underlayPrefix, 100),
  targets: list(target, 1000),
  packages: list(planned),
});

const source = shape({
  name: isPackageName,
  repository: line,
  manifest: text(/^[^]*$/, 64 << 20),
  file: words,
  source: origin,
  buildBackend: optional(words),
  released: optional(words),
});
const distribution = shape({
  name: identifier,
  rosVersion: oneOf(1, 2),
  pythonVersion: oneOf(2, 3),
  repositories: lines,
  packages: list(source),
  debian: debians,
});

const locked = shape({
  schema: oneOf('slipway-lock-1'),
  stamp: text(/^\d{14}$/),
  distributions: map(
    map(shape({ url: line, commit: optional(line), release: optional(line), packages: map(isObject) })),
  ),
  platforms: map(shape({ base: isDigest, archive: line, packages: map(line) })),
  versions: optional(map(map(line))),
});

const pipeline = shape({
  kind: oneOf('nightly', 'release', 'experiment', 'request'),
  channel: optional(line),
  locked: boolean,
  strict: boolean,
  keep: optional(count),
});

/**
 * Checks a run manifest: what becomes paths, names or arguments on machines, and the form of the rest. The settings of
 * distro.yaml in it have their own schema.
 */
export const isRunManifest: Check = shape({
  schema: oneOf(2),
  id: text(/^\d{14}-[0-9a-f]{8}$/),
  plan: shape({ stamp: text(/^\d{14}$/), organization: identifier, scopes: list(scope, 10_000) }),
  distro: isObject,
  files: map((v) => typeof v === 'string', isRelativePath),
  distributions: list(distribution, 1000),
  lock: optional(locked),
  untrusted: optional(identifier),
  tested: list(names),
  documentation: oneOf('none', 'tolerant', 'strict'),
  partial: boolean,
  faults: list(words),
  pipeline,
  title: words,
  lostBefore: optional(words),
  subject: optional(shape({ repository: line, own: names, downstream: names })),
  users: map(names),
  channel: shape({ name: line, held: map(map(line)) }),
  architectures: list(identifier, 100),
  begun: time,
});

/** Checks the record of the last run of a name. Its URL is as `prepare` takes it from Jenkins. */
export const isOpenRecord: Check = shape({
  id: text(/^\d{14}-[0-9a-f]{8}$/),
  begun: time,
  url: optional(text(/^https?:\/\/[\x21-\x7e]{1,500}$/)),
  ended: boolean,
});

const runId = text(/^(?!.*(?:^|\/)\.\.?(?:\/|$))[A-Za-z0-9][A-Za-z0-9._/-]*$/, 600);
/** Checks a shard. */
export const isShard: Check = shape({
  schema: oneOf(1),
  architecture: identifier,
  first: count,
  bases: map(shape({ digest: isDigest, archive: isDigest }), identifier),
  records: map(
    list((v) => v === null || isBriefRecord(v)),
    runId,
  ),
  tests: map(
    list((v) => v === null || isBriefTest(v)),
    runId,
  ),
  tasks: list((v) => Array.isArray(v) && v.length === 2 && runId(v[0]) && count(v[1])),
  results: map(list(isTaskResult), runId),
  seconds: list(count),
  paths: list(count),
});
