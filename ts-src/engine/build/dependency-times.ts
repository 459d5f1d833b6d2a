import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../../io/faults.ts';

/** A dependency whose package is another one than when objects were made. */
export interface ChangedDependency {
  name: string;
  /** Where its former files lie, below the paths that they are installed to. */
  former: string;
  /** What it installs, with a leading slash. */
  paths: readonly string[];
}

/**
 * Gives files of dependencies that have the text that they had the time that they had: a new package has a new time on
 * every file, and make would compile all that reads any of them. `root` is the layer of links that a package is built
 * on; the former files take their places in it. `views` keeps links to what the layer then has, for the next build.
 */
export function keepDependencyTimes(root: string, changed: readonly ChangedDependency[], views: string): void {
  for (const { name, former, paths } of changed) {
    const view = join(views, name);
    const fresh = `${view}.new`;
    rmSync(fresh, { recursive: true, force: true });
    for (const path of paths) {
      const now = fileAt(join(root, path));
      if (!now) continue;
      const before = fileAt(join(former, path));
      if (before && sameText(join(root, path), now, join(former, path), before))
        putLink(join(former, path), join(root, path));
      mkdirSync(dirname(join(fresh, path)), { recursive: true });
      putLink(join(root, path), join(fresh, path));
    }
    rmSync(view, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    renameSync(fresh, view);
  }
}

function fileAt(path: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found : undefined;
}

/** Two files with the same text and mode, which are not one file already. */
function sameText(path: string, a: Stats, other: string, b: Stats): boolean {
  if (a.ino === b.ino || a.size !== b.size || a.mode !== b.mode) return false;
  return readFileSync(path).equals(readFileSync(other));
}

/** Puts a link to a file in the place of another one. Where there can be none, the place stays as it is. */
function putLink(from: string, to: string): void {
  const beside = `${to}.slipway-link`;
  try {
    linkSync(from, beside);
    renameSync(beside, to);
  } catch (e) {
    if (!['EXDEV', 'EMLINK', 'EPERM', 'EEXIST'].includes(codeOf(e) ?? '')) throw e;
  }
}
