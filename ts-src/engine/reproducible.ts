import { append } from '../model/lists.ts';
import { basename, join } from 'node:path';
import { makeFolder, sha256File } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { parallel, reasonOf, run } from '../io/process.ts';
import { differencesOf, type FileDifference } from '../inspect/differences.ts';
import { compare } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { stampIn } from '../model/names.ts';
import type { BriefRecord, StoredFile } from '../model/result.ts';
import { failed, made, type BuildOutcome } from './build/outcome.ts';
import type { Session } from './session.ts';
import { StoreRepair } from './store-repair.ts';
import { packageOf, recordOf, type TaskGraph } from './task-graph.ts';

/** The comparison of a second build with the first. `report`: path of diffoscope's report below the output. */
export interface Comparison {
  id: string;
  name: string;
  state: 'equal' | 'different' | 'failed';
  reason?: string;
  differences: FileDifference[];
  report?: string;
}

export interface CheckOptions {
  output: string;
  workers: number;
  chosen: (graph: TaskGraph, number: number) => boolean;
  /** Maximum number of packages; each day selects others. */
  sample: number | undefined;
  /** The plan's stamp, which selects the sample. */
  stamp: string;
  signal: AbortSignal;
  started: (name: string) => void;
}

/** Builds stored packages again under conditions that must not matter, and compares every byte. */
export async function checkReproducible(session: Session, options: CheckOptions): Promise<Comparison[]> {
  const all = session.graphs.flatMap((graph) =>
    graph.scope.packages.flatMap((_, number) =>
      graph.records[number] && options.chosen(graph, number) ? [{ graph, number }] : [],
    ),
  );
  const rank = ({ graph, number }: { graph: TaskGraph; number: number }) =>
    sha256(`${options.stamp.slice(0, 8)} ${graph.id} ${packageOf(graph, number).name}`);
  const chosen =
    options.sample === undefined
      ? all
      : all
          .map((task) => ({ task, rank: rank(task) }))
          .sort((a, b) => compare(a.rank, b.rank))
          .slice(0, options.sample)
          .map(({ task }) => task);
  const found: Comparison[] = [];
  await parallel(chosen, options.workers, async ({ graph, number }) => {
    if (options.signal.aborted) return;
    options.started(`${graph.id}/${packageOf(graph, number).name}`);
    found.push(await checkOne(session, options, graph, number));
  });
  return found.sort((a, b) => compare(`${a.id}/${a.name}`, `${b.id}/${b.name}`));
}

async function checkOne(
  session: Session,
  options: CheckOptions,
  graph: TaskGraph,
  number: number,
): Promise<Comparison> {
  const p = packageOf(graph, number);
  const record = recordOf(graph, number);
  const repair = new StoreRepair({
    ...session,
    state: session.input.state,
    output: options.output,
    note: session.say,
    restored: () => undefined,
  });
  const log = join(options.output, 'logs', graph.id, `${p.name}.again.log`);
  const outcome = await repair.run(graph, async (work): Promise<BuildOutcome<Omit<Comparison, 'id' | 'name'>>> => {
    const resolved = await session.taskKeys.resolveKey(graph, number);
    if (typeof resolved === 'string') return failed(resolved);
    const stamp = stampIn(record.version);
    if (stamp === undefined) return failed(`its version ${record.version} has no stamp`);
    const again = await session.builder.repeat({
      graph,
      number,
      package: p,
      resolved,
      work,
      log,
      repeat: { version: record.version, stamp },
    });
    return again.state === 'made' ? compareFiles(session, options, record, again.value, work) : again;
  });
  await repair.foldersRemoved();
  const result: Omit<Comparison, 'id' | 'name'> =
    outcome.state === 'made' ? outcome.value : { state: 'failed', reason: outcome.reason, differences: [] };
  return { id: graph.id, name: p.name, ...result };
}

async function compareFiles(
  session: Session,
  options: CheckOptions,
  record: BriefRecord,
  files: readonly string[],
  work: string,
): Promise<BuildOutcome<Omit<Comparison, 'id' | 'name'>>> {
  const differences: FileDifference[] = [];
  let report: string | undefined;
  const second = new Map(files.map((f) => [basename(f), f]));
  for (const [i, deb] of record.debs.entries()) {
    const after = second.get(deb.name);
    second.delete(deb.name);
    if (after === undefined) differences.push({ path: deb.name, what: 'is missing in the second build' });
    else if ((await sha256File(after)) !== deb.sha256) {
      const before = await session.store.path(deb);
      if (before === undefined) return failed(`the store lost ${deb.name}`);
      const inside = await insideOf(before, after, deb, join(work, `compare-${i}`));
      if (typeof inside === 'string') return failed(inside);
      append(differences, inside);
      report ??= await diffoscope(before, after, record.package, options);
    }
  }
  for (const name of second.keys()) differences.push({ path: name, what: 'is new in the second build' });
  return made({
    state: differences.length ? 'different' : 'equal',
    differences,
    ...(report === undefined ? {} : { report }),
  });
}

/** Differences between the contents of two packages; a message if they can't be unpacked. */
async function insideOf(
  before: string,
  after: string,
  deb: StoredFile,
  folder: string,
): Promise<FileDifference[] | string> {
  const [a, b] = [join(folder, 'before'), join(folder, 'after')];
  makeFolder(folder);
  for (const [file, to] of [
    [before, a],
    [after, b],
  ] as const) {
    const out = await run('dpkg-deb', ['--raw-extract', file, to]);
    if (out.code !== 0) return `dpkg-deb can't unpack ${basename(file)}: ${reasonOf(out)}`;
  }
  const found = differencesOf(a, b).map(({ path, what }) => ({ path: `${deb.name.split('_')[0]}: ${path}`, what }));
  const archive = {
    path: deb.name,
    what: 'differs, though its files are equal: their order or their compression does',
  };
  return found.length ? found : [archive];
}

/** Writes diffoscope's report to a file below the output; undefined if it is not installed. */
async function diffoscope(
  before: string,
  after: string,
  name: string,
  options: CheckOptions,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(10 * 60_000);
  const asked = await run(
    'diffoscope',
    ['--no-progress', '--max-text-report-size', String(4 << 20), '--text', '-', before, after],
    { signal: AbortSignal.any([timeout, options.signal]) },
  );
  if (asked.code === 127 || !asked.stdout) return undefined;
  const report = join('reproducible', `${name}.diffoscope.txt`);
  makeFolder(join(options.output, 'reproducible'));
  writeFile(join(options.output, report), asked.stdout);
  return report;
}
