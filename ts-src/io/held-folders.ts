import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { codeOf } from './faults.ts';
import { foreignLink, isOurs } from './own-folders.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Paths below a folder that others may write to, through open handles of folders: whoever renames a folder, and puts a
 * link in its place, changes no path that was given out. A link of another user in place of a folder is refused; links
 * of this user and of root are an administrator's. A path is valid until `most` other folders were used: a repository
 * has more folders than a process may have open files, and an open folder can't be unmounted.
 */
export class HeldFolders {
  /** Handles by folder, the one used last at the end. */
  private readonly held = new Map<string, number>();
  /** Handles whose paths may still be in use. */
  private readonly retired: number[] = [];
  constructor(
    private readonly root: string,
    private readonly most = 300,
  ) {}

  /** The path of a file; undefined if a folder above it is missing. */
  find(name: string): string | undefined {
    const folder = this.open(folderOf(name), false);
    return folder === undefined ? undefined : `${handlePath(folder)}/${name.slice(name.lastIndexOf('/') + 1)}`;
  }

  /** The path of a file, whose folders are made. */
  place(name: string): string {
    const path = this.open(folderOf(name), true) === undefined ? undefined : this.find(name);
    if (path === undefined)
      throw Object.assign(new Error(`no folder for ${name}`), { code: 'ESTALE', path: this.root });
    return path;
  }

  /** Closes all handles. No path that was given out is valid any more. */
  close(): void {
    for (const handle of [...this.held.values(), ...this.retired]) closeSync(handle);
    this.held.clear();
    this.retired.length = 0;
  }

  private open(folder: string, make: boolean): number | undefined {
    const known = this.held.get(folder);
    this.held.delete(folder);
    // No link is left to a folder that was removed meanwhile.
    if (known !== undefined && fstatSync(known).nlink === 0) this.retired.push(known);
    else if (known !== undefined) {
      this.held.set(folder, known);
      return known;
    }
    const handle = folder === '' ? this.openRoot(make) : this.openBelow(folder, make);
    if (handle === undefined) return undefined;
    this.held.set(folder, handle);
    this.closeOldest();
    return handle;
  }

  private closeOldest(): void {
    for (const [folder, handle] of this.held) {
      if (this.held.size <= this.most) break;
      this.held.delete(folder);
      this.retired.push(handle);
    }
    while (this.retired.length > this.most) {
      const handle = this.retired.shift();
      if (handle !== undefined) closeSync(handle);
    }
  }

  private openRoot(make: boolean): number | undefined {
    if (make) mkdirSync(this.root, { recursive: true });
    return unlessMissing(() => openSync(this.root, O_RDONLY | O_DIRECTORY));
  }

  private openBelow(folder: string, make: boolean): number | undefined {
    const above = this.open(folderOf(folder), make);
    if (above === undefined) return undefined;
    const path = `${handlePath(above)}/${folder.slice(folder.lastIndexOf('/') + 1)}`;
    if (make) unlessThere(() => mkdirSync(path));
    return unlessMissing(() => {
      try {
        return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      } catch (e) {
        if (!['ELOOP', 'ENOTDIR'].includes(codeOf(e) ?? '') || !lstatSync(path).isSymbolicLink()) throw e;
        return openSync(this.linked(path, folder, above), O_RDONLY | O_DIRECTORY);
      }
    });
  }

  /** Where a link leads that this user or root made. */
  private linked(path: string, folder: string, above: number): string {
    const before = lstatSync(path, { bigint: true });
    const target = readlinkSync(path);
    const after = lstatSync(path, { bigint: true });
    if (!isOurs({ uid: Number(before.uid) }) || !isSame(before, after))
      throw foreignLink(join(this.root, folder), before.uid);
    return isAbsolute(target) ? target : `${handlePath(above)}/${target}`;
  }
}

/** Deeper folders are not ours. */
const deepest = 300;

/**
 * Removes a file or a folder of `root`, with all that is in it, through open handles: others may write there. Links are
 * removed, and not followed, whoever made them. What another adds meanwhile stays, with the folders above it.
 */
export function removeBelow(root: string, name: string): void {
  const handle = openSync(root, O_RDONLY | O_DIRECTORY);
  try {
    removeIn(handlePath(handle), name, 0);
  } finally {
    closeSync(handle);
  }
}

function removeIn(folder: string, name: string, depth: number): void {
  const path = `${folder}/${name}`;
  let handle: number | undefined;
  try {
    handle = depth > deepest ? undefined : openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (e) {
    if (!['ELOOP', 'ENOTDIR', 'ENOENT'].includes(codeOf(e) ?? '')) throw e;
  }
  try {
    if (handle === undefined) return unlinkSync(path);
    for (const entry of readdirSync(handlePath(handle))) removeIn(handlePath(handle), entry, depth + 1);
    rmdirSync(path);
  } catch (e) {
    if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'].includes(codeOf(e) ?? '')) throw e;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

const folderOf = (name: string): string => (name.includes('/') ? dirname(name) : '');
const handlePath = (handle: number): string => `/proc/self/fd/${handle}`;

/** Renaming a link changes its ctime. */
const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  a.isSymbolicLink() && a.ino === b.ino && a.dev === b.dev && a.ctimeNs === b.ctimeNs;

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (e) {
    if (codeOf(e) === 'ENOENT') return undefined;
    throw e;
  }
}

function unlessThere(work: () => void): void {
  try {
    work();
  } catch (e) {
    if (codeOf(e) !== 'EEXIST') throw e;
  }
}
