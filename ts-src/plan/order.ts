import { error, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { PlannedPackage } from '../model/plan.ts';
import { cycles, doubled, order, packageTrail } from '../graph/graph.ts';
import { forBuild, forRun, forTest, type Evaluated, type Need } from './needs.ts';

/** A package while it is planned; what it needs by the numbers of the distribution, sorted. */
export interface Node {
  number: number;
  planned: PlannedPackage;
  build: number[];
  run: number[];
  test: number[];
  /** Undefined where there are none, as for nearly all. */
  faults: Diagnostic[] | undefined;
}

/** Why every package needs what `build_essential` names. */
const essentialTag = 'every package of ROS 2 needs it';

/**
 * The nodes so ordered that what a package needs comes before it, the smallest number first; also what its tests need,
 * where that can be. Building and being usable are two things: to build a package, what it needs must be usable, which
 * takes its own run dependencies too; so packages that need each other only to run are no fault, as in Debian.
 *
 * A cycle that only test dependencies close is a warning, and so is one that only membership in a group closes: in the
 * first case all its test edges are left out of the order, in the second all edges of group members between packages of
 * the cycle are left out of the plan. Any other cycle is an error, and its packages are blocked.
 */
export function ordered(evaluated: Evaluated, nodes: readonly Node[], diagnostics: Diagnostic[]): Node[] {
  const whole =
    nodes.length === evaluated.names.length &&
    nodes.every((n) => n.build === evaluated.inside[n.number]!.build && n.run === evaluated.inside[n.number]!.run);
  if (whole && evaluated.order) return evaluated.order.map((i) => nodes[i]!);
  const local = new Int32Array(evaluated.names.length).fill(-1);
  nodes.forEach((n, i) => (local[n.number] = i));
  const within = (...lists: (readonly number[])[]) => placesOf(local, lists);
  const everything = order(nodes.map((n) => within(n.build, n.run, n.test)));
  if (!everything.left.length) {
    if (whole) evaluated.order = everything.order;
    return everything.order.map((i) => nodes[i]!);
  }

  const needed = nodes.map((n) => within(n.build, n.run));
  const tested = nodes.map((n) => within(n.test));
  const reach = new Cycles(evaluated, nodes, local, diagnostics);
  const built = order(needed).left.length ? reach.settle() : needed;
  const kept = reach.withoutTestCycles(built, tested);
  const final = order(built.map((e, i) => (i < nodes.length ? [...e, ...kept[i]!] : e)));
  return final.order.filter((i) => i < nodes.length).map((i) => nodes[i]!);
}

/** Where those of some packages stand that are among the nodes. */
function placesOf(local: Int32Array, lists: readonly (readonly number[])[]): number[] {
  const places: number[] = [];
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) if (local[list[i]!]! >= 0) places.push(local[list[i]!]!);
  }
  return places;
}

/** What is told of one edge: the tag that makes it, the strongest where there are several. */
export function edgeOf(
  evaluated: Evaluated,
  from: number,
  to: number,
  roles = forBuild | forRun,
): { tag: string; group?: string; line?: number } {
  const name = evaluated.names[to]!;
  const rank = (n: Need) => (n.group !== undefined ? 2 : n.roles & forBuild ? 0 : 1);
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

/** The group through which alone one package needs another. */
export function groupOf(evaluated: Evaluated, from: number, to: number): string | undefined {
  return evaluated.withGroups.has(from) ? edgeOf(evaluated, from, to).group : undefined;
}

class Cycles {
  constructor(
    private readonly evaluated: Evaluated,
    private readonly nodes: readonly Node[],
    private readonly local: Int32Array,
    private readonly diagnostics: Diagnostic[],
  ) {}

  private name(i: number): string {
    return this.evaluated.names[this.nodes[i]!.number]!;
  }

  /** Edges of building (the first half) and of being usable (the second), each by place among the nodes. */
  private doubled(): number[][] {
    return doubled(
      this.nodes.map((n) => placesOf(this.local, [n.build])),
      this.nodes.map((n) => placesOf(this.local, [n.run])),
    );
  }

  /** Leaves out or reports what makes cycles of builds; the edges that remain, which have none. */
  settle(): number[][] {
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
    // A set that is usable only together stands as one: its members' builds come first.
    for (const set of cycles(edges)) {
      const inside = new Set(set);
      const needs = [...new Set(set.flatMap((n) => edges[n]!))].filter((d) => !inside.has(d));
      for (const n of set) edges[n] = needs;
    }
    return edges;
  }

  private leaveOutGroupEdges(): void {
    const count = this.nodes.length;
    const { names, packages } = this.evaluated;
    for (const set of cycles(this.doubled())) {
      if (!set.some((n) => n < count)) continue;
      const members = new Set(set.map((n) => this.nodes[n % count]!.number));
      for (const from of [...members].sort((a, b) => a - b)) {
        const node = this.nodes[this.local[from]!]!;
        for (const to of node.build) {
          const { group, line } = members.has(to) ? edgeOf(this.evaluated, from, to) : {};
          if (group === undefined) continue;
          leaveOut(node, to);
          this.diagnostics.push(
            warning(
              'cycle-group',
              `'${names[from]!}' needs '${names[to]!}' only as a member of the group '${group}', and '${names[to]!}' needs '${names[from]!}': that edge is left out`,
              { file: packages[from]!.file, line, hint: 'give the membership or the group dependency a condition' },
            ),
          );
        }
      }
    }
  }

  private report(edges: number[][], set: number[]): void {
    const count = this.nodes.length;
    const path = packageTrail(edges, set, count);
    const number = (i: number) => this.nodes[path[i]!]!.number;
    const text = path
      .slice(0, -1)
      .map(
        (n, i) =>
          `${this.name(n)} → ${this.name(path[i + 1]!)} (${edgeOf(this.evaluated, number(i), number(i + 1)).tag})`,
      );
    const first = path.length > 1 ? edgeOf(this.evaluated, number(0), number(1)) : undefined;
    this.diagnostics.push(
      error('cycle', `packages need each other to be built: ${text.join(', ')}`, {
        file: this.evaluated.packages[number(0)]!.file,
        line: first?.line,
        hint: 'one of these dependencies must go',
      }),
    );
    for (const n of set) this.nodes[n % count]!.planned.blocked ??= 'it is on a cycle';
  }

  /** The edges of tests, without those that close a cycle: tests run after the builds, so nothing waits for those. */
  withoutTestCycles(built: readonly number[][], tested: readonly number[][]): number[][] {
    const { names, packages } = this.evaluated;
    const count = this.nodes.length;
    const kept = tested.map((e) => [...e]);
    // One pass for all: sets of the graph with every test edge in it.
    const set = new Int32Array(built.length).fill(-1);
    cycles([...built.slice(0, count).map((e, i) => [...e, ...tested[i]!]), ...built.slice(count)]).forEach((c, i) =>
      c.forEach((n) => (set[n] = i)),
    );
    tested.forEach((list, i) => {
      for (const to of list) {
        if (set[i] === -1 || set[i] !== set[to]) continue;
        const [a, b] = [this.nodes[i]!.number, this.nodes[to]!.number];
        kept[i] = kept[i]!.filter((d) => d !== to);
        if (this.nodes[i]!.build.includes(b) || this.nodes[i]!.run.includes(b)) continue;
        const { tag, line } = edgeOf(this.evaluated, a, b, forTest);
        this.diagnostics.push(
          warning(
            'cycle-test',
            `'${names[a]!}' needs '${names[b]!}' to be tested (${tag}), and '${names[b]!}' needs '${names[a]!}': no build waits for that edge, the tests of '${names[a]!}' do`,
            { file: packages[a]!.file, line },
          ),
        );
      }
    });
    return kept;
  }
}

export function leaveOut(node: Node, number: number): void {
  node.build = node.build.filter((d) => d !== number);
  node.run = node.run.filter((d) => d !== number);
}
