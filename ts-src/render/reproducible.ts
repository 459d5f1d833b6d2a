import { printable } from '../text/printable.ts';
import { plural } from './diagnostics.ts';

/** A second build of a package, compared by `engine/reproducible.ts`. */
export interface SecondBuild {
  id: string;
  name: string;
  state: 'equal' | 'different' | 'failed';
  reason?: string;
  differences: readonly { path: string; what: string }[];
  report?: string;
}

const shownDifferences = 20;

/** The results of second builds: packages that differ, with the files, and the number of equal ones. */
export function renderReproducible(builds: readonly SecondBuild[]): string {
  const lines: string[] = [];
  for (const b of builds) {
    if (b.state === 'equal') continue;
    if (b.state === 'failed')
      lines.push(`${b.id}/${b.name}: its second build failed: ${printable(b.reason ?? '').split('\n')[0]}`);
    else lines.push(`${b.id}/${b.name}: its second build differs`);
    for (const d of b.differences.slice(0, shownDifferences)) lines.push(`  ${printable(`${d.path} ${d.what}`)}`);
    const more = b.differences.length - shownDifferences;
    if (more > 0) lines.push(`  and ${more} more (reproducible.json has all)`);
    if (b.report !== undefined) lines.push(`  diffoscope: ${b.report}`);
  }
  const equal = builds.filter((b) => b.state === 'equal').length;
  lines.push(`built twice: ${plural(builds.length, 'package')}, ${equal} equal to the byte`);
  return `${lines.join('\n')}\n`;
}
