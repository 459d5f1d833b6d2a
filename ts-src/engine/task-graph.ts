import { at } from '../model/lists.ts';
import { docsTaskId, scopeId, taskId, testTaskId } from '../model/names.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';
import { cycles } from '../graph/graph.ts';
import type { BriefRecord, BriefTest, TaskKind, TaskResult } from '../model/result.ts';
import type { DocRecord } from '../model/docs.ts';
import { closuresOf, remainingPaths, type Closures } from '../plan/closure.ts';
import { InterfaceDigests } from './interface-digests.ts';
import { ShippedPaths } from './shipped-paths.ts';
import type { Base } from '../sandbox/base-system.ts';
import type { SystemSet } from '../sandbox/apt-resolver.ts';
import type { SystemPackages } from './system-packages.ts';

/**
 * The tasks of one scope on one target, with states and results. Task numbers: the build of package n is n, its tests
 * are `count + n`, its documentation is `2 * count + n`.
 */
export interface TaskGraph extends SystemPackages {
  id: string;
  scope: Scope;
  target: Target;
  base: Base;
  closures: Closures;
  interfaceDigests: InterfaceDigests;
  count: number;
  /** Packages that can't be built on this target because its archive lacks dependencies: name → reason. */
  lacking: ReadonlyMap<string, string>;
  /** By task; undefined for tasks that are not part of this run. */
  results: (TaskResult | undefined)[];
  /** By package: results of its build, and below of its tests and documentation. */
  records: (BriefRecord | undefined)[];
  tests: (BriefTest | undefined)[];
  docs: (DocRecord | undefined)[];
  /** By package: the system packages of its root, once resolved. */
  sets: (SystemSet | undefined)[];
  /** By task: milliseconds of the longest chain of tasks from it on, including itself. */
  readonly priority: number[];
  /** Files shipped by packages that were built in this run and, after the first build, by all others. */
  owners: ShippedPaths;
}

export const packageOf = (graph: TaskGraph, task: number): PlannedPackage =>
  at(graph.scope.packages, task % graph.count);

/** The record of a package that is built already. */
export const recordOf = ({ records }: Pick<TaskGraph, 'records'>, n: number): BriefRecord => at(records, n);

/** The result of a task; throws if the task is not part of this run. */
export function resultOf({ results, id }: TaskGraph, task: number): TaskResult {
  const result = results[task];
  if (!result) throw new Error(`${id} has no task ${task}`);
  return result;
}

const kinds: readonly TaskKind[] = ['build', 'test', 'docs'];
export const kindOf = (graph: TaskGraph, task: number): TaskKind => kinds[Math.floor(task / graph.count)] ?? 'build';

/** The number of the task that documents a package. */
export const docsTaskOf = ({ count }: Pick<TaskGraph, 'count'>, n: number): number => 2 * count + n;

/** Inputs of a task graph. */
export interface TaskGraphInput extends SystemPackages, Pick<TaskGraph, 'scope' | 'target' | 'lacking'> {
  /** Key dependents on every byte of a package. */
  full: boolean;
  /** Duration of a task in earlier runs in milliseconds, by its name. */
  history: (name: string) => number | undefined;
  /** Whether a package's tests, or its documentation, are tasks of this run. */
  tested: (p: PlannedPackage) => boolean;
  documented: (p: PlannedPackage) => boolean;
}

export function makeTaskGraph(input: TaskGraphInput): TaskGraph {
  const { scope, target, system, layers, history } = input;
  const { packages } = scope;
  const closures = closuresOf(scope);
  const records: (BriefRecord | undefined)[] = packages.map(() => undefined);
  let priority: number[] | undefined;
  return {
    id: scopeId(scope.distribution, target),
    scope,
    target,
    base: system.base,
    system,
    layers,
    closures,
    count: packages.length,
    lacking: input.lacking,
    records,
    tests: packages.map(() => undefined),
    docs: packages.map(() => undefined),
    sets: packages.map(() => undefined),
    owners: new ShippedPaths(),
    interfaceDigests: new InterfaceDigests(closures, (n) => recordOf({ records }, n).interface, input.full),
    // Computed on demand: workers with an external scheduler do not use it.
    get priority() {
      return (priority ??= [
        ...remainingPaths(packages, (p) => history(p.name) ?? 15000),
        ...packages.map((p) => history(`${p.name} test`) ?? 15000),
        ...packages.map((p) => history(`${p.name} docs`) ?? 5000),
      ]);
    },
    results: [
      ...packages.map((p) => waiting(taskId(scope.distribution, target, p.name), p, 'build')),
      ...packages.map((p) =>
        input.tested(p) ? waiting(testTaskId(scope.distribution, target, p.name), p, 'test') : undefined,
      ),
      ...packages.map((p) =>
        input.documented(p) ? waiting(docsTaskId(scope.distribution, target, p.name), p, 'docs') : undefined,
      ),
    ],
  };
}

const waiting = (id: string, p: PlannedPackage, kind: TaskKind): TaskResult => ({
  id,
  name: p.name,
  kind,
  state: 'waiting',
  reason: '',
});

/** The packages in a task's root. All must be known before the task's key. */
export function packagesInRoot({ closures, count }: TaskGraph, task: number): number[] {
  if (task < count) return closures.root(task);
  return task < 2 * count ? closures.testRoot(task - count) : closures.docsRoot(task % count);
}

/**
 * By package: the packages whose documentation its own refers to, namely its build, run and documentation dependencies.
 * In a cycle, a package refers only to members before it.
 */
export function documentationNeeds(closures: Closures): number[][] {
  const { runtimeDependencies: run, docs } = closures;
  const all = closures.build.map((built, n) => [...new Set([...built, ...(run[n] ?? []), ...(docs[n] ?? [])])]);
  const cycle = new Int32Array(all.length).fill(-1);
  cycles(all).forEach((members, i) => members.forEach((n) => (cycle[n] = i)));
  return all.map((list, n) => list.filter((d) => d !== n && (cycle[d] === -1 || cycle[d] !== cycle[n] || d < n)));
}

/**
 * By task: the tasks that must end before it, namely the builds of its root, for documentation also that of packages it
 * refers to, and with `testsStop` their tests. A test on a cycle (through test dependencies) does not stop members of
 * that cycle.
 */
export function tasksBefore(graph: TaskGraph, testsStop: boolean): number[][] {
  const { results, count } = graph;
  const documented = documentationNeeds(graph.closures);
  const needs = results.map((t, task) => {
    if (!t) return [];
    const docs = (t.kind === 'docs' && documented[task % count]) || [];
    return [...packagesInRoot(graph, task), ...docs.map((d) => d + 2 * count).filter((d) => results[d])];
  });
  if (!testsStop) return needs;
  const all = needs.map((list, task) => [
    ...list,
    ...(task < 2 * count ? list : []).map((d) => d + count).filter((d) => d !== task && results[d]),
  ]);
  const set = new Int32Array(all.length).fill(-1);
  cycles(all).forEach((members, i) => members.forEach((task) => (set[task] = i)));
  return all.map((list, task) => list.filter((d) => d < count || set[d] === -1 || set[d] !== set[task]));
}
