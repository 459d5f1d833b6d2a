import { copyFileSync, linkSync, renameSync, rmSync, rmdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncFile } from '../io/write.ts';
import { readRegular, sha256File, temporaryBeside, writeTogether, writeWhole } from '../io/files.ts';
import { HeldFolders } from '../io/held-folders.ts';
import { withMutex } from '../io/mutex.ts';
import { sha256 } from '../model/digest.ts';
import { FileBlobs } from '../store/file-blobs.ts';
import type { BlobInfo } from '../store/blobs.ts';
import type { Endpoint, LocalFile, Placed, Purpose } from './endpoint.ts';
import { codeOf, nameHandles } from '../io/faults.ts';

/** A folder that any HTTP server can serve. */
export class FolderEndpoint implements Endpoint {
  readonly id: string;
  readonly where: string;
  readonly uri: string;
  readonly served = true;
  readonly width = 4;
  private readonly blobs: FileBlobs;
  private readonly folders: HeldFolders;
  private users = 0;

  constructor(readonly folder: string) {
    this.where = folder;
    this.id = `file:${encodeURI(folder)}`;
    this.uri = `file://${encodeURI(folder)}`;
    this.blobs = new FileBlobs(folder);
    this.folders = new HeldFolders(folder);
  }

  /** The path of a file that is written. */
  private path = (name: string): string => this.folders.place(name);

  during<T>(_purpose: Purpose, work: () => Promise<T>): Promise<T> {
    return this.open(() => withMutex(join(this.folder, '.slipway.lock'), work));
  }

  /** Keeps folders open while something is done. */
  private async open<T>(work: () => Promise<T>): Promise<T> {
    this.users++;
    try {
      return await work();
    } catch (e) {
      throw nameHandles(e);
    } finally {
      if (--this.users === 0) this.folders.close();
    }
  }

  read(name: string): Promise<{ data: Buffer; tag: string } | undefined> {
    return this.open(async () => {
      const path = this.folders.find(name);
      return path === undefined ? undefined : new FileBlobs(dirname(path)).getTagged(basename(path));
    });
  }

  has(name: string, size: number): boolean {
    const path = this.folders.find(name);
    return path !== undefined && statSync(path, { throwIfNoEntry: false })?.size === size;
  }

  async placeFile(name: string, file: LocalFile): Promise<Placed> {
    const path = this.path(name);
    const there = await this.compare(path, file.sha256, file.size);
    if (there) return there;
    try {
      linkSync(file.path, path);
      return 'written';
    } catch (e) {
      const code = codeOf(e);
      if (code === 'EEXIST') return (await this.compare(path, file.sha256, file.size)) ?? 'other';
      if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'ENOSYS'].includes(code ?? '')) throw e;
    }
    const temporary = temporaryBeside(path);
    try {
      copyFileSync(file.path, temporary);
      syncFile(temporary);
      return this.claim(temporary, path) ? 'written' : ((await this.compare(path, file.sha256, file.size)) ?? 'other');
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async placeAll(files: readonly { name: string; data: Buffer; sha256: string }[]): Promise<Placed[]> {
    const placed = new Map<string, Placed>();
    for (const { name, data, sha256: digest } of files) {
      const there = await this.compare(this.path(name), digest, data.length);
      if (there) placed.set(name, there);
    }
    const wanted = files.filter(({ name }) => !placed.has(name));
    const late: typeof wanted = [];
    await writeTogether(
      wanted.map(({ name, data }) => ({ path: this.path(name), data })),
      (temporary, path, at) => {
        const file = wanted[at];
        if (!file) return;
        if (this.claim(temporary, path)) placed.set(file.name, 'written');
        else late.push(file);
      },
    );
    for (const { name, data, sha256: digest } of late)
      placed.set(name, (await this.compare(this.path(name), digest, data.length)) ?? 'other');
    return files.map(({ name }) => placed.get(name) ?? 'other');
  }

  /** Gives a file its name if the name is free. */
  private claim(temporary: string, path: string): boolean {
    try {
      linkSync(temporary, path);
      return true;
    } catch (e) {
      if (codeOf(e) !== 'EEXIST') throw e;
      return false;
    }
  }

  /**
   * Compares a file with an existing one; undefined if there is none. `other` if size or content differ. Empty or
   * truncated files, which a crash of the machine leaves, are removed.
   */
  private async compare(path: string, digest: string, size: number): Promise<Placed | undefined> {
    let there: number;
    try {
      there = statSync(path).size;
    } catch {
      return undefined;
    }
    if (there === size && (await sha256File(path)) === digest) return 'there';
    if (there >= size) return 'other';
    rmSync(path, { force: true });
    return undefined;
  }

  put(name: string, data: Buffer): Promise<void> {
    writeWhole(this.path(name), data);
    return Promise.resolve();
  }

  async putAll(files: readonly { name: string; data: Buffer; like?: string }[]): Promise<void> {
    const others = files.filter(({ name, like }) => like === undefined || !this.putLike(name, like));
    await writeTogether(others.map(({ name, data }) => ({ path: this.path(name), data })));
  }

  /** Replaces a name by a hard link to an existing file; false if the file system can't. */
  private putLike(name: string, like: string): boolean {
    const path = this.path(name);
    const temporary = temporaryBeside(path);
    try {
      linkSync(this.path(like), temporary);
      renameSync(temporary, path);
      return true;
    } catch {
      return false;
    } finally {
      // rename(2) does nothing if both names are the same file already.
      rmSync(temporary, { force: true });
    }
  }

  /** Must run within `exclusively`, so that no other writer comes between comparison and replacement. */
  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean> {
    let now: string | undefined;
    try {
      now = sha256(readRegular(this.path(name)));
    } catch (e) {
      if (codeOf(e) !== 'ENOENT') throw e;
    }
    if (now !== before) return Promise.resolve(false);
    writeWhole(this.path(name), data);
    return Promise.resolve(true);
  }

  list(prefix: string): AsyncIterable<BlobInfo> {
    return this.blobs.list(prefix);
  }

  remove(name: string): Promise<void> {
    this.removeNow(name);
    return Promise.resolve();
  }

  private removeNow(name: string): void {
    const path = this.folders.find(name);
    if (path === undefined) return;
    rmSync(path, { force: true });
    // Also removes folders that became empty.
    for (let at = dirname(name); at.includes('/'); at = dirname(at)) {
      try {
        rmdirSync(this.folders.find(at) ?? '');
      } catch {
        return;
      }
    }
  }
}
