import { readdir, readFile, readlink, stat } from 'node:fs/promises';

/** Removed files that still use space, which du(1) can't see: bytes and number. */
export interface OpenFiles {
  bytes: number;
  files: number;
  /**
   * Whether there may be more: descriptors in transit between processes, mappings that can't be inspected, or processes
   * for which there was no time.
   */
  hidden: boolean;
  /** Bytes written to disks, minus data removed before it was written. Includes children that were waited for. */
  written: number;
}

type Seen = Map<string, number>;
const isRemoved = (path: string): boolean => /^\/build\/.* \(deleted\)$/s.test(path);

/** Milliseconds to look at processes. Thousands of threads with thousands of descriptors each would take hours. */
const longest = 1000;

/**
 * Removed files that processes hold open or mapped, for processes with a folder mounted at /build. Undefined if no
 * process can be inspected (a daemon's containers, for an unprivileged user).
 */
export async function removedFiles(folder: string, time = longest): Promise<OpenFiles | undefined> {
  const end = performance.now() + time;
  const isLate = (): boolean => performance.now() > end;
  const seen: Seen = new Map();
  let found = false;
  let hidden = false;
  let written = 0;
  // The part of a mount's root below its file system's mount point.
  const name = folder.split('/').slice(-3).join('/');
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // Empty if the first thread has ended and others continue.
    const mounts = await text(`/proc/${pid}/mountinfo`);
    if (mounts !== '' && !hasMounted(mounts, name)) continue;
    let counted = false;
    let maps = '';
    // A thread may have its own descriptors. All threads have the same memory; that of one which has ended is empty.
    for (const thread of await listed(`/proc/${pid}/task`)) {
      const place = `/proc/${pid}/task/${thread}`;
      if (mounts === '' && !hasMounted(await text(`${place}/mountinfo`), name)) continue;
      found = true;
      if (!counted) written += await writtenBy(pid);
      counted = true;
      if (isLate()) hidden = true;
      if (hidden) break;
      if (await addOpen(place, seen, isLate)) hidden = true;
      if (maps === '' && (await addMapped(pid, (maps = await text(`${place}/maps`)), seen, isLate))) hidden = true;
    }
  }
  if (!found) return undefined;
  return { bytes: [...seen.values()].reduce((a, b) => a + b, 0), files: seen.size, hidden, written };
}

/** proc(5), /proc/PID/io: includes all threads, and children that were waited for. */
async function writtenBy(pid: string): Promise<number> {
  const io = await text(`/proc/${pid}/io`);
  const of = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0);
  return of('write_bytes') - of('cancelled_write_bytes');
}

/** A process that has ended has no entries. */
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

/** Adds open files. Returns true if a socket holds descriptors in transit, or if there was no time for all. */
async function addOpen(place: string, seen: Seen, isLate: () => boolean): Promise<boolean> {
  let underWay = false;
  for (const fd of await listed(`${place}/fd`)) {
    if (isLate()) return true;
    try {
      const target = await readlink(`${place}/fd/${fd}`);
      if (isRemoved(target)) await add(`${place}/fd/${fd}`, seen);
      // Reported since Linux 5.6.
      if (target.startsWith('socket:') && /^scm_fds:\s*[1-9]/m.test(await text(`${place}/fdinfo/${fd}`)))
        underWay = true;
    } catch {
      /* the descriptor was closed */
    }
  }
  return underWay;
}

/** Adds mapped files. Returns true if the kernel hides the size of one, or if there was no time for all. */
async function addMapped(pid: string, maps: string, seen: Seen, isLate: () => boolean): Promise<boolean> {
  let unknown = false;
  for (const line of maps.split('\n')) {
    if (isLate()) return true;
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
