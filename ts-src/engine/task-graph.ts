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
 * One scope on one target while it runs. Its tasks are numbered: the build of package n is n, its tests are
 * `count + n`, its documentation is `2 * count + n`.
 */
export interface TaskGraph extends SystemPackages {
  id: string;
  scope: Scope;
  target: Target;
  base: Base;
  closures: Closures;
  interfaceDigests: InterfaceDigests;
  count: number;
  /** Packages that can't be built on this target, since its archive lacks what they need: by name, why. */
  lacking: ReadonlyMap<string, string>;
  /** By task. Those of packages whose tests were not asked for stay undefined. */
  results: (TaskResult | undefined)[];
  /** By package: what its build made, and its tests gave. */
  records: (BriefRecord | undefined)[];
  tests: (BriefTest | undefined)[];
  docs: (DocRecord | undefined)[];
  /** By package, the system packages of its root, once they are known. */
  sets: (SystemSet | undefined)[];
  /** By task: milliseconds of the longest chain of tasks that waits for it, itself counted. */
  readonly priority: number[];
  /** What packages built in this run ship and, once one was built, all others. */
  owners: ShippedPaths;
}

export const packageOf = (graph: TaskGraph, task: number): PlannedPackage =>
  at(graph.scope.packages, task % graph.count);

/** What the build of a package made, which is done. */
export const recordOf = ({ records }: Pick<TaskGraph, 'records'>, n: number): BriefRecord => at(records, n);

/** A task's result; only tasks that were asked for have one. */
export function resultOf({ results, id }: TaskGraph, task: number): TaskResult {
  const result = results[task];
  if (!result) throw new Error(`${id} has no task ${task}`);
  return result;
}

const kinds: readonly TaskKind[] = ['build', 'test', 'docs'];
export const kindOf = (graph: TaskGraph, task: number): TaskKind => kinds[Math.floor(task / graph.count)] ?? 'build';

/** The number of the task that documents a package. */
export const docsTaskOf = ({ count }: Pick<TaskGraph, 'count'>, n: number): number => 2 * count + n;

/** What a task graph is made of. */
export interface TaskGraphInput extends SystemPackages, Pick<TaskGraph, 'scope' | 'target' | 'lacking'> {
  /** Dependents are keyed on every byte of a package. */
  full: boolean;
  /** Milliseconds that a task took before, by its name. */
  history: (name: string) => number | undefined;
  /** Whose tests and documentation are tasks of this run. */
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
    // Who does tasks that others schedule has no use for it.
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

/** The packages that must be there before a task can be known: those in its root. */
export function packagesInRoot({ closures, count }: TaskGraph, task: number): number[] {
  if (task < count) return closures.root(task);
  return task < 2 * count ? closures.testRoot(task - count) : closures.docsRoot(task % count);
}

/**
 * By package, those whose documentation its own refers to: what it names to build, to run or for it. Packages that need
 * each other refer to those before them alone.
 */
export function documentationNeeds(closures: Closures): number[][] {
  const { runtimeDependencies: run, docs } = closures;
  const all = closures.build.map((built, n) => [...new Set([...built, ...(run[n] ?? []), ...(docs[n] ?? [])])]);
  const cycle = new Int32Array(all.length).fill(-1);
  cycles(all).forEach((members, i) => members.forEach((n) => (cycle[n] = i)));
  return all.map((list, n) => list.filter((d) => d !== n && (cycle[d] === -1 || cycle[d] !== cycle[n] || d < n)));
}

/**
 * By task, all that must be done before it: the builds of its root, of documentation also that of what it refers to,
 * and with `testsStop` their tests. A test that needs
 * what is built on its package (a cycle through test dependencies) stops nothing of that cycle.
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
