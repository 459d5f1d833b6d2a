import type { Verdict } from '../model/channel-answers.ts';
import type { StoredFile } from '../model/result.ts';
import { isDebianVersion } from '../model/names.ts';
import {
  boolean,
  debian,
  isDigest,
  isRelativePath,
  isStoredFile,
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
} from '../model/stored.ts';
import type { Suites, Versions } from './suites.ts';

/** A channel's state. Immutable: its id is the digest of its text. */
export interface State {
  schema: 1;
  channel: string;
  /** The channel's previous state. */
  previous: string | undefined;
  kind: 'publication' | 'promotion' | 'rollback' | 'renewal';
  /** The state that its packages come from, after a promotion or rollback. */
  from?: { channel: string; state: string } | undefined;
  suites: Suites;
  /** Packages index, by suite with architecture. */
  indices: Record<string, StoredFile>;
  /** Compressed Packages indices (`Packages.gz` and so on). Missing in states of older versions of Slipway. */
  packed?: Record<string, StoredFile[]>;
  /** Compressed Contents index by suite with architecture, if enabled. */
  contents?: Record<string, StoredFile>;
  /** Sources index by suite, plain and compressed, if enabled. */
  sources?: Record<string, StoredFile[]>;
  /** The highest versions that the channel ever had, where they differ from `suites`. */
  versions: Versions;
  /** Test results by suite with architecture and package, if tests ran. */
  tests: Record<string, Record<string, 'passed' | 'failed' | 'flaky'>>;
  /** The plan's stamp, and the lockfile of its sources. */
  stamp: string;
  lock: StoredFile | undefined;
  /** Milliseconds since 1970. */
  when: number;
  who: string;
  run?: string | undefined;
  verdicts: Verdict[];
  /** Why failed criteria were overridden. */
  forced?: string | undefined;
}

/** An entry of a channel's list of states. */
export interface Listed {
  id: string;
  when: number;
  kind: State['kind'];
}

/** The mutable part of a channel: its states, newest first. */
export interface ChannelFile {
  schema: 2;
  states: Listed[];
  /** The head is being published to its endpoints. A run that finds this set finishes it. */
  switching: boolean;
  /** URIs of the channel's repositories. All have the head, except while switching. */
  endpoints: string[];
}

/** The format of channels before states were introduced. */
export interface FormerChannel {
  schema: 1;
  suites: Suites;
  versions: Versions;
}

/** Checks of channels and states that are read from a store. */

const version: Check = (v) => typeof v === 'string' && isDebianVersion(v);
/** A suite with an architecture (`channelSuite`), or a suite alone: they are parts of paths and words of indices. */
const suite: Check = (v) => isRelativePath(v) && !/\s/.test(v);
const suiteKey: Check = (v) => suite(v) && String(v).includes('/');

const held = shape({
  version,
  key: line,
  files: list(isStoredFile, 16),
  abi: line,
  requires: list(line, 100_000),
  needs: optional(list(line, 100_000)),
  sources: optional(list(isStoredFile, 1000)),
});
const suites = map(map(held, debian), suiteKey);
const versions = map(map(version, debian), suiteKey);
const kind = oneOf('publication', 'promotion', 'rollback', 'renewal');
const files = list(isStoredFile, 16);

const state = shape({
  schema: oneOf(1),
  channel: line,
  previous: optional(isDigest),
  kind,
  from: optional(shape({ channel: line, state: isDigest })),
  suites,
  indices: map(isStoredFile, suiteKey),
  packed: optional(map(files, suiteKey)),
  contents: optional(map(isStoredFile, suiteKey)),
  sources: optional(map(files, suite)),
  versions,
  tests: map(map(oneOf('passed', 'failed', 'flaky'), debian), suiteKey),
  stamp: text(/^\d{14}$/),
  lock: optional(isStoredFile),
  when: time,
  who: words,
  run: optional(words),
  verdicts: list(shape({ criterion: line, passed: boolean, reason: words }), 1000),
  forced: optional(words),
});
export const isState = (v: unknown): v is State => state(v);

const channel = shape({
  schema: oneOf(2),
  states: list(shape({ id: isDigest, when: time, kind })),
  switching: boolean,
  endpoints: list(line, 1000),
});
export const isChannelFile = (v: unknown): v is ChannelFile => channel(v);

const former = shape({ schema: oneOf(1), suites, versions });
export const isFormerChannel = (v: unknown): v is FormerChannel => former(v);
