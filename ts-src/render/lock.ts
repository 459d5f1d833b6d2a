import { redacted } from '../model/urls.ts';
import type { Lockfile } from '../model/lockfile.ts';

const q = (text: string): string => JSON.stringify(text);
const sorted = <T>(map: Record<string, T>): [string, T][] => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

/** Renders a lockfile for review: sorted, one line for each repository, package and system package. */
export function renderLock(lock: Lockfile): string {
  const lines = [`schema: ${lock.schema}`, `stamp: "${lock.stamp}"`, 'distributions:'];
  for (const [distribution, repositories] of sorted(lock.distributions)) {
    lines.push(`  ${distribution}:`, '    repositories:');
    for (const [name, r] of sorted(repositories))
      lines.push(
        `      ${name}: {${r.commit === undefined ? '' : `commit: ${q(r.commit)}, `}${r.release === undefined ? '' : `release: ${q(r.release)}, `}url: ${q(redacted(r.url))}}`,
      );
    lines.push('    packages:');
    const packages = sorted(repositories)
      .flatMap(([r, { packages: all }]) => Object.entries(all).map(([p, e]) => [p, r, e] as const))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [p, r, e] of packages)
      lines.push(
        `      ${p}: {version: ${q(e.version)}, repository: ${r}, path: ${q(e.path)}${e.commit === undefined ? '' : `, commit: ${q(e.commit)}`}${e.tree === undefined ? '' : `, tree: ${q(e.tree)}`}}`,
      );
  }
  if (Object.keys(lock.platforms).length) lines.push('platforms:');
  for (const [platform, p] of sorted(lock.platforms)) {
    lines.push(`  ${platform}:`, `    base: ${q(p.base)}`, `    archive: ${q(p.archive)}`, '    packages:');
    for (const [name, version] of sorted(p.packages)) lines.push(`      ${name}: ${q(version)}`);
  }
  if (Object.keys(lock.versions ?? {}).length) lines.push('versions:');
  for (const [scope, versions] of sorted(lock.versions ?? {})) {
    lines.push(`  ${scope}:`);
    for (const [name, version] of sorted(versions)) lines.push(`    ${name}: ${q(version)}`);
  }
  return `${lines.join('\n')}\n`;
}
