import { join } from 'node:path';
import { entry } from '../model/maps.ts';
import { at } from '../model/lists.ts';
import type { PlannedPackage } from '../model/plan.ts';
import type { TaskResult } from '../model/result.ts';
import { isDone } from '../model/result.ts';
import { parallel } from '../io/process.ts';
import { reduceNeeds } from '../graph/reduce.ts';
import { checkout } from '../read/git/git.ts';
import { renderSchedule, type ScheduledTask } from '../render/schedule.ts';
import { keepBase } from '../sandbox/stored-base.ts';
import { hasSource, keepSource, keptSources } from '../store/sources.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { keepFetched } from '../engine/build/fetched.ts';
import { gitDirOf } from '../engine/build/source.ts';
import { schedulerOf } from '../engine/session-scheduler.ts';
import { kindOf, packageOf, tasksBefore } from '../engine/task-graph.ts';
import type { Session } from '../engine/session.ts';
import type { Shard } from './run-manifest.ts';
import { removeTree } from '../io/remove-tree.ts';

/**
 * Resolves all tasks of this machine's architecture that can be resolved before anything runs, and stores bases and
 * sources for agents.
 */
export async function makeShard(
  session: Session,
  architecture: string,
  first: number,
  retest: boolean,
  signal: AbortSignal,
): Promise<{ part: Shard; outlook: { cached: number; todo: number; open: number; failed: number } }> {
  const { graphs: runs, store, input } = session;
  const engine = schedulerOf(session, { output: join(input.state, 'prepared'), retest, signal });
  const outlook = await engine.start();
  const part: Shard = {
    schema: 1,
    architecture,
    first,
    bases: {},
    records: {},
    tests: {},
    tasks: [],
    results: {},
    seconds: [],
    paths: [],
  };
  const work = newScratch(input.state);
  const left: { run: number; task: number; priority: number; seconds: number }[] = [];
  for (const [i, graph] of runs.entries()) {
    const platform = `${graph.target.platform}-${graph.target.architecture}`;
    if (!part.bases[platform]) {
      await keepBase(store, graph.base, work);
      part.bases[platform] = { digest: graph.base.digest, archive: graph.base.archive };
    }
    part.records[graph.id] = graph.records.map((record) => record ?? null);
    part.tests[graph.id] = graph.tests.map((record) => record ?? null);
    part.results[graph.id] = graph.results.filter((t): t is TaskResult => t !== undefined && t.state !== 'waiting');
    graph.results.forEach((t, task) => {
      if (t?.state !== 'waiting') return;
      const { name } = packageOf(graph, task);
      const kind = kindOf(graph, task);
      const known = session.history.get(kind === 'build' ? name : `${name} ${kind}`);
      const seconds = (known ?? (kind === 'docs' ? 5000 : 15_000)) / 1000;
      left.push({ run: i, task, priority: at(graph.priority, task), seconds: Math.max(1, Math.round(seconds)) });
    });
  }
  left.sort((a, b) => b.priority - a.priority || a.run - b.run || a.task - b.task);
  for (const t of left) {
    part.paths.push(Math.max(t.seconds, Math.round(t.priority / 1000)));
    part.tasks.push([at(runs, t.run).id, t.task]);
    part.seconds.push(t.seconds);
  }
  await keepSources(
    session,
    left.map((t) => packageOf(at(runs, t.run), t.task)),
  );
  const failed = Object.values(part.results)
    .flat()
    .filter((t) => !isDone(t.state)).length;
  return { part, outlook: { ...outlook, open: left.length - outlook.todo, failed } };
}

/**
 * Stores the sources of packages that may be built, so that agents need neither network access to repositories nor
 * secrets.
 */
export async function keepSources(
  { store, input, taskKeys }: Session,
  packages: readonly PlannedPackage[],
): Promise<void> {
  const work = newScratch(input.state);
  for (const name of new Set(packages.map((p) => p.name)))
    await keepFetched(store, taskKeys.settingsOf(name).fetch ?? [], work);
  const there = packages.length > 100 ? await keptSources(store) : undefined;
  const byTree = new Map(
    packages.flatMap((p) =>
      p.source.tree === undefined || there?.has(p.source.tree) ? [] : [[p.source.tree, p] as const],
    ),
  );
  await parallel([...byTree], 4, async ([tree, p]) => {
    if (await hasSource(store, tree)) return;
    const gitDir = await gitDirOf(input.state, p);
    if (!gitDir) return;
    const folder = join(work, tree);
    const out = await checkout({ gitDir }, tree, folder);
    if (out.ok) await keepSource(store, tree, folder, join(work, `${tree}.packed`));
    removeTree(folder);
  });
}

/** The schedule of a shard as text. */
export function scheduleOf(
  session: Pick<Session, 'graphs'>,
  id: string,
  part: Shard,
  outlook: { cached: number; todo: number; open: number; failed: number },
  testsStop: boolean,
): string {
  const { graphs: runs } = session;
  const numbers = new Map(part.tasks.map(([run, task], i) => [`${run} ${task}`, part.first + i]));
  const groups = runs.map((r) => ({ platform: r.target.platform, architecture: r.target.architecture }));
  const waits = new Map(
    runs.map((r) => {
      const open = (task: number) => numbers.has(`${r.id} ${task}`);
      const needs = tasksBefore(r, testsStop).map((all, task) => (open(task) ? all.filter(open) : []));
      return [r.id, reduceNeeds(r.results.length, (task) => at(needs, task))] as const;
    }),
  );
  const tasks = part.tasks.map(([run, task], i): ScheduledTask => ({
    group: runs.findIndex((r) => r.id === run),
    seconds: at(part.seconds, i),
    path: at(part.paths, i),
    waits: at(entry(waits, run), task).map((d) => entry(numbers, `${run} ${d}`)),
  }));
  return renderSchedule(id, outlook, groups, part.first, tasks);
}
