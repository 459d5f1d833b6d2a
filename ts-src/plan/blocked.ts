import { Numbers } from '../graph/numbers.ts';
import { warning, type Diagnostic } from '../model/diagnostics.ts';
import { entry } from '../model/maps.ts';
import { edgeOf, groupOf, leaveOut, type Node } from './cycles.ts';
import { greatest } from './depths.ts';
import { nameOf, packageAt, type Evaluated } from './needs.ts';

/**
 * Blocks the dependents of blocked packages. A package that depends on one only through a group is built without it.
 */
export function block(evaluated: Evaluated, sequence: readonly Node[], diagnostics: Diagnostic[]): void {
  const nodeOf = new Map(sequence.map((n) => [n.number, n]));
  /** By number: the reason reported for dependents. */
  const causes = new Map<number, string>();
  const blocked = Numbers.filled(evaluated.names.length, 0);
  const say = (number: number, cause: string) => {
    causes.set(number, cause);
    blocked.set(number, 1);
  };
  for (const n of sequence)
    if (n.planned.blocked !== undefined) say(n.number, `'${n.planned.name}' is blocked: ${n.planned.blocked}`);
  const counts = (node: Node, d: number) =>
    causes.has(d) && (!causes.has(node.number) || groupOf(evaluated, node.number, d) !== undefined);
  const blockedBy = (node: Node): number | undefined =>
    greatest(blocked, node.build) === 1 || greatest(blocked, node.run) === 1
      ? [...node.build, ...node.run].find((d) => counts(node, d))
      : undefined;
  const propagate = (node: Node): boolean => {
    let changed = false;
    for (let d = blockedBy(node); d !== undefined; d = blockedBy(node)) {
      changed = true;
      const group = groupOf(evaluated, node.number, d);
      if (group === undefined) say(node.number, (node.planned.blocked = entry(causes, d)));
      else {
        leaveOut(node, d);
        diagnostics.push(
          warning(
            'group-member',
            `'${node.planned.name}' is built without '${nameOf(evaluated, d)}' of the group '${group}': ` +
              (nodeOf.get(d)?.planned.blocked ?? 'it is blocked'),
            { file: packageAt(evaluated, node.number).file, line: edgeOf(evaluated, node.number, d).line },
          ),
        );
      }
    }
    return changed;
  };
  for (let again = true; again;) {
    again = false;
    for (const node of sequence) if (propagate(node)) again = true;
  }
}
