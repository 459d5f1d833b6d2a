import { scopeId, taskId, testTaskId } from '../model/names.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';
import { cycles } from '../graph/graph.ts';
import type { BriefRecord, BriefTest, TaskKind, TaskResult } from '../model/result.ts';
import { closuresOf, remainingPaths, type Closures } from '../plan/closure.ts';
import { InterfaceDigests } from './interface-digests.ts';
import type { Base } from '../sandbox/base-system.ts';
import type { AptResolver, SystemSet } from '../sandbox/apt-resolver.ts';

/**
 * One scope on one target while it runs. Its tasks are numbered: the build of package n is n, its tests are `count +
 * n`.
 */
export interface TaskGraph {
  id: string;
  scope: Scope;
  target: Target;
  base: Base;
  system: AptResolver;
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
  /** By package, the system packages of its root, once they are known. */
  sets: (SystemSet | undefined)[];
  /** By task: milliseconds of the longest chain of tasks that waits for it, itself counted. */
  readonly priority: number[];
  /** Paths of files → the package that ships them, of packages built in this run and, once one was built, of all. */
  owners: Map<string, string>;
}

export const packageOf = (graph: TaskGraph, task: number): PlannedPackage => graph.scope.packages[task % graph.count]!;
export const kindOf = (graph: TaskGraph, task: number): TaskKind => (task < graph.count ? 'build' : 'test');

/** `tested`: whose tests are tasks of this run. */
export function makeTaskGraph(
  scope: Scope,
  target: Target,
  base: Base,
  system: AptResolver,
  full: boolean,
  history: (name: string) => number | undefined,
  tested: (p: PlannedPackage) => boolean,
  lacking: ReadonlyMap<string, string> = new Map(),
): TaskGraph {
  const { packages } = scope;
  const closures = closuresOf(scope);
  const records: (BriefRecord | undefined)[] = packages.map(() => undefined);
  let priority: number[] | undefined;
  return {
    id: scopeId(scope.distribution, target),
    scope,
    target,
    base,
    system,
    closures,
    count: packages.length,
    lacking,
    records,
    tests: packages.map(() => undefined),
    sets: packages.map(() => undefined),
    owners: new Map(),
    interfaceDigests: new InterfaceDigests(closures, (n) => records[n]!.interface, full),
    // Who does tasks that others schedule has no use for it.
    get priority() {
      return (priority ??= [
        ...remainingPaths(packages, (p) => history(p.name) ?? 15000),
        ...packages.map((p) => history(`${p.name} test`) ?? 15000),
      ]);
    },
    results: [
      ...packages.map((p): TaskResult => ({
        id: taskId(scope.distribution, target, p.name),
        name: p.name,
        kind: 'build',
        state: 'waiting',
        reason: '',
      })),
      ...packages.map((p): TaskResult | undefined =>
        tested(p)
          ? {
              id: testTaskId(scope.distribution, target, p.name),
              name: p.name,
              kind: 'test',
              state: 'waiting',
              reason: '',
            }
          : undefined,
      ),
    ],
  };
}

/** The packages that must be there before a task can be known: those in its root. */
export const packagesInRoot = (graph: TaskGraph, task: number): number[] =>
  task < graph.count ? graph.closures.root(task) : graph.closures.testRoot(task - graph.count);

/**
 * By task, all that must be done before it: the builds of its root, and with `testsStop` their tests. A test that needs
 * what is built on its package (a cycle through test dependencies) stops nothing of that cycle.
 */
export function tasksBefore(graph: TaskGraph, testsStop: boolean): number[][] {
  const { results, count } = graph;
  const needs = results.map((t, task) => (t ? packagesInRoot(graph, task) : []));
  if (!testsStop) return needs;
  const all = needs.map((list, task) => [
    ...list,
    ...list.map((d) => d + count).filter((d) => d !== task && results[d]),
  ]);
  const set = new Int32Array(all.length).fill(-1);
  cycles(all).forEach((members, i) => members.forEach((task) => (set[task] = i)));
  return all.map((list, task) => list.filter((d) => d < count || set[d] === -1 || set[d] !== set[task]));
}
