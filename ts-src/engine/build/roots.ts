import type { PlannedPackage } from '../../model/plan.ts';
import { packageOf, recordOf, type TaskGraph } from '../task-graph.ts';

/** Short digests of the packages in a root at build time, to explain a later rebuild. */
export function rootsOf(graph: TaskGraph, n: number, roots: readonly number[]): Record<string, string> {
  const of = (d: number): PlannedPackage => packageOf(graph, d);
  const tools = new Set(of(n).tools);
  return Object.fromEntries(
    roots.map((d) => {
      const { name } = of(d);
      const { api, full } = recordOf(graph, d).interface;
      return [name, `${api.slice(0, 12)}${tools.has(name) ? ` ${full.slice(0, 12)}` : ''}`];
    }),
  );
}
