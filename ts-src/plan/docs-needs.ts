import { compare } from '../model/diagnostics.ts';
import type { Package } from '../model/manifest.ts';
import type { Node } from './cycles.ts';
import { forDocs, type Need } from './needs.ts';
import type { Resolver } from './resolve.ts';
import type { UnmetNeeds } from './unmet-needs.ts';

/** Plans the additional dependencies of a package's documentation (`doc_depend`). Reports unresolved ones. */
export function addDocsNeeds(node: Node, p: Package, resolver: Resolver, reports: UnmetNeeds): void {
  const built = new Set<number>();
  const system = new Set<string>();
  for (const dependency of p.dependencies) {
    if (dependency.tag !== 'doc_depend') continue;
    const { name } = dependency;
    const resolution = resolver.find(name);
    if (resolution.from === 'built' && resolution.number !== node.number) built.add(resolution.number);
    if (resolution.from === 'system' || resolution.from === 'underlay')
      for (const s of resolution.packages) system.add(s);
    if (resolution.from !== 'nowhere') continue;
    const need: Need = { name, id: -1, roles: forDocs, dependency, group: undefined };
    reports.unresolved(node, p, need, resolution);
  }
  if (built.size) node.docs = [...built].sort((a, b) => a - b);
  if (system.size) node.planned.systemDocs = [...system].sort(compare);
}
