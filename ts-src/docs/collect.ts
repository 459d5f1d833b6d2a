import { compare } from '../model/diagnostics.ts';
import { channelSuite } from '../model/names.ts';
import { openChannel } from '../publish/channel.ts';
import { channelNames } from '../publish/state.ts';
import type { DistributionInput } from '../model/plan.ts';
import { isDocFacts, isDocInterface } from '../model/stored.ts';
import { redacted } from '../model/urls.ts';
import type { Store } from '../store/store.ts';
import type { DocRecord } from '../model/docs.ts';
import type { StoredFile } from '../model/result.ts';
import { sizeText } from '../model/sizes.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import { withoutTags } from '../text/xml.ts';
import { measuredOf, readHistory, withNow } from './history.ts';
import type { DocPackage } from './package-info.ts';

/** Returns the versions of a Debian package in channels, for the suite of a graph. */
type ChannelsOf = (graph: TaskGraph, debian: string) => { channel: string; version: string }[];

/** Output folders of `slipway build` are channels too, but they are private to this machine and left out. */
async function readChannels(store: Store): Promise<ChannelsOf> {
  const names = (await channelNames(store)).filter((name) => !name.startsWith('folder-'));
  const channels = await store.many(names, async (name) => ({
    name,
    head: (await openChannel(store, name)).head,
  }));
  return (graph, debian) =>
    channels.flatMap(({ name, head }) => {
      const version = head?.suites[channelSuite(graph.scope.distribution, graph.target)]?.[debian]?.version;
      return version === undefined ? [] : [{ channel: name, version }];
    });
}

/** Most bytes of facts and interfaces in a site: it needs those of all packages at once, and each may have 128 MiB. */
const largestFacts = 512 << 20;

const sizeOf = ({ facts, interface: shown }: DocRecord): number => facts.size + shown.size;

/** Records that a site has no room for: the largest ones, so that they keep no other package out. */
export function beyondRoom(records: readonly DocRecord[], most = largestFacts): ReadonlySet<DocRecord> {
  let left = most;
  const sorted = [...records].sort((a, b) => sizeOf(a) - sizeOf(b) || compare(a.package, b.package));
  return new Set(sorted.filter((record) => (left -= sizeOf(record)) < 0));
}

/**
 * Collects all data of a run's documentation, sorted: one entry for each package with a documentation task. Data that
 * the store lost becomes the package's problem.
 */
export async function collectPackages(
  graphs: readonly TaskGraph[],
  distributions: readonly DistributionInput[],
  store: Store,
  stamp: string,
): Promise<DocPackage[]> {
  const channels = await readChannels(store);
  const found: DocPackage[] = [];
  const beyond = beyondRoom(graphs.flatMap(({ docs }) => docs.filter((record) => record !== undefined)));
  for (const graph of graphs) {
    const input = distributions.find((d) => d.name === graph.scope.distribution);
    const dependents = dependentsOf(graph);
    const numbers = graph.scope.packages.flatMap((_, n) => (graph.results[2 * graph.count + n] ? [n] : []));
    const packages = await store.many(numbers, (n) => packageOf(graph, n, input, { store, channels, beyond }));
    const history = await readHistory(store, graph.scope.distribution);
    packages.forEach((p, i) => {
      const trend = p.record && { trend: withNow(measuredOf(history, p.name), p.record, stamp) };
      found.push({ ...p, ...trend, dependents: dependents[numbers[i] ?? 0] ?? [] });
    });
  }
  return found.sort((a, b) => compare(a.distribution, b.distribution) || compare(a.name, b.name));
}

function dependentsOf(graph: TaskGraph): string[][] {
  const users: Set<string>[] = graph.scope.packages.map(() => new Set());
  for (const p of graph.scope.packages)
    for (const name of [...p.build, ...p.run]) users[graph.closures.index.get(name) ?? -1]?.add(p.name);
  return users.map((names) => [...names].sort(compare));
}

async function packageOf(
  graph: TaskGraph,
  n: number,
  input: DistributionInput | undefined,
  { store, channels, beyond }: { store: Store; channels: ChannelsOf; beyond: ReadonlySet<DocRecord> },
): Promise<Omit<DocPackage, 'dependents'>> {
  const planned = graph.scope.packages[n];
  const task = graph.results[2 * graph.count + n];
  if (!planned) throw new Error(`there is no package ${n}`);
  const manifest = input?.packages.get(planned.name)?.manifest;
  const record = graph.docs[n];
  const refused =
    record && beyond.has(record)
      ? `its README, changelog, messages and symbols have ${sizeText(sizeOf(record))}: the site has no room for them`
      : undefined;
  const read = refused === undefined ? record : undefined;
  const facts = read && (await readStored(store, read.facts, isDocFacts));
  const shown = read && (await readStored(store, read.interface, isDocInterface));
  const done = task?.state === 'built' || task?.state === 'cached';
  const lost = read && (!facts || !shown) ? 'The store lost it.' : undefined;
  const problem = lost ?? refused ?? (done ? undefined : `${task?.reason.split('\n')[0] ?? 'It was not made.'}`);
  const version = graph.records[n]?.version;
  const { commit } = planned.source;
  return {
    distribution: graph.scope.distribution,
    name: planned.name,
    version: planned.version,
    description: textOf(manifest?.description ?? ''),
    maintainers: manifest?.maintainers ?? [],
    authors: manifest?.authors ?? [],
    licenses: manifest?.licenses ?? [],
    urls: manifest?.urls ?? [],
    buildType: planned.buildType,
    repository: planned.repository,
    url: redacted(planned.source.url),
    path: planned.source.path,
    debian: planned.debian,
    build: planned.build,
    run: planned.run,
    test: planned.test,
    system: planned.systemRun,
    channels: channels(graph, planned.debian),
    ...(commit === undefined ? {} : { commit }),
    ...(version === undefined ? {} : { debianVersion: version }),
    ...(problem === undefined ? {} : { problem }),
    ...(record ? { record } : {}),
    ...(refused === undefined ? {} : { refused }),
    ...(facts ? { facts } : {}),
    ...(shown ? { interface: shown } : {}),
  };
}

async function readStored<T>(store: Store, file: StoredFile, check: (v: unknown) => v is T): Promise<T | undefined> {
  const value = await store.readParsed(file);
  return check(value) ? value : undefined;
}

/** The text of a description, with HTML tags removed. */
const textOf = (html: string): string =>
  withoutTags(html)
    .replace(
      /&(lt|gt|quot|apos|amp|nbsp);/g,
      (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', nbsp: ' ' })[name] ?? '',
    )
    .replace(/\s+/g, ' ')
    .trim();
