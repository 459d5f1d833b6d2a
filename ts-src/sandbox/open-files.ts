import { readdir, readFile, readlink, stat } from 'node:fs/promises';

/** Files that were removed and are still open take room that du(1) can't see: in bytes and in number. */
export interface OpenFiles {
  bytes: number;
  files: number;
}

/**
 * What processes hold open of removed files, of those that have a folder mounted at /build. Undefined where none of
 * them can be looked at (containers of a daemon, for a plain user).
 */
export async function removedFiles(folder: string): Promise<OpenFiles | undefined> {
  const seen = new Map<string, number>();
  let found = false;
  // The part of a mount's root that is below its file system's own mount point.
  const name = folder.split('/').slice(-3).join('/');
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
      if (!mounts.split('\n').some((m) => m.split(' ')[4] === '/build' && (m.split(' ')[3] ?? '').endsWith(name)))
        continue;
      found = true;
      for (const fd of await readdir(`/proc/${pid}/fd`)) await add(`/proc/${pid}/fd/${fd}`, seen);
    } catch {
      /* it has ended */
    }
  }
  return found ? { bytes: [...seen.values()].reduce((a, b) => a + b, 0), files: seen.size } : undefined;
}

async function add(link: string, seen: Map<string, number>): Promise<void> {
  try {
    if (!/^\/build\/.* \(deleted\)$/s.test(await readlink(link))) return;
    const { dev, ino, blocks } = await stat(link);
    seen.set(`${dev}:${ino}`, blocks * 512);
  } catch {
    /* it was closed */
  }
}
