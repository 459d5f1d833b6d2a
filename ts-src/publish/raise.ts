import { append } from '../model/lists.ts';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { debFile, stampSeconds } from '../model/names.ts';
import type { StoredFile } from '../model/result.ts';
import { ownEntry, ownIn } from '../model/maps.ts';
import { compareDebianVersions, versionAbove } from '../plan/versions.ts';
import type { Store } from '../store/store.ts';
import { repackDeb } from './deb.ts';
import type { HeldPackage, Suites, Versions } from './suites.ts';
import { removeTree } from '../io/remove-tree.ts';

export interface Raised {
  suites: Suites;
  /** Repacked packages, by suite with architecture. */
  raised: { suite: string; debian: string; from: string; to: string }[];
  /** Digests of packages that the store has lost, or that can't be repacked. */
  lost: string[];
}

export interface RaiseInput {
  store: Store;
  /** Work folder. */
  scratch: string;
  suites: Suites;
  /** What clients have now. */
  now: Suites;
  /** The highest versions that the channel ever had. */
  versions: Versions;
  stamp: string;
}

/**
 * Raises versions: a package whose version would decrease, or stay the same with other bytes, gets a version above all
 * that its channel had, because apt would not install it otherwise. Its files stay unchanged.
 */
export async function raiseVersions(input: RaiseInput): Promise<Raised> {
  const { store, suites, now, versions, stamp } = input;
  const all: Suites = {};
  const jobs: { suite: string; debian: string; held: HeldPackage; to: string }[] = [];
  for (const [suite, packages] of Object.entries(suites)) {
    all[suite] = { ...packages };
    for (const [debian, held] of Object.entries(packages)) {
      const highest = ownIn(versions[suite], debian);
      if (highest === undefined) continue;
      const order = compareDebianVersions(held.version, highest);
      if (order > 0 || sameFiles(held, ownIn(now[suite], debian))) continue;
      // The bytes served under this version are unknown; they may be the same.
      if (order === 0 && !Object.hasOwn(now, suite)) continue;
      jobs.push({ suite, debian, held, to: versionAbove(held.version, stamp, highest) });
    }
  }
  const lost: string[] = [];
  await store.many(jobs, async ({ suite, debian, held, to }) => {
    const files = await repackAll(input, held, to);
    if (files.ok) ownEntry(all, suite)[debian] = { ...held, version: to, files: files.value };
    else append(lost, files.lost);
  });
  return { suites: all, raised: jobs.map((j) => ({ ...j, from: j.held.version })), lost };
}

export const sameFiles = (a: HeldPackage, b: HeldPackage | undefined): boolean =>
  b !== undefined &&
  a.files.length === b.files.length &&
  a.files.every((f, i) => f.sha256 === b.files[i]?.sha256 && f.name === b.files[i].name);

async function repackAll(
  { store, scratch, stamp }: RaiseInput,
  held: HeldPackage,
  to: string,
): Promise<{ ok: true; value: StoredFile[] } | { ok: false; lost: string[] }> {
  const value: StoredFile[] = [];
  for (const file of held.files) {
    const path = await store.path(file);
    const [name = '', , architecture = ''] = file.name.replace(/\.deb$/, '').split('_');
    const own = mkdtempSync(join(scratch, 'raise-'));
    const target = join(own, debFile(name, to, architecture));
    const changes = { from: held.version, to, seconds: stampSeconds(stamp) };
    if (path === undefined || !(await repackDeb(path, target, changes))) return { ok: false, lost: [file.sha256] };
    value.push(await store.put(target));
    removeTree(own);
  }
  return { ok: true, value };
}
