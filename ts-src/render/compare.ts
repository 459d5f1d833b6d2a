import { keysOf } from '../model/maps.ts';
import type { PackageChange, ScopeChange } from '../model/answers.ts';
import { renderTable } from './table.ts';

const titles: Record<PackageChange['change'], string> = {
  added: 'added',
  removed: 'removed',
  up: 'version up',
  down: 'version down',
  changed: 'changed, version as it was',
  rebuilt: 'as they were, rebuilt for what they need',
};

/** The differences between two plans. Scopes with equal changes are shown once. */
export function renderComparison(changes: readonly ScopeChange[]): string {
  const groups = new Map<string, { where: string[]; packages: PackageChange[] }>();
  for (const c of changes) {
    const id = `${c.distribution} ${JSON.stringify(c.packages)}`;
    const group = groups.get(id);
    if (group) group.where.push(c.platform);
    else groups.set(id, { where: [`${c.distribution} on ${c.platform}`], packages: c.packages });
  }
  return [...groups.values()]
    .map(({ where, packages }) => {
      if (!packages.length) return `${where.join(', ')}: no difference\n`;
      const blocks = keysOf(titles).flatMap((change) => {
        const rows = packages.filter((p) => p.change === change);
        if (!rows.length) return [];
        const table = renderTable(
          ['', '', ''],
          rows.map((p) => [
            `  ${p.name}`,
            p.before !== undefined && p.after !== undefined && p.before !== p.after
              ? `${p.before} → ${p.after}`
              : (p.after ?? p.before ?? ''),
            p.why !== undefined && change === 'rebuilt' ? `for ${p.why}` : (p.why ?? ''),
          ]),
        );
        return [`${titles[change]} (${rows.length})\n${table.slice(table.indexOf('\n') + 1)}`];
      });
      return `${where.join(', ')}:\n${blocks.join('')}`;
    })
    .join('\n');
}
