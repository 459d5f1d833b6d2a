import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { error, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { BuildOutcome } from '../engine/build/outcome.ts';
import type { SourceRequest } from '../engine/build/source-package.ts';
import type { TaskGraph } from '../engine/task-graph.ts';
import { parallel } from '../io/process.ts';
import { channelSuite } from '../model/names.ts';
import { someOf } from '../render/table.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { controlStanzas, sourceOf } from './deb.ts';
import type { HeldPackage, Suites } from './suites.ts';
import { removeTree } from '../io/remove-tree.ts';

/** Makes a source package; returns files, the .dsc first. */
export type SourceMaker = (request: SourceRequest) => Promise<BuildOutcome<string[]>>;

export interface SourcesInput {
  store: Store;
  /** Work folder. */
  scratch: string;
  runs: readonly TaskGraph[];
  suites: Suites;
  make: SourceMaker;
}

/** Number of source packages made in parallel; each is compressed by a process. */
const width = 4;

interface Wanted {
  suite: string;
  debian: string;
  held: HeldPackage;
  graph: TaskGraph;
  number: number;
}

/**
 * Adds source packages to the packages of runs that lack one: from the sources in their keys, under the source version
 * in their control files. This includes packages that were built long ago; nothing is built.
 */
export async function withSources(input: SourcesInput): Promise<{ suites: Suites; diagnostics: Diagnostic[] }> {
  const { store, suites, runs } = input;
  const all: Suites = {};
  const wanted: Wanted[] = [];
  const without: string[] = [];
  for (const [suite, packages] of Object.entries(suites)) {
    const graph = runs.find((g) => channelSuite(g.scope.distribution, g.target) === suite);
    const numbers = new Map(graph?.scope.packages.map((p, n) => [p.debian, n]));
    const of: Record<string, HeldPackage> = { ...packages };
    all[suite] = of;
    for (const [debian, held] of Object.entries(packages)) {
      // A source package that the store lost is made again.
      if (held.sources && store.holds(held.sources)) continue;
      const number = numbers.get(debian);
      if (graph && number !== undefined && graph.records[number]?.key === held.key)
        wanted.push({ suite, debian, held, graph, number });
      else if (number !== undefined) without.push(debian);
    }
  }
  const diagnostics: Diagnostic[] = [];
  if (without.length)
    diagnostics.push(
      warning(
        'source-missing',
        `no source is published of ${someOf([...new Set(without)], 8)}: what the channel has of ` +
          `${without.length === 1 ? 'it' : 'them'} was not made from the sources of this run`,
        { hint: 'rebuild the packages to add their sources' },
      ),
    );
  await makeSources(input, wanted, all, diagnostics);
  return { suites: all, diagnostics };
}

async function makeSources(input: SourcesInput, wanted: Wanted[], all: Suites, diagnostics: Diagnostic[]) {
  const { store, scratch, make } = input;
  const paths = await store.many(wanted, ({ held }) => firstOf(store, held));
  const stanzas = await controlStanzas(paths.flatMap((p) => (p ? [p] : [])));
  const read = new Map(paths.flatMap((p) => (p ? [p.name] : [])).map((name, i) => [name, stanzas[i]]));
  // Architectures share a source package, so it is made once.
  const known = new Map<string, Promise<StoredFile[] | string>>();
  await parallel(wanted, width, async ({ suite, debian, held, graph, number }) => {
    const p = graph.scope.packages[number];
    const stanza = read.get(held.files[0]?.name ?? '');
    // A lost package is reported elsewhere.
    if (!p || stanza === undefined) return;
    const { version } = sourceOf(stanza);
    const name = `${suite.slice(0, suite.lastIndexOf('/'))} ${debian} ${version} ${p.source.tree ?? ''}`;
    const began =
      known.get(name) ??
      shared(all, suite, debian, version) ??
      makeOne(store, scratch, make, { graph, package: p, version });
    known.set(name, Promise.resolve(began));
    const files = await began;
    if (typeof files !== 'string') (all[suite] ??= {})[debian] = { ...held, sources: files };
    else
      diagnostics.push(
        error('source-missing', `the source of '${p.name}' can't be published: ${files}`, {
          hint: 'publish: {sources: false} publishes without sources',
        }),
      );
  });
}

/** The source package of the same version from another architecture of the suite. */
function shared(all: Suites, suite: string, debian: string, version: string): StoredFile[] | undefined {
  const name = `${debian}_${version.replace(/^\d+:/, '')}.dsc`;
  const folder = suite.slice(0, suite.lastIndexOf('/') + 1);
  return Object.entries(all)
    .flatMap(([key, packages]) => (key.startsWith(folder) && key !== suite ? [packages[debian]?.sources] : []))
    .find((sources) => sources?.[0]?.name === name);
}

async function firstOf(store: Store, held: HeldPackage): Promise<{ name: string; path: string } | undefined> {
  const [file] = held.files;
  const path = file && (await store.path(file));
  return file && path !== undefined ? { name: file.name, path } : undefined;
}

async function makeOne(
  store: Store,
  scratch: string,
  make: SourceMaker,
  request: Omit<SourceRequest, 'work'>,
): Promise<StoredFile[] | string> {
  const work = mkdtempSync(join(scratch, 'source-'));
  try {
    const outcome = await make({ ...request, work });
    if (outcome.state !== 'made') return outcome.state === 'failed' ? outcome.reason : 'its sources were lost';
    const files: StoredFile[] = [];
    // The .dsc is stored last, because it names the archive.
    for (const path of [...outcome.value].reverse()) files.unshift(await store.put(path));
    return files;
  } finally {
    removeTree(work);
  }
}
