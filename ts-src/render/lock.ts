import type { Lock } from '../model/lock.ts';

/** A lock for review: sorted, a line for each repository and each package. */
export function renderLock(lock: Lock): string {
  const lines = [`schema: ${lock.schema}`, `stamp: "${lock.stamp}"`, 'distributions:'];
  for (const distribution of Object.keys(lock.distributions).sort()) {
    const repositories = lock.distributions[distribution]!;
    const names = Object.keys(repositories).sort();
    lines.push(`  ${distribution}:`, '    repositories:');
    for (const name of names) lines.push(`      ${name}: {commit: "${repositories[name]!.commit}", url: ${JSON.stringify(repositories[name]!.url)}}`);
    lines.push('    packages:');
    const packages = names.flatMap((r) => Object.entries(repositories[r]!.packages).map(([p, e]) => [p, r, e] as const)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [p, r, e] of packages) lines.push(`      ${p}: {version: ${e.version}, repository: ${r}, path: ${JSON.stringify(e.path)}, tree: "${e.tree}"}`);
  }
  return `${lines.join('\n')}\n`;
}
