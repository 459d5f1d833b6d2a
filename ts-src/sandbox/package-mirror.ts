import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryBeside } from '../io/files.ts';
import { sha256 } from '../model/digest.ts';
import { isStoredFile } from '../model/stored.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';

/** The name of an archive's snapshot in the store: a prefix of its digest. */
export const mirrorName = (archive: string): string => archive.slice(0, 16);

/** The beginning of apt's file name for a package. */
export const filePrefix = (pinned: string): string => {
  const [name = '', version = ''] = pinned.split('=');
  return `${name}_${version.replaceAll(':', '%3a')}_`;
};

/** Whether a name is a valid package file name of apt. */
export const isDebFile = (name: string): boolean => /^[a-z0-9][A-Za-z0-9.+~%_-]*\.deb$/.test(name);

/** What an archive's lists hold: package files by apt's name and by SHA-256. */
interface Listed {
  has(name: string, sha256: string): boolean;
}

/**
 * Packages that roots took from the archives of a base, stored by archive snapshot. They can be installed after the
 * archives change or disappear.
 */
export class PackageMirror {
  private readonly kept = new Set<string>();
  private readonly folder: string;

  constructor(
    private readonly store: Store,
    archive: string,
  ) {
    this.folder = `mirror/${mirrorName(archive)}`;
  }

  private nameOf = (pinned: string): string => `${this.folder}/${filePrefix(pinned).slice(0, -1)}.json`;
  private setName = (packages: readonly string[]): string => `${this.folder}/set-${sha256(packages.join(' '))}.json`;

  /** Places the stored ones of these packages in a folder, under their names. Others than the listed ones stay out. */
  async bring(packages: readonly string[], folder: string, listed: Listed): Promise<void> {
    await this.store.many(packages, async (pinned) => {
      const file = await this.fileOf(pinned);
      if (!file || !listed.has(file.name, file.sha256)) return;
      const temporary = temporaryBeside(join(folder, file.name));
      if (!(await this.store.place(file, temporary))) return;
      renameSync(temporary, join(folder, file.name));
      rmSync(temporary, { force: true });
      this.kept.add(pinned);
    });
  }

  private async fileOf(pinned: string): Promise<StoredFile | undefined> {
    const file = await this.store.readJson(this.nameOf(pinned));
    return isStoredFile(file) && isDebFile(file.name) && file.name.startsWith(filePrefix(pinned)) ? file : undefined;
  }

  /** Stores packages from a folder; stored ones are not read again. */
  async keep(packages: readonly string[], folder: string): Promise<void> {
    const wanted = packages.filter((p) => !this.kept.has(p));
    if (!wanted.length) return;
    const names = readdirSync(folder).filter(isDebFile);
    await this.store.many(wanted, async (pinned) => {
      if (!(await this.fileOf(pinned))) {
        const prefix = filePrefix(pinned);
        const name = names.find((n) => n.startsWith(prefix));
        if (name === undefined) return;
        await this.store.writeJson(this.nameOf(pinned), await this.store.put(join(folder, name)));
      }
      this.kept.add(pinned);
    });
  }

  /** Whether all packages of a set are known to be stored. */
  async hasSet(packages: readonly string[]): Promise<boolean> {
    if (packages.every((p) => this.kept.has(p))) return true;
    if ((await this.store.readJson(this.setName(packages))) === undefined) return false;
    for (const pinned of packages) this.kept.add(pinned);
    return true;
  }

  /** Records that all packages of a set are stored. */
  async noteSet(packages: readonly string[]): Promise<void> {
    if (packages.every((p) => this.kept.has(p))) await this.store.writeJson(this.setName(packages), {});
  }
}

/** The stored packages of one archive snapshot. */
export interface MirrorState {
  archive: string;
  packages: number;
  size: number;
  /** Time of the newest package, in milliseconds since 1970. */
  modified: number;
}

/** All archive snapshots with stored packages. */
export async function mirrorStates(store: Store): Promise<MirrorState[]> {
  const states = new Map<string, MirrorState>();
  const records: { archive: string; name: string; modified: number }[] = [];
  for await (const { name, modified } of store.blobs.list('mirror')) {
    const [, archive = ''] = name.split('/');
    if (!/\/set-[0-9a-f]{64}\.json$/.test(name)) records.push({ archive, name, modified });
  }
  await store.many(records, async ({ archive, name, modified }) => {
    const file = await store.readJson(name);
    if (!isStoredFile(file)) return;
    const state = states.get(archive) ?? { archive, packages: 0, size: 0, modified: 0 };
    states.set(archive, state);
    state.packages++;
    state.size += file.size;
    state.modified = Math.max(state.modified, modified);
  });
  return [...states.values()].sort((a, b) => b.modified - a.modified);
}
