import { compare } from '../../model/diagnostics.ts';
import { sha256 } from '../../model/digest.ts';
import { abiName } from '../../model/names.ts';
import type { BriefRecord } from '../../model/result.ts';
import { packageOf, recordOf, type TaskGraph } from '../task-graph.ts';

/** The ABI name that a package provides, and the ABI names that it requires. */
export interface Abi {
  name: string;
  requires: string[];
}

/**
 * Computes a package's ABI name from its interface and the ABI names of the dependencies that it was built with and
 * needs at run time; and the ABI names that it requires: those of direct dependencies, and of indirect ones that these
 * do not require themselves. So apt can't install it beside a dependency, at any depth, that has another interface than
 * the one it was built with.
 *
 * `linked`: Debian packages whose libraries it links. Undeclared ones are required, too, but are not part of the
 * package's own ABI name, because the planner does not know them.
 */
export function abiOf(graph: TaskGraph, n: number, api: string, linked: readonly string[]): Abi {
  const p = packageOf(graph, n);
  const roots = graph.closures.root(n);
  const root = new Set(roots);
  const declared = graph.closures.run(n).filter((d) => root.has(d));
  const byAbi = new Map(roots.map((d) => recordOf(graph, d)).map((record) => [record.abi, record]));
  const covered = new Set<string>();
  const cover = (record: BriefRecord) =>
    record.requires.forEach((abi) => {
      if (covered.has(abi)) return;
      covered.add(abi);
      const next = byAbi.get(abi);
      if (next) cover(next);
    });
  const direct = p.run.flatMap((name) => graph.closures.index.get(name) ?? []).filter((d) => root.has(d));
  for (const d of direct) cover(recordOf(graph, d));
  const requires = new Set(direct.map((d) => recordOf(graph, d).abi));
  for (const d of declared) if (!covered.has(recordOf(graph, d).abi)) requires.add(recordOf(graph, d).abi);
  const name = abiName(p.debian, sha256(JSON.stringify([api, [...requires].sort(compare)])));
  for (const d of roots) {
    const { abi } = recordOf(graph, d);
    if (linked.includes(packageOf(graph, d).debian) && !covered.has(abi)) requires.add(abi);
  }
  return { name, requires: [...requires].sort(compare) };
}
