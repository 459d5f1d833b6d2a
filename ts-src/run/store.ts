import { copyFileSync, createReadStream, createWriteStream, fsyncSync, linkSync, mkdirSync, openSync, closeSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { exists, readJson, sha256File, temporaryBeside, writeWhole } from '../io/files.ts';
import type { BuildRecord, StoredFile } from '../model/result.ts';

/**
 * What was built, by content. `objects/ab/abcd…` holds files by their SHA-256, `tasks/KEY.json` what a task made.
 * Objects come before the record that names them, each by rename: whoever sees a record can have its objects.
 */
export class Store {
  private readonly verified = new Set<string>();
  constructor(readonly folder: string) {}

  private object = (digest: string): string => join(this.folder, 'objects', digest.slice(0, 2), digest);
  private record = (key: string): string => join(this.folder, 'tasks', key.slice(0, 2), `${key}.json`);

  async put(file: string): Promise<StoredFile> {
    const digest = await sha256File(file);
    const target = this.object(digest);
    const { size } = statSync(file);
    if (!exists(target) || statSync(target).size !== size) {
      mkdirSync(dirname(target), { recursive: true });
      const temporary = temporaryBeside(target);
      try {
        copyFileSync(file, temporary);
        const handle = openSync(temporary, 'r');
        fsyncSync(handle);
        closeSync(handle);
        renameSync(temporary, target);
      } finally {
        rmSync(temporary, { force: true });
      }
    }
    this.verified.add(digest);
    return { name: basename(file), sha256: digest, size };
  }

  putRecord(record: BuildRecord): void {
    writeWhole(this.record(record.key), JSON.stringify(record));
  }

  /** The record of a key, where all that it names is there with the right size. */
  get(key: string): BuildRecord | undefined {
    const record = readJson<BuildRecord>(this.record(key));
    if (!record || record.schema !== 2 || record.key !== key) return undefined;
    return record.debs.every((d) => sizeOf(this.object(d.sha256)) === d.size) ? record : undefined;
  }

  /** The path of an object after its digest was checked; undefined where it is damaged, which is then removed. */
  async path(file: StoredFile): Promise<string | undefined> {
    const path = this.object(file.sha256);
    if (this.verified.has(file.sha256)) return path;
    if (!exists(path)) return undefined;
    if ((await sha256File(path)) !== file.sha256) {
      rmSync(path, { force: true });
      return undefined;
    }
    this.verified.add(file.sha256);
    return path;
  }

  /** Gives a stored file a name elsewhere, without copying where that can be. */
  async place(file: StoredFile, target: string): Promise<boolean> {
    const path = await this.path(file);
    if (!path) return false;
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    try {
      linkSync(path, target);
    } catch {
      await new Promise<void>((resolve, reject) => createReadStream(path).pipe(createWriteStream(target)).on('finish', resolve).on('error', reject));
    }
    return true;
  }

  /** Removes what killed writers left. */
  sweep(): void {
    for (const kind of ['objects', 'tasks']) {
      const folder = join(this.folder, kind);
      if (!exists(folder)) continue;
      for (const part of readdirSync(folder)) {
        for (const name of readdirSync(join(folder, part))) {
          const m = /^\.tmp-(\d+)-/.exec(name);
          if (m && !exists(`/proc/${m[1]}`)) rmSync(join(folder, part, name), { force: true });
        }
      }
    }
  }
}

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size;
  } catch {
    return -1;
  }
};
