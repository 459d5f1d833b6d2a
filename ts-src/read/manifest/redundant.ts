import { entry } from '../../model/maps.ts';
import type { Dependency } from '../../model/manifest.ts';

/**
 * Reports redundant tags: `<depend>` beside a tag that it includes (REP 140), and format 1's `<test_depend>` beside
 * `<build_depend>`, with the same version and condition.
 */
export function redundant(
  dependencies: Dependency[],
  format: number,
  fault: (message: string, line: number) => void,
): void {
  const counts = new Map<string, number>();
  for (const d of dependencies) counts.set(d.name, (counts.get(d.name) ?? 0) + 1);
  const repeated = dependencies.filter((d) => entry(counts, d.name) > 1);
  const id = (d: Dependency) =>
    d.versions === undefined && d.condition === undefined ? d.name : JSON.stringify([d.name, d.versions, d.condition]);
  const seen = new Map<string, Set<string>>();
  for (const d of repeated) {
    const tags = seen.get(id(d)) ?? new Set<string>();
    if (d.tag === 'depend' && tags.has('depend')) tags.add('depend twice');
    tags.add(d.tag);
    seen.set(id(d), tags);
  }
  for (const d of repeated) {
    const tags = entry(seen, id(d));
    const others = impliedTags(d.tag, format);
    const clash = others.filter((t) => tags.has(t)).map((t) => (t === 'depend twice' ? 'depend' : t));
    if (clash.length) fault(`<${d.tag}>${d.name}</${d.tag}> says again what <${clash.join('>, <')}> says`, d.line);
  }
}

/** Tags that are redundant beside a given one. */
function impliedTags(tag: Dependency['tag'], format: number): string[] {
  if (tag === 'depend') return ['build_depend', 'build_export_depend', 'exec_depend', 'depend twice'];
  return tag === 'test_depend' && format === 1 ? ['build_depend', 'run_depend'] : [];
}
