import { lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './faults.ts';

/** Users whose folders are accepted: the current user, root, and the user who ran sudo. git has the same rule. */
export function isOurs({ uid }: Pick<Stats, 'uid'>): boolean {
  const own = process.getuid?.() ?? 0;
  return uid === own || uid === 0 || (own === 0 && String(uid) === process.env.SUDO_UID);
}

/** The fault of a link in place of a folder that belongs to another user. */
export const foreignLink = (path: string, uid: number | bigint): Error =>
  Object.assign(new Error(`${path}: a link of another user (${uid}): remove it, or give it to root (chown -h)`), {
    code: 'ESTORE',
  });

/**
 * Paths below a folder that others may write to. A link of another user in place of a folder is refused: files would be
 * written and removed wherever it leads. Links of this user and of root are an administrator's.
 */
export class OwnFolders {
  private readonly seen = new Set<string>();
  constructor(private readonly root: string) {}

  /** The path of a file. Throws if a folder above it is a link of another user. */
  path(name: string): string {
    const end = name.lastIndexOf('/');
    if (end > 0) this.check(name.slice(0, end));
    return join(this.root, name);
  }

  /** Throws if a folder, or one above it, is a link of another user. Looks at each folder once. */
  check(folder: string): void {
    if (this.seen.has(folder)) return;
    let at = '';
    for (const part of folder.split('/')) {
      at = at === '' ? part : `${at}/${part}`;
      if (this.seen.has(at)) continue;
      const found = statOf(join(this.root, at));
      if (!found) return;
      if (found.isSymbolicLink() && !isOurs(found)) throw foreignLink(join(this.root, at), found.uid);
      this.seen.add(at);
    }
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (e) {
    if (codeOf(e) === 'ENOTDIR') return undefined;
    throw e;
  }
}
