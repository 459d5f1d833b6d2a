import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { syncFile } from '../io/write.ts';
import { sha256 } from '../model/digest.ts';
import {
  copyRegular,
  exists,
  olderThanADay,
  readRegular,
  temporaryBeside,
  writeTogether,
  writeWhole,
} from '../io/files.ts';
import { HeldFolders } from '../io/held-folders.ts';
import { OwnFolders } from '../io/own-folders.ts';
import { withMutex } from '../io/mutex.ts';
import type { BlobInfo, Blobs } from './blobs.ts';
import { codeOf, nameHandles } from '../io/faults.ts';

/** Size limit in bytes for reading a file at once; larger ones fit no buffer. */
const largest = 2 ** 31 - 1;

/** The same for files that are replaced, and for those of a served folder: others write to it, and several are read. */
const largestTagged = 256 << 20;

const markerName = 'slipway-store.json';

/**
 * A folder, local or shared between machines. Writes appear by rename. The folder has a marker, and the local file
 * `memory` records that it was seen: a folder that lost its marker is an unmounted share, and is not recreated in the
 * empty mount point.
 */
export class FileBlobs implements Blobs {
  private marked = false;
  private readonly folders: OwnFolders;
  constructor(
    readonly where: string,
    private readonly memory?: string,
  ) {
    this.folders = new OwnFolders(where);
    if (memory !== undefined && existsSync(memory) && !existsSync(this.marker())) throw vanished(where, memory);
  }

  private marker = (): string => join(this.where, markerName);

  /** Checked before each write: a share may vanish during a run. */
  private mark(): void {
    if (this.memory === undefined) return;
    if (existsSync(this.marker())) {
      if (this.marked) return;
    } else if (this.marked) throw vanished(this.where, this.memory);
    else writeWhole(this.marker(), `${JSON.stringify({ slipway: 'store' })}\n`);
    this.marked = true;
    if (!existsSync(this.memory)) writeWhole(this.memory, `${this.where}\n`);
  }

  /**
   * Work on a path whose folders are held open meanwhile: whoever puts a link in place of one leads nothing elsewhere.
   * They are not kept open: a store lives as long as the process, and an open folder can't be unmounted.
   */
  private async open<T>(work: (folders: HeldFolders) => T | Promise<T>, most?: number): Promise<T> {
    const folders = new HeldFolders(this.where, most);
    try {
      return await work(folders);
    } catch (e) {
      throw nameHandles(e);
    } finally {
      folders.close();
    }
  }

  get(name: string, most = largest): Promise<Buffer | undefined> {
    return this.open((folders) => {
      try {
        const path = folders.find(name);
        return path === undefined ? undefined : readRegular(path, most);
      } catch (e) {
        if (isMissing(e)) return undefined;
        throw e;
      }
    });
  }

  put(name: string, data: Buffer): Promise<void> {
    return this.open((folders) => {
      this.mark();
      writeWhole(folders.place(name), data);
    });
  }

  putFile(name: string, file: string): Promise<void> {
    return this.open((folders) => {
      this.mark();
      copyWhole(file, folders.place(name));
    });
  }

  link(name: string, file: string): Promise<boolean> {
    return this.open((folders) => {
      this.mark();
      return linkWhole(file, folders.place(name));
    });
  }

  putAll(items: readonly { name: string; data: Buffer }[]): Promise<void> {
    return this.open(
      (folders) => writeTogether(items.map(({ name, data }) => ({ path: folders.place(name), data }))),
      Math.max(300, items.length),
    );
  }

  fetch(name: string, file: string, most: number): Promise<boolean> {
    return this.open(async (folders) => {
      try {
        const path = folders.find(name);
        if (path === undefined) return false;
        await copyRegular(path, file, most);
        return true;
      } catch (e) {
        if (isMissing(e) || codeOf(e) === 'ELARGE') return false;
        throw e;
      }
    });
  }

  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean> {
    return this.open((folders) => {
      this.mark();
      const path = folders.place(name);
      return withMutex(`${path}.lock`, async () => {
        if ((await this.getTagged(name))?.tag !== before) return false;
        writeWhole(path, data);
        return true;
      });
    });
  }

  async getTagged(name: string): Promise<{ data: Buffer; tag: string } | undefined> {
    const data = await this.get(name, largestTagged);
    return data && { data, tag: sha256(data) };
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    const folders = new HeldFolders(this.where);
    try {
      const folder = folders.find(`${prefix}/.`);
      if (folder === undefined) return;
      for (const entry of entriesOf(folder)) {
        if (entry.name.startsWith('.tmp-') || entry.name.endsWith('.lock')) continue;
        const name = `${prefix}/${entry.name}`;
        if (entry.isDirectory()) {
          yield* this.list(name);
          continue;
        }
        const found = statSync(join(folder, entry.name), { throwIfNoEntry: false });
        if (!found) continue;
        const { size, mtimeMs, nlink, blocks } = found;
        yield { name, size, modified: mtimeMs, disk: nlink > 1 ? 0 : blocks * 512 };
      }
    } catch (e) {
      throw nameHandles(e);
    } finally {
      folders.close();
    }
  }

  remove(name: string): Promise<void> {
    return this.open((folders) => {
      const path = folders.find(name);
      if (path !== undefined) rmSync(path, { force: true });
    });
  }

  /** Other processes read it: its folders are looked at, and not held. */
  local(name: string): string | undefined {
    return this.folders.path(name);
  }

  sweep(): void {
    const folders = new HeldFolders(this.where);
    try {
      for (const kind of ['objects', 'tasks', 'tests', 'sources'])
        for (const part of namesIn(folders.find(`${kind}/.`)))
          for (const name of namesIn(folders.find(`${kind}/${part}/.`))) {
            const m = /^\.tmp-(\d+)-/.exec(name);
            const path = folders.find(`${kind}/${part}/${name}`);
            // In a shared folder, a partial file is left over only if it is older than a day: another machine may be
            // writing it.
            if (m && path !== undefined && !exists(`/proc/${m[1]}`) && olderThanADay(path))
              rmSync(path, { force: true });
          }
    } finally {
      folders.close();
    }
  }
}

const namesIn = (folder: string | undefined): string[] => (folder === undefined ? [] : readdirSync(folder));

const vanished = (where: string, memory: string): Error =>
  Object.assign(
    new Error(
      `the store ${where} has gone: this machine used it before, and now it has no ${markerName}. ` +
        `Is its file system mounted? Where it was removed on purpose, remove ${memory} too and a new one is made`,
    ),
    { code: 'ESTORE' },
  );

/** The entries of a folder; empty if it is missing. An unreadable folder is an error. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (e) {
    if (codeOf(e) === 'ENOENT') return [];
    throw e;
  }
}

const isMissing = (e: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(e) ?? '');

const isSameFile = (a: string, b: string): boolean => {
  const [left, right] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return left !== undefined && left.dev === right?.dev && left.ino === right.ino;
};

/** Creates a hard link; false if that is not possible: another file system, or another owner's file. */
function linkWhole(from: string, to: string): boolean {
  if (isSameFile(from, to)) return true;
  const temporary = temporaryBeside(to);
  try {
    linkSync(from, temporary);
  } catch (e) {
    if (['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(e) ?? ''))
      return false;
    throw e;
  }
  try {
    syncFile(temporary);
    renameSync(temporary, to);
  } finally {
    rmSync(temporary, { force: true });
  }
  return true;
}

function copyWhole(from: string, to: string): void {
  const temporary = temporaryBeside(to);
  try {
    copyFileSync(from, temporary);
    syncFile(temporary);
    renameSync(temporary, to);
  } finally {
    rmSync(temporary, { force: true });
  }
}
