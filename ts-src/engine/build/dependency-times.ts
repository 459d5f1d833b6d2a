import { linkSync, lstatSync, renameSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../../io/files.ts';
import { codeOf } from '../../io/faults.ts';
import { digestHeld } from '../../io/untrusted.ts';
import { removeTree } from '../../io/remove-tree.ts';

/** A dependency that was rebuilt since the object files were made. */
export interface ChangedDependency {
  name: string;
  /** Folder with the files of the dependency's previous package. */
  former: string;
  /** Absolute paths of the files that it installs. */
  paths: readonly string[];
}

/**
 * Restores the modification time of unchanged files of rebuilt dependencies. A new package has a new time on every
 * file, so make would compile everything that reads one of them. `root` is the layer of hard links that a package is
 * built on: an unchanged file is replaced by a link to the former one. `views` keeps links to the result, by
 * dependency, for the next build.
 */
export function keepDependencyTimes(root: string, changed: readonly ChangedDependency[], views: string): void {
  for (const { name, former, paths } of changed) {
    const view = join(views, name);
    const fresh = `${view}.new`;
    removeTree(fresh);
    for (const path of paths) {
      const now = fileAt(join(root, path));
      if (!now) continue;
      const before = fileAt(join(former, path));
      if (before && sameText(join(root, path), now, join(former, path), before))
        putLink(join(former, path), join(root, path));
      makeFolder(dirname(join(fresh, path)));
      putLink(join(root, path), join(fresh, path));
    }
    removeTree(view);
    makeFolder(fresh);
    renameSync(fresh, view);
  }
}

function fileAt(path: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found : undefined;
}

/** Whether two different files have the same text and mode. */
function sameText(path: string, a: Stats, other: string, b: Stats): boolean {
  if (a.ino === b.ino || a.size !== b.size || a.mode !== b.mode) return false;
  const digestOf = (file: string): string => digestHeld(dirname(file), basename(file));
  return digestOf(path) === digestOf(other);
}

/** Replaces a file by a hard link to another one. If the file system refuses the link, the file stays as it is. */
function putLink(from: string, to: string): void {
  const beside = `${to}.slipway-link`;
  try {
    linkSync(from, beside);
    renameSync(beside, to);
  } catch (e) {
    if (!['EXDEV', 'EMLINK', 'EPERM', 'EEXIST'].includes(codeOf(e) ?? '')) throw e;
  }
}
