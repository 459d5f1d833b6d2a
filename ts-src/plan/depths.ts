import { cycles } from '../graph/graph.ts';
import type { Node } from './cycles.ts';

/**
 * The greatest of what numbers stand for, at least -1. An index costs less than an iterator, and this is asked for
 * every edge.
 */
export function greatest(values: Int32Array | Uint8Array, numbers: readonly number[]): number {
  let found = -1;
  for (let i = 0; i < numbers.length; i++) if (values[numbers[i]!]! > found) found = values[numbers[i]!]!;
  return found;
}

/**
 * Says how deep each package lies, of `count` in the distribution. Packages that need each other to run lie equally
 * deep: below all of them.
 */
export function findDepths(sequence: readonly Node[], count: number): void {
  const depth = new Int32Array(count).fill(-1);
  let late = false;
  for (const { number, planned, build, run } of sequence) {
    if (!late) late = build.some((d) => depth[d] === -1) || run.some((d) => depth[d] === -1);
    planned.depth = depth[number] = Math.max(greatest(depth, build), greatest(depth, run)) + 1;
  }
  if (!late) return;
  const sets = new Map<Node, { nodes: Node[]; left: number; depth: number }>();
  const place = new Map(sequence.map((n, i) => [n.number, i]));
  const places = (list: readonly number[]) => list.flatMap((d) => place.get(d) ?? []);
  for (const members of cycles(sequence.map((n) => [...places(n.build), ...places(n.run)]))) {
    const set = { nodes: members.map((i) => sequence[i]!), left: members.length, depth: 0 };
    for (const n of set.nodes) sets.set(n, set);
  }
  depth.fill(-1);
  for (const node of sequence) {
    const below = Math.max(greatest(depth, node.build), greatest(depth, node.run)) + 1;
    const set = sets.get(node) ?? { nodes: [node], left: 1, depth: 0 };
    set.depth = Math.max(set.depth, below);
    // The last of a set is known after all that any of them needs, and before whoever needs one of them.
    if (--set.left === 0) for (const n of set.nodes) n.planned.depth = depth[n.number] = set.depth;
  }
}
