import type { PlannedPackage } from '../../model/plan.ts';
import { packageOf, recordOf, type TaskGraph } from '../task-graph.ts';

/** What stood for each package in a root when it was built, short: for people who ask why it was built again. */
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
