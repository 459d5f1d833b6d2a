import type { Lock } from '../model/lock.ts';

/** A lock for review: sorted, a line for each repository and each package. */
export function renderLock(lock: Lock): string {
  const lines = [`schema: ${lock.schema}`, `stamp: "${lock.stamp}"`, 'distributions:'];
  for (const distribution of Object.keys(lock.distributions).sort()) {
    lines.push(`  ${distribution}:`);
    const repositories = lock.distributions[distribution]!;
    for (const name of Object.keys(repositories).sort()) {
      const r = repositories[name]!;
      lines.push(`    ${name}: {commit: "${r.commit}", url: ${JSON.stringify(r.url)}, packages: {`);
      for (const p of Object.keys(r.packages).sort()) lines.push(`      ${p}: {version: ${r.packages[p]!.version}, tree: "${r.packages[p]!.tree}", path: ${JSON.stringify(r.packages[p]!.path)}},`);
      lines.push('    }}');
    }
  }
  return `${lines.join('\n')}\n`;
}
