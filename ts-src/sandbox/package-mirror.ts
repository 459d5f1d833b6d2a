import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryBeside } from '../io/files.ts';
import { sha256 } from '../model/digest.ts';
import { isStoredFile } from '../model/stored.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';

/** The name of an archive's state in the store: the beginning of its digest. */
export const mirrorName = (archive: string): string => archive.slice(0, 16);

/** The beginning of a package's file name, as apt has it. */
export const filePrefix = (pinned: string): string => {
  const [name = '', version = ''] = pinned.split('=');
  return `${name}_${version.replaceAll(':', '%3a')}_`;
};

/** A name that apt gives to a package's file. */
export const isDebFile = (name: string): boolean => /^[a-z0-9][A-Za-z0-9.+~%_-]*\.deb$/.test(name);

/**
 * Packages that roots took from the archives of one base, kept in the store by the state of these archives: they can be
 * installed again when the archives have other versions, or are gone.
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

  /** Puts those of the packages that are kept into a folder, under their names. */
  async bring(packages: readonly string[], folder: string): Promise<void> {
    await this.store.many(packages, async (pinned) => {
      const file = await this.fileOf(pinned);
      if (!file) return;
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

  /** Keeps packages that lie in a folder; those that are kept already are not read again. */
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

  /** Whether all of a set is known to be kept. */
  async hasSet(packages: readonly string[]): Promise<boolean> {
    if (packages.every((p) => this.kept.has(p))) return true;
    if ((await this.store.readJson(this.setName(packages))) === undefined) return false;
    for (const pinned of packages) this.kept.add(pinned);
    return true;
  }

  /** Says that all of a set is kept. */
  async noteSet(packages: readonly string[]): Promise<void> {
    if (packages.every((p) => this.kept.has(p))) await this.store.writeJson(this.setName(packages), {});
  }
}

/** What the store keeps of one state of a base's archives. */
export interface MirrorState {
  archive: string;
  packages: number;
  size: number;
  /** Milliseconds since 1970, of the newest package. */
  modified: number;
}

/** All states of archives of which the store keeps packages. */
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
