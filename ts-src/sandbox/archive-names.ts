import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIf, readJson, writeWhole } from '../io/files.ts';
import type { Platform } from '../model/distro.ts';
import { partsOf } from '../text/cut.ts';
import { wantedBase, type Base, type CurrentBase } from './base-system.ts';
import { largestList, listFiles } from './list-files.ts';

/** Maximum number of names, of which Debian has 100,000. A set can't hold more than 16 million. */
const mostNames = 4_000_000;

/**
 * Names that apt can install on a base: packages, and what they provide. From the lists that the base was made with;
 * read once and cached beside them. Undefined if the lists are not available as plain text, or are larger than any
 * archive's.
 */
export function archiveNames(base: Pick<Base, 'lists' | 'folder' | 'archive'>): ReadonlySet<string> | undefined {
  const kept = join(base.folder, `names-${base.archive.slice(0, 16)}`);
  const known = readIf(kept);
  if (known !== undefined) return new Set(known.split('\n'));
  const files = listFiles(base.lists);
  if (!files) return undefined;
  const names = new Names();
  for (const file of files) if (!addNames(readFileSync(file, 'latin1'), names)) return undefined;
  if (!names.all.size) return undefined;
  writeWhole(kept, [...names.all].sort().join('\n'), { sync: false });
  return names.all;
}

/** Names that are counted. */
class Names {
  readonly all = new Set<string>();
  private size = 0;

  /** False if there are too many, or too long ones: all of them must fit a text. */
  add(name: string): boolean {
    if (!this.all.has(name)) this.size += name.length + 1;
    this.all.add(name);
    return this.all.size <= mostNames && this.size <= largestList;
  }
}

/** Adds the names of a list. False if there are too many. */
function addNames(list: string, names: Names): boolean {
  const field = /^(Package|Provides): (.*)$/gm;
  for (let m = field.exec(list); m; m = field.exec(list)) {
    const value = m[2] ?? '';
    if (m[1] === 'Package') {
      if (!names.add(value)) return false;
    } else
      for (const provided of partsOf(value, ',')) if (!names.add(provided.trim().replace(/[ (:].*/, ''))) return false;
  }
  return true;
}

/**
 * A platform's base on this machine, regardless of its age. Undefined if there is none, or if it was made for other
 * sources: before an underlay was added, or for another distro repository.
 */
export function baseAtHand(
  state: string,
  distroRoot: string,
  platform: { name: string; platform: Platform; architecture: string },
): Base | undefined {
  const { wanted } = wantedBase(distroRoot, platform.platform, platform.architecture);
  for (const suffix of ['', '-docker']) {
    const file = join(state, 'bases', `${platform.name}-${platform.architecture}${suffix}`, 'current.json');
    const base = readJson<CurrentBase>(file);
    if (base?.wanted === wanted) return base;
  }
  return undefined;
}
