import { compare } from '../model/diagnostics.ts';
import { at } from '../model/lists.ts';
import type { Package, Person } from '../model/manifest.ts';
import { cycles, doubled, needsOf, packageTrail } from '../graph/graph.ts';
import { edgeOf, groupOf } from '../plan/cycles.ts';
import { testCycles } from '../plan/order.ts';
import { forBuild, forRun, forTest, type Evaluated, nameOf } from '../plan/needs.ts';

/** Edges of a distribution by number: dependencies to build, run or test. */
function edgesOf(evaluated: Evaluated): number[][] {
  return evaluated.inside.map((i) => [...new Set([...i.build, ...i.run, ...i.test])].sort((a, b) => a - b));
}

/**
 * Transitive dependencies of a package (with `up`, dependents), with the minimum number of steps to each, sorted by
 * that.
 */
export function reach(evaluated: Evaluated, name: string, up: boolean): { name: string; steps: number }[] {
  const forward = edgesOf(evaluated);
  let edges = forward;
  if (up) {
    edges = forward.map(() => []);
    forward.forEach((e, n) => e.forEach((d) => at(edges, d).push(n)));
  }
  const start = evaluated.number.get(name);
  if (start === undefined) return [];
  const steps = new Map([[start, 0]]);
  for (let front = [start], count = 1; front.length; count++) {
    const next: number[] = [];
    for (const n of front) {
      for (const d of needsOf(edges, n)) {
        if (steps.has(d)) continue;
        steps.set(d, count);
        next.push(d);
      }
    }
    front = next;
  }
  steps.delete(start);
  return [...steps]
    .map(([n, s]) => ({ name: nameOf(evaluated, n), steps: s }))
    .sort((a, b) => a.steps - b.steps || compare(a.name, b.name));
}

export interface Edge {
  from: string;
  to: string;
  tag: string;
}

/** A shortest path from a package to a dependency; empty if there is none. Deterministic. */
export function pathBetween(evaluated: Evaluated, from: string, aim: string): Edge[] {
  const [start, goal] = [evaluated.number.get(from), evaluated.number.get(aim)];
  if (start === undefined || goal === undefined) return [];
  const edges = edgesOf(evaluated);
  const before = new Map<number, number>();
  for (let front = [start]; front.length && !before.has(goal);) {
    const next: number[] = [];
    for (const n of front) {
      for (const d of needsOf(edges, n)) {
        if (d === start || before.has(d)) continue;
        before.set(d, n);
        next.push(d);
      }
    }
    front = next;
  }
  const path: Edge[] = [];
  for (let to = goal; to !== start;) {
    const previous = before.get(to);
    if (previous === undefined) return [];
    path.unshift({
      from: nameOf(evaluated, previous),
      to: nameOf(evaluated, to),
      tag: edgeOf(evaluated, previous, to, forBuild | forRun | forTest).tag,
    });
    to = previous;
  }
  return path;
}

export interface Cycle {
  kind: 'build' | 'group' | 'test' | 'run';
  packages: string[];
  trail: Edge[];
}

/** The effect of each kind of cycle. */
export const cycleMeaning: Record<Cycle['kind'], string> = {
  build: 'none of them can be built',
  group: 'edges of group members are left out',
  test: 'builds do not wait for the edges of tests',
  run: 'no fault: they are only installed together',
};

/** A trail of packages with the tag of each edge, preferring build or run tags to test tags. */
const edgesAlong = (evaluated: Evaluated, trail: readonly number[]): Edge[] =>
  trail.slice(0, -1).map((n, i) => {
    const to = at(trail, i + 1);
    const { build, run } = at(evaluated.inside, n);
    const roles = build.includes(to) || run.includes(to) ? forBuild | forRun : forTest;
    return { from: nameOf(evaluated, n), to: nameOf(evaluated, to), tag: edgeOf(evaluated, n, to, roles).tag };
  });

/** Cycles of packages, each with a shortest trail through its first member. */
export function findCycles(evaluated: Evaluated): Cycle[] {
  const count = evaluated.names.length;
  const alone = (d: number, n: number) => groupOf(evaluated, n, d) === undefined;
  const packagesOf = (set: readonly number[]) => [...new Set(set.map((n) => n % count))].sort((a, b) => a - b);
  const found: Cycle[] = [];
  const add = (kind: Cycle['kind'], edges: readonly (readonly number[])[], set: readonly number[]) =>
    found.push({
      kind,
      packages: packagesOf(set).map((n) => nameOf(evaluated, n)),
      trail: edgesAlong(evaluated, packageTrail(edges, set, count)),
    });
  const all = doubled(
    evaluated.inside.map((e) => e.build),
    evaluated.inside.map((e) => e.run),
  );
  const strict = new Set(
    cycles(
      doubled(
        evaluated.inside.map((e, n) => e.build.filter((d) => alone(d, n))),
        evaluated.inside.map((e, n) => e.run.filter((d) => alone(d, n))),
      ),
    )
      .filter((s) => s.some((n) => n < count))
      .flat(),
  );
  for (const set of cycles(all)) {
    const ofBuilds = set.some((n) => strict.has(n)) ? 'build' : 'group';
    add(set.some((n) => n < count) ? ofBuilds : 'run', all, set);
  }
  for (const { packages, trail } of testCycles(evaluated))
    found.push({
      kind: 'test',
      packages: packages.map((n) => nameOf(evaluated, n)),
      trail: edgesAlong(evaluated, trail),
    });
  return found;
}

/** Groups packages by a field of their manifests: maintainers or licenses. */
export function groupedBy(
  packages: readonly Package[],
  of: 'maintainers' | 'licenses',
): { key: string; packages: string[] }[] {
  const groups = new Map<string, Set<string>>();
  const person = (p: Person) => (p.email ? `${p.name} <${p.email}>` : p.name);
  for (const p of packages) {
    for (const key of of === 'licenses' ? p.manifest.licenses.map((l) => l.name) : p.manifest.maintainers.map(person)) {
      const members = groups.get(key) ?? new Set<string>();
      groups.set(key, members.add(p.name));
    }
  }
  return [...groups]
    .map(([key, members]) => ({ key, packages: [...members].sort() }))
    .sort((a, b) => b.packages.length - a.packages.length || compare(a.key, b.key));
}
