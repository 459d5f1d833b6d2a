import { readdir, readFile, readlink, stat } from 'node:fs/promises';

/** Files that were removed and still take room, which du(1) can't see: in bytes and in number. */
export interface OpenFiles {
  bytes: number;
  files: number;
  /** There may be more: descriptors under way between processes, or mappings that can't be looked at. */
  hidden: boolean;
  /** Bytes that they wrote to disks, less what they removed before it got there. Children count once waited for. */
  written: number;
}

type Seen = Map<string, number>;
const isRemoved = (path: string): boolean => /^\/build\/.* \(deleted\)$/s.test(path);

/**
 * What processes hold of removed files, open or mapped, of those that have a folder mounted at /build. Undefined where
 * none of them can be looked at (containers of a daemon, for a plain user).
 */
export async function removedFiles(folder: string): Promise<OpenFiles | undefined> {
  const seen: Seen = new Map();
  let found = false;
  let hidden = false;
  let written = 0;
  // The part of a mount's root that is below its file system's own mount point.
  const name = folder.split('/').slice(-3).join('/');
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // Empty where the first thread has ended and others go on.
    const mounts = await text(`/proc/${pid}/mountinfo`);
    if (mounts !== '' && !hasMounted(mounts, name)) continue;
    let counted = false;
    // A thread may have descriptors of its own.
    for (const thread of await listed(`/proc/${pid}/task`)) {
      const place = `/proc/${pid}/task/${thread}`;
      if (mounts === '' && !hasMounted(await text(`${place}/mountinfo`), name)) continue;
      found = true;
      if (!counted) written += await writtenBy(pid);
      counted = true;
      if (await addOpen(place, seen)) hidden = true;
      if (await addMapped(pid, place, seen)) hidden = true;
    }
  }
  if (!found) return undefined;
  return { bytes: [...seen.values()].reduce((a, b) => a + b, 0), files: seen.size, hidden, written };
}

/** proc(5), /proc/PID/io: of all its threads, and of the children that it waited for. */
async function writtenBy(pid: string): Promise<number> {
  const io = await text(`/proc/${pid}/io`);
  const of = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0);
  return of('write_bytes') - of('cancelled_write_bytes');
}

/** What ends meanwhile has nothing. */
async function listed(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return '';
  }
}

const hasMounted = (mounts: string, name: string): boolean =>
  mounts.split('\n').some((m) => m.split(' ')[4] === '/build' && (m.split(' ')[3] ?? '').endsWith(name));

/** Adds open files; true where a socket holds descriptors that nobody has taken from it. */
async function addOpen(place: string, seen: Seen): Promise<boolean> {
  let underWay = false;
  for (const fd of await listed(`${place}/fd`)) {
    try {
      const target = await readlink(`${place}/fd/${fd}`);
      if (isRemoved(target)) await add(`${place}/fd/${fd}`, seen);
      // Told since Linux 5.6.
      if (target.startsWith('socket:') && /^scm_fds:\s*[1-9]/m.test(await text(`${place}/fdinfo/${fd}`)))
        underWay = true;
    } catch {
      /* it was closed */
    }
  }
  return underWay;
}

/** Adds mapped files; true where the kernel does not let us see how large one is. */
async function addMapped(pid: string, place: string, seen: Seen): Promise<boolean> {
  let unknown = false;
  for (const line of (await text(`${place}/maps`)).split('\n')) {
    const [, range = '', path = ''] = /^(\S+) \S+ \S+ \S+ \d+ +(\/.*)$/.exec(line) ?? [];
    if (!isRemoved(path)) continue;
    try {
      await add(`/proc/${pid}/map_files/${range.replace(/(^|-)0+(?=[0-9a-f])/g, '$1')}`, seen);
    } catch {
      unknown = true;
    }
  }
  return unknown;
}

async function add(link: string, seen: Seen): Promise<void> {
  const { dev, ino, blocks } = await stat(link);
  seen.set(`${dev}:${ino}`, blocks * 512);
}
