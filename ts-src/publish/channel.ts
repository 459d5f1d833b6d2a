import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { account } from '../io/home.ts';
import { bad, error, good, isError, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { aptSuite, channelSuite } from '../model/names.ts';
import type { Scope } from '../model/plan.ts';
import { ownIn } from '../model/maps.ts';
import { renderSources } from '../render/sources.ts';
import type { Store } from '../store/store.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import { moveChecked } from './checked.ts';
import type { Endpoint } from './endpoint.ts';
import { environmentOf, type Environments } from './environment.ts';
import { keyHealth } from './key-health.ts';
import { withoutKeyring } from './keyring.ts';
import { moveChannel, type Draft } from './publication.ts';
import { withSources, type SourceMaker } from './package-sources.ts';
import { raiseVersions } from './raise.ts';
import { withSigner, type Signer, type SigningKey } from './signing.ts';
import type { Settings } from './staging.ts';
import { suiteOf } from './suite.ts';
import { restoreChannel, type OpenChannel, type State } from './state.ts';
import type { Suites } from './suites.ts';

export { openChannel } from './state.ts';
export { heldIn } from './suites.ts';
export type { OpenChannel } from './state.ts';
export type { HeldPackage } from './suites.ts';

/** The private channel of an output folder. */
export const folderChannel = (output: string): string => `folder-${sha256(output).slice(0, 16)}`;

export const isFolderChannel = (name: string): boolean => /^folder-[0-9a-f]{16}$/.test(name);

export interface PublishInput {
  runs: readonly TaskGraph[];
  store: Store;
  state: string;
  /** The channel's repositories. */
  endpoints: readonly Endpoint[];
  organization: string;
  signingKey: SigningKey;
  /** The plan left out packages of the distribution: they stay unchanged in the suite. */
  partial: boolean;
  /** Remove packages from the repository that do not fit the new ones, instead of keeping both unchanged. */
  leaveOut?: boolean;
  /** Whether a package that is not in this run still belongs to the distribution. */
  belongs: (scope: Scope, debian: string) => boolean;
  /** The distribution's name of a package that is not in this run, for messages. */
  nameOf?: (scope: Scope, debian: string) => string | undefined;
  /** The packages with the prefixes' own files, on which all others depend. */
  environments?: Environments;
  stamp: string;
  run?: string;
  /** Text of the lockfile of the run's sources. */
  lock?: string;
  now: number;
  settings?: Partial<Settings>;
  /** Makes source packages, if they are published. */
  makeSource?: SourceMaker;
  /** Test the served repository with apt, and roll back if that fails. */
  checked?: boolean;
}

export interface Published {
  sources: string[];
  diagnostics: Diagnostic[];
  lost: string[];
}

/** Who made a state: Jenkins' user, else this machine's. */
export const whoPublishes = (env: NodeJS.ProcessEnv): string =>
  (env.BUILD_USER_ID || env.BUILD_URL || env.USER || (account()?.username ?? 'unknown'))
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200);

/**
 * Publishes the results of runs to a channel and its repositories. Packages that are incomplete or do not fit together
 * are withheld with a warning. `lost`: keys whose files the store has lost; nothing was published then.
 */
export async function publishChannel(opened: OpenChannel, input: PublishInput): Promise<Published> {
  const diagnostics: Diagnostic[] = [];
  const names = [...new Set(input.runs.map((g) => aptSuite(g.scope.distribution, g.target)))];
  const channel = await restoreChannel(input.store, opened, input.endpoints, names);
  const published = await withSigner(input.signingKey, (signer) => publishRuns(channel, input, signer, diagnostics));
  if (!published.ok) return { sources: [], diagnostics: [...diagnostics, ...published.diagnostics], lost: [] };
  return { ...published.value, diagnostics };
}

async function publishRuns(
  channel: OpenChannel,
  input: PublishInput,
  signer: Signer,
  diagnostics: Diagnostic[],
): Promise<Result<{ sources: string[]; lost: string[] }>> {
  const { runs, store, stamp } = input;
  const before = withoutKeyring(channel.head?.suites ?? channel.former ?? {});
  const next: Suites = { ...before };
  const names = new Set<string>();
  const scratch = join(input.state, 'incoming');
  makeFolder(scratch);
  for (const graph of runs) {
    const name = channelSuite(graph.scope.distribution, graph.target);
    const environment = input.environments?.(graph);
    const { [environment?.name ?? '']: former, ...others } = before[name] ?? {};
    const now = suiteOf(
      graph,
      others,
      {
        belongs: (debian) => input.belongs(graph.scope, debian),
        nameOf: (debian) => input.nameOf?.(graph.scope, debian),
        leaveOut: input.leaveOut === true,
      },
      diagnostics,
    );
    if (!Object.keys(now).length) continue;
    if (environment) {
      const highest = ownIn(channel.value.versions[name], environment.name);
      now[environment.name] = await environmentOf(store, scratch, { ...environment, stamp, highest }, former);
    }
    next[name] = now;
    names.add(aptSuite(graph.scope.distribution, graph.target));
  }
  if (!input.partial) dropArchitectures(next, runs, names);
  if (!names.size) return good({ sources: [], lost: [] });
  const raised = await raiseVersions({
    store,
    scratch,
    suites: next,
    now: before,
    versions: channel.value.versions,
    stamp,
  });
  const lostKeys = (digests: readonly string[]) => {
    const lost = new Set(digests);
    return Object.values(next).flatMap((packages) =>
      Object.values(packages).flatMap((held) => (held.files.some((f) => lost.has(f.sha256)) ? [held.key] : [])),
    );
  };
  if (raised.lost.length) return good({ sources: [], lost: lostKeys(raised.lost) });
  const draft: Draft = {
    kind: 'publication',
    suites: await suitesWithSources(input, scratch, raised.suites, diagnostics),
    tests: { ...channel.head?.tests, ...testsOf(runs) },
    stamp,
    who: whoPublishes(process.env),
    verdicts: [],
    ...(input.run === undefined ? {} : { run: input.run }),
    lock: input.lock,
  };
  const settings = { organization: input.organization, sha512: false, validDays: undefined, ...input.settings };
  diagnostics.push(...(await keyHealth(signer.publicKey, input.now)));
  if (diagnostics.some(isError)) return bad();
  const move = input.checked ? moveChecked : moveChannel;
  const moved = await move(channel, draft, {
    store,
    endpoints: input.endpoints,
    signer,
    settings,
    now: input.now,
  });
  if (!moved.ok) return moved;
  diagnostics.push(...moved.diagnostics);
  if (moved.value.lost.length) return toldLost(lostKeys(moved.value.lost), diagnostics);
  const [first] = input.endpoints;
  return good({ sources: first ? sourcesOf(first, next, [...names], signer) : [], lost: [] });
}

/** The packages with their sources, if sources are published. */
async function suitesWithSources(
  { store, runs, settings, makeSource }: PublishInput,
  scratch: string,
  suites: Suites,
  diagnostics: Diagnostic[],
): Promise<Suites> {
  if (settings?.sources !== true || !makeSource) return suites;
  const added = await withSources({ store, scratch, runs, suites, make: makeSource });
  diagnostics.push(...added.diagnostics);
  return added.suites;
}

/** Separates lost keys, which are built again, from lost source files, which have no key. */
function toldLost(lost: string[], diagnostics: Diagnostic[]): Result<{ sources: string[]; lost: string[] }> {
  if (!lost.length)
    diagnostics.push(
      error('store-damaged', 'the store lost files of published sources', {
        hint: 'publish once with `publish: {sources: false}`, then with `sources: true`, to make the sources again',
      }),
    );
  return good({ sources: [], lost });
}

/** Test results by suite with architecture and Debian package. */
function testsOf(runs: readonly TaskGraph[]): State['tests'] {
  const all: State['tests'] = {};
  for (const graph of runs) {
    const of = (all[channelSuite(graph.scope.distribution, graph.target)] ??= {});
    graph.scope.packages.forEach((p, n) => {
      const test = graph.tests[n];
      if (test && test.outcome !== 'none')
        of[p.debian] = test.outcome === 'passed' && test.flaky.length ? 'flaky' : test.outcome;
    });
  }
  return all;
}

/** apt's sources entries for each suite. */
export function sourcesOf(endpoint: Endpoint, suites: Suites, names: readonly string[], signer: Signer): string[] {
  return names.map((name) =>
    renderSources({
      uri: endpoint.uri,
      suite: name,
      architectures: Object.keys(suites)
        .filter((key) => key.startsWith(`${name}/`))
        .sort()
        .map((key) => key.slice(name.length + 1)),
      keyFile: endpoint.folder === undefined ? undefined : join(endpoint.folder, 'key.asc'),
      key: signer.publicKey,
    }),
  );
}

/** Removes architectures that are no longer planned from published suites. */
function dropArchitectures(next: Suites, runs: readonly TaskGraph[], names: ReadonlySet<string>): void {
  const planned = new Set(
    runs.flatMap((graph) => graph.scope.targets.map((t) => channelSuite(graph.scope.distribution, t))),
  );
  for (const key of Object.keys(next))
    if (names.has(key.slice(0, key.lastIndexOf('/'))) && !planned.has(key)) delete next[key];
}
