import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import { join, normalize } from 'node:path';

/**
 * Whether a path below a folder is a symlink out of the folder, or lies below one. Nothing outside is looked at: the
 * answer does not tell whether a link leads to something.
 */
export function leadsOut(root: string, path: string): boolean {
  if (!existsSync(root)) return false;
  const top = realpathSync(root);
  const todo = normalize(path).split('/').reverse();
  let at: string[] = [];
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    const to = linkAt(join(top, ...at, part));
    if (to === undefined) at.push(part);
    else if (++followed > 40) return false;
    else {
      const own = to === top || to.startsWith(`${top}/`);
      if (to.startsWith('/') && !own) return true;
      if (own) at = [];
      todo.push(...(own ? to.slice(top.length) : to).split('/').reverse());
    }
  }
  return false;
}

/** Where a symlink leads, as written; undefined if there is none. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
