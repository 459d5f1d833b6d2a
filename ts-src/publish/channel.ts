import { join } from 'node:path';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { aptSuite, channelSuite } from '../model/names.ts';
import type { Scope, Target } from '../model/plan.ts';
import type { StoredFile } from '../model/result.ts';
import { readIf } from '../io/files.ts';
import { renderSources } from '../render/sources.ts';
import { Repository, type Suite } from './repository.ts';
import type { SigningKey } from './signing.ts';
import type { Store } from '../store/store.ts';
import { suiteOf } from './suite.ts';
import type { TaskGraph } from '../engine/task-graph.ts';

/** One package as a channel holds it. */
export interface HeldPackage {
  version: string;
  key: string;
  files: StoredFile[];
  abi: string;
  requires: string[];
  /** Packages of the distribution that it needs to run, by Debian name. */
  needs?: string[];
}

/**
 * What a channel holds: by suite with architecture (`channelSuite`) and Debian package. `versions`: the highest that it
 * ever held, of packages that left it too.
 */
export interface Channel {
  schema: 1;
  suites: Record<string, Record<string, HeldPackage>>;
  versions: Record<string, Record<string, string>>;
}

/** A channel as it was read, with what a writer must show to have read the last state. */
export interface OpenChannel {
  name: string;
  value: Channel;
  tag: string | undefined;
}

const fileOf = (name: string): string => `channels/${name}.json`;

/** The channel of a folder of one's own, which nothing else publishes to. */
export const folderChannel = (output: string): string => `folder-${sha256(output).slice(0, 16)}`;

export async function openChannel(store: Store, name: string): Promise<OpenChannel> {
  const { value, tag } = await store.readTagged<Channel>(fileOf(name));
  return { name, value: value ?? { schema: 1, suites: {}, versions: {} }, tag };
}

/** Finds what a channel holds at the highest, by suite and Debian package. */
export const heldIn =
  (versions: Channel['versions']) =>
  (scope: Scope, target: Target, debian: string): string | undefined =>
    versions[channelSuite(scope.distribution, target)]?.[debian];

export interface PublishInput {
  runs: readonly TaskGraph[];
  store: Store;
  state: string;
  /** The folder of the repository. */
  folder: string;
  organization: string;
  signingKey: SigningKey;
  /** Not all packages of the distribution were planned: the others stay as they are in the suite. */
  partial: boolean;
  /** Leave out of the repository what does not fit what was built, instead of keeping all of it as it was. */
  leaveOut?: boolean;
  /** Whether a package that is not in this run still belongs to the distribution. */
  belongs: (scope: Scope, debian: string) => boolean;
  /** What the distribution calls a package that is not in this run, for messages. */
  nameOf?: (scope: Scope, debian: string) => string | undefined;
}

export interface Published {
  sources: string[];
  diagnostics: Diagnostic[];
  lost: string[];
}

/**
 * Brings a channel to what the runs made, and the repository to the channel. What is incomplete, or would not fit
 * together, is held back with a warning. `lost`: keys whose files the store no longer has; then nothing was published.
 */
export async function publishChannel(channel: OpenChannel, input: PublishInput): Promise<Published> {
  const { runs, store } = input;
  const diagnostics: Diagnostic[] = [];
  const next: Channel = { schema: 1, suites: { ...channel.value.suites }, versions: { ...channel.value.versions } };
  const names = new Set<string>();
  for (const graph of runs) {
    const name = channelSuite(graph.scope.distribution, graph.target);
    const now = suiteOf(
      graph,
      channel.value.suites[name] ?? {},
      {
        belongs: (debian) => input.belongs(graph.scope, debian),
        nameOf: (debian) => input.nameOf?.(graph.scope, debian),
        leaveOut: input.leaveOut === true,
      },
      diagnostics,
    );
    if (!Object.keys(now).length) continue;
    next.suites[name] = now;
    next.versions[name] = {
      ...next.versions[name],
      ...Object.fromEntries(Object.entries(now).map(([debian, held]) => [debian, held.version])),
    };
    names.add(aptSuite(graph.scope.distribution, graph.target));
  }
  if (!input.partial) dropArchitectures(next, runs, names);
  const suites = [...names].map((name): Suite => {
    const parts = Object.keys(next.suites)
      .filter((key) => key.startsWith(`${name}/`))
      .sort();
    return {
      name,
      architectures: parts.map((key) => key.slice(name.length + 1)),
      files: parts.flatMap((key) => Object.values(next.suites[key]!).flatMap((h) => h.files)),
    };
  });
  if (!suites.length) return { sources: [], diagnostics, lost: [] };
  // The claim comes first: who lost the race has not touched the repository. A crash after it is mended by the next
  // publication.
  if (
    JSON.stringify(next) !== JSON.stringify(channel.value) &&
    !(await store.replaceJson(fileOf(channel.name), next, channel.tag))
  ) {
    return {
      sources: [],
      lost: [],
      diagnostics: [
        ...diagnostics,
        error('channel-moved', `another run published to the channel '${channel.name}' since this one was planned`, {
          hint: 'run the same command again: it goes on from what was published',
        }),
      ],
    };
  }
  const repository = new Repository(
    input.state,
    store,
    join(input.folder, 'apt'),
    input.organization,
    input.signingKey,
  );
  const published = await repository.publish(suites);
  if (!published.ok) return { sources: [], diagnostics: [...diagnostics, ...published.diagnostics], lost: [] };
  if (published.value.lost.length) {
    const lost = new Set(published.value.lost);
    return {
      sources: [],
      diagnostics,
      lost: runs.flatMap((graph) =>
        graph.records.flatMap((record) => (record?.debs.some((d) => lost.has(d.sha256)) ? [record.key] : [])),
      ),
    };
  }
  const keyFile = join(input.folder, 'apt', 'key.asc');
  const key = readIf(keyFile) ?? '';
  return {
    diagnostics,
    lost: [],
    sources: suites.map((s) =>
      renderSources({
        uri: `file://${encodeURI(join(input.folder, 'apt'))}`,
        suite: s.name,
        architectures: s.architectures,
        keyFile,
        key,
      }),
    ),
  };
}

/** Of suites that are published now, what is there for architectures that are planned no more goes. */
function dropArchitectures(next: Channel, runs: readonly TaskGraph[], names: ReadonlySet<string>): void {
  const planned = new Set(
    runs.flatMap((graph) => graph.scope.targets.map((t) => channelSuite(graph.scope.distribution, t))),
  );
  for (const key of Object.keys(next.suites))
    if (names.has(key.slice(0, key.lastIndexOf('/'))) && !planned.has(key)) delete next.suites[key];
}
