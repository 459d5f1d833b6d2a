import { readFileSync, statSync } from 'node:fs';
import { printable } from '../text/printable.ts';

/**
 * Who holds a lock of flock(2), for people: `process 12 (node) of user 0`. Undefined if the kernel does not tell, as
 * for processes of other containers and machines.
 */
export function lockHolder(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    // makedev(3): the numbers of a device are not in one piece.
    const major = ((dev / 2 ** 32) & ~0xfff) | ((dev >>> 8) & 0xfff);
    const minor = ((dev / 2 ** 12) & ~0xff) | (dev & 0xff);
    const hex = (n: number): string => n.toString(16).padStart(2, '0');
    const file = `${hex(major)}:${hex(minor)}:${ino}`;
    const held = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find(([, kind, , , , at]) => kind === 'FLOCK' && at === file);
    return held && processText(Number(held[4]));
  } catch {
    return undefined;
  }
}

function processText(pid: number): string | undefined {
  const found = processAt(pid);
  if (!found) return undefined;
  // Slipway holds its locks by a child.
  const parent = found.name === 'cat' && found.parent > 1 ? processAt(found.parent) : undefined;
  const { id, name, user } = parent ?? found;
  return `process ${id} (${printable(name)}) of user ${user}`;
}

function processAt(pid: number): { id: number; name: string; user: string; parent: number } | undefined {
  if (!(pid > 0)) return undefined;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (key: string): string => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  return { id: pid, name: field('Name'), user: field('Uid'), parent: Number(field('PPid')) };
}
