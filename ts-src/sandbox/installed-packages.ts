import { isPinnedPackage } from '../model/names.ts';
import { linesOf } from '../text/cut.ts';

/** Most packages of a base; usual ones have 300. */
const most = 100_000;

/** The packages (`name=version`) that dpkg of a base names, one in a line, sorted. */
export function installedPackages(told: string): string[] {
  const packages: string[] = [];
  let lines = 0;
  for (const line of linesOf(told)) {
    if (isPinnedPackage(line)) packages.push(line);
    if (++lines > most) break;
  }
  return packages.sort();
}
