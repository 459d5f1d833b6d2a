import { cycles } from '../graph/graph.ts';
import { Numbers } from '../graph/numbers.ts';
import { at } from '../model/lists.ts';
import type { Node } from './cycles.ts';

/** The maximum of the values at some numbers, at least -1. */
export function greatest(values: Numbers, numbers: readonly number[]): number {
  let found = -1;
  for (const n of numbers) found = Math.max(found, values.get(n));
  return found;
}

/**
 * Computes the depth of each package, for `count` packages of the distribution. Members of a cycle of run dependencies
 * have the same depth: above all their dependencies.
 */
export function findDepths(sequence: readonly Node[], count: number): void {
  let depth = Numbers.filled(count, -1);
  const unknown = (d: number): boolean => depth.get(d) === -1;
  let late = false;
  for (const { number, planned, build, run } of sequence) {
    if (!late) late = build.some(unknown) || run.some(unknown);
    planned.depth = Math.max(greatest(depth, build), greatest(depth, run)) + 1;
    depth.set(number, planned.depth);
  }
  if (!late) return;
  const sets = new Map<Node, { nodes: Node[]; left: number; depth: number }>();
  const place = new Map(sequence.map((n, i) => [n.number, i]));
  const places = (list: readonly number[]) => list.flatMap((d) => place.get(d) ?? []);
  for (const members of cycles(sequence.map((n) => [...places(n.build), ...places(n.run)]))) {
    const set = { nodes: members.map((i) => at(sequence, i)), left: members.length, depth: 0 };
    for (const n of set.nodes) sets.set(n, set);
  }
  depth = Numbers.filled(count, -1);
  for (const node of sequence) {
    const below = Math.max(greatest(depth, node.build), greatest(depth, node.run)) + 1;
    const set = sets.get(node) ?? { nodes: [node], left: 1, depth: 0 };
    set.depth = Math.max(set.depth, below);
    // After the last member of a cycle all dependencies are known, and no dependent has come yet.
    if (--set.left > 0) continue;
    for (const n of set.nodes) {
      n.planned.depth = set.depth;
      depth.set(n.number, set.depth);
    }
  }
}
