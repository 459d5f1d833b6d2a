import { error, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { PlannedPackage } from '../model/plan.ts';
import { Numbers } from '../graph/numbers.ts';
import { cycles, doubled, inverse, packageTrail } from '../graph/graph.ts';
import { forBuild, forRun, forTest, type Evaluated, type Need, nameOf, packageAt } from './needs.ts';

/** A node for cycle detection: a package's number, and the sorted numbers of its dependencies. */
export interface Linked {
  number: number;
  planned: Pick<PlannedPackage, 'blocked'>;
  build: number[];
  run: number[];
}

/** A package during planning, with its dependencies as sorted numbers of the distribution. */
export interface Node extends Linked {
  planned: PlannedPackage;
  test: number[];
  /** Documentation dependencies, if documentation is planned. */
  docs: number[];
  /** Undefined if there are none, which is the usual case. */
  faults: Diagnostic[] | undefined;
}

/** Adds a diagnostic to a package. */
export const fault = (node: Node, d: Diagnostic): void => void (node.faults ??= []).push(d);

/** The reason for dependencies on `build_essential` packages. */
const essentialTag = 'every package of ROS 2 needs it';

/** Positions among the nodes of the packages in some lists; others are left out. */
export function localNumbers(local: Numbers, lists: readonly (readonly number[])[]): number[] {
  const places: number[] = [];
  for (const list of lists) {
    for (const d of list) {
      const place = local.get(d);
      if (place >= 0) places.push(place);
    }
  }
  return places;
}

/** Describes an edge by its tag, the strongest if there are several. */
export function edgeOf(
  evaluated: Evaluated,
  from: number,
  to: number,
  roles = forBuild | forRun,
): { tag: string; group?: string; line?: number } {
  const name = nameOf(evaluated, to);
  const rank = (n: Need) => {
    if (n.group !== undefined) return 2;
    return n.roles & forBuild ? 0 : 1;
  };
  const need = evaluated
    .needs(from)
    .filter((n) => n.name === name && n.roles & roles)
    .sort((a, b) => rank(a) - rank(b))[0];
  if (!need) return { tag: essentialTag };
  return {
    tag: need.dependency.tag,
    line: need.dependency.line,
    ...(need.group === undefined ? {} : { group: need.group }),
  };
}

/** The group that is the only reason for a dependency, if there is one. */
export function groupOf(evaluated: Evaluated, from: number, to: number): string | undefined {
  return evaluated.withGroups.has(from) ? edgeOf(evaluated, from, to).group : undefined;
}

/** Finds cycles of build and test dependencies. Removes edges where that is allowed, and reports the other cycles. */
export class Cycles {
  constructor(
    private readonly evaluated: Evaluated,
    private readonly nodes: readonly Linked[],
    private readonly local: Numbers,
    private readonly diagnostics: Diagnostic[],
  ) {}

  private node(i: number): Linked {
    const node = this.nodes[i];
    if (!node) throw new RangeError(`there is no node ${i}`);
    return node;
  }

  private name(i: number): string {
    return nameOf(this.evaluated, this.node(i).number);
  }

  /** Edges for building (first half) and for being usable (second half), by position among the nodes. */
  private doubled(): number[][] {
    return doubled(
      this.nodes.map((n) => localNumbers(this.local, [n.build])),
      this.nodes.map((n) => localNumbers(this.local, [n.run])),
    );
  }

  /** Removes or reports the edges that close build cycles. Returns the acyclic remaining edges. */
  breakCycles(): number[][] {
    const count = this.nodes.length;
    this.leaveOutGroupEdges();
    let edges = this.doubled();
    const onCycle = new Set<number>();
    for (const set of cycles(edges)) {
      if (!set.some((n) => n < count)) continue;
      this.report(edges, set);
      for (const n of set) onCycle.add(n % count);
    }
    if (onCycle.size)
      edges = edges.map((e, n) => (onCycle.has(n % count) ? e.filter((d) => !onCycle.has(d % count)) : e));
    // A cycle of run dependencies acts as one node: the builds of all members come first.
    for (const set of cycles(edges)) {
      const inside = new Set(set);
      const needs = [...new Set(set.flatMap((n) => edges[n] ?? []))].filter((d) => !inside.has(d));
      for (const n of set) edges[n] = needs;
    }
    return edges;
  }

  /**
   * Removes edges of group members until they close no cycle. First those whose member also depends on the package in
   * other ways; then, from cycles of several such edges, the first by name, one at a time.
   */
  private leaveOutGroupEdges(): void {
    for (let hard = true; ;) {
      const edges = this.doubled();
      const sets = cycles(edges).filter((set) => set.some((n) => n < this.nodes.length));
      const groups = sets.flatMap((set) => this.groupEdgesIn(set));
      if (!groups.length) return;
      const found = hard ? this.closing(edges, groups) : groups.slice(0, 1);
      for (const edge of found) this.leaveOutGroupEdge(edge);
      // What remains are cycles of several group edges.
      if (hard && !found.length) hard = false;
    }
  }

  /** Edges through groups inside a cycle, by position among the nodes, sorted by name. */
  private groupEdgesIn(set: readonly number[]): [number, number][] {
    const count = this.nodes.length;
    const places = [...new Set(set.map((n) => n % count))].sort((a, b) => this.node(a).number - this.node(b).number);
    const inside = new Set(places);
    return places.flatMap((from) =>
      localNumbers(this.local, [this.node(from).build])
        .filter((to) => inside.has(to) && this.groupOf(from, to) !== undefined)
        .map((to): [number, number] => [from, to]),
    );
  }

  private groupOf(from: number, to: number): string | undefined {
    return groupOf(this.evaluated, this.node(from).number, this.node(to).number);
  }

  /** Those of the edges that close a cycle with edges not from groups. */
  private closing(edges: readonly number[][], groups: readonly [number, number][]): [number, number][] {
    const count = this.nodes.length;
    const left = new Set(groups.map(([from, to]) => from * count + to));
    const plain = edges.map((list, n) => list.filter((d) => d < count || !left.has((n % count) * count + (d - count))));
    const dependents = inverse(plain);
    const above = new Map<number, Set<number>>();
    const needing = (from: number): Set<number> => {
      let found = above.get(from);
      if (!found) {
        above.set(from, (found = new Set([from + count])));
        for (const n of found) for (const d of dependents(n)) found.add(d);
      }
      return found;
    };
    return groups.filter(([from, to]) => needing(from).has(to + count));
  }

  private leaveOutGroupEdge([from, to]: readonly [number, number]): void {
    const [node, member] = [this.node(from), this.node(to)];
    const { group, line } = edgeOf(this.evaluated, node.number, member.number);
    const [name, other] = [this.name(from), this.name(to)];
    leaveOut(node, member.number);
    this.diagnostics.push(
      warning(
        'cycle-group',
        `'${name}' needs '${other}' only as a member of the group '${group ?? ''}', and ` +
          `'${other}' needs '${name}': that dependency is left out`,
        {
          file: packageAt(this.evaluated, node.number).file,
          line,
          hint: 'give the membership or the group dependency a condition',
        },
      ),
    );
  }

  private report(edges: number[][], set: number[]): void {
    const count = this.nodes.length;
    const path = packageTrail(edges, set, count);
    const place = (i: number) => path[i] ?? 0;
    const number = (i: number) => this.node(place(i)).number;
    const text = path
      .slice(0, -1)
      .map(
        (n, i) =>
          `${this.name(n)} → ${this.name(place(i + 1))} (${edgeOf(this.evaluated, number(i), number(i + 1)).tag})`,
      );
    const first = path.length > 1 ? edgeOf(this.evaluated, number(0), number(1)) : undefined;
    const others = path.slice(1, -1).flatMap((_, i) => {
      const { line } = edgeOf(this.evaluated, number(i + 1), number(i + 2));
      return line === undefined || i > 3 ? [] : [`${packageAt(this.evaluated, number(i + 1)).file}:${line}`];
    });
    this.diagnostics.push(
      error('cycle', `packages need each other to be built: ${text.join(', ')}`, {
        file: packageAt(this.evaluated, number(0)).file,
        line: first?.line,
        hint: `remove one of these dependencies, or make one an <exec_depend> if it is not needed at build time${others.length ? `: see ${others.join(', ')}` : ''}`,
      }),
    );
    for (const n of set) this.node(n % count).planned.blocked ??= 'it is on a cycle';
  }

  /** Test edges without those that close a cycle. Tests run after the builds, so no build waits for them. */
  withoutTestCycles(built: readonly number[][], tested: readonly number[][]): number[][] {
    const count = this.nodes.length;
    const kept = tested.map((e) => [...e]);
    // One pass: the cycles of the graph with all test edges.
    const set = new Int32Array(built.length).fill(-1);
    cycles([...built.slice(0, count).map((e, i) => [...e, ...(tested[i] ?? [])]), ...built.slice(count)]).forEach(
      (c, i) => c.forEach((n) => (set[n] = i)),
    );
    tested.forEach((list, i) => {
      for (const to of list) {
        if (set[i] === -1 || set[i] !== set[to]) continue;
        const [a, b] = [this.node(i).number, this.node(to).number];
        kept[i] = (kept[i] ?? []).filter((d) => d !== to);
        if (this.node(i).build.includes(b) || this.node(i).run.includes(b)) continue;
        const [name, other] = [this.name(i), this.name(to)];
        const { tag, line } = edgeOf(this.evaluated, a, b, forTest);
        this.diagnostics.push(
          warning(
            'cycle-test',
            `'${name}' needs '${other}' to be tested (${tag}), and '${other}' needs '${name}': ` +
              `builds do not wait for it, only the tests of '${name}' do`,
            { file: packageAt(this.evaluated, a).file, line },
          ),
        );
      }
    });
    return kept;
  }
}

/** Removes a dependency from a node. */
export function leaveOut(node: Linked, number: number): void {
  node.build = node.build.filter((d) => d !== number);
  node.run = node.run.filter((d) => d !== number);
}
