import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeWhole } from '../io/files.ts';
import { codeOf } from '../io/faults.ts';

export interface Measured {
  /** Bytes of disk space that removing it frees. Files with hard links elsewhere count as 0. */
  bytes: number;
  files: number;
  /** Newest modification time of a file or folder in it. */
  newest: number;
}

const isGone = (e: unknown): boolean => codeOf(e) === 'ENOENT';

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (e) {
    if (isGone(e)) return undefined;
    throw e;
  }
}

/** Measures a file or folder. Does not follow links or enter other file systems. */
export function measure(path: string): Measured {
  const total: Measured = { bytes: 0, files: 0, newest: 0 };
  const shared = new Map<number, { seen: number; names: number; bytes: number }>();
  const top = statOf(path);
  const todo: [string, Stats][] = top ? [[path, top]] : [];
  for (let next = todo.pop(); next; next = todo.pop()) {
    const [at, stat] = next;
    total.files++;
    total.newest = Math.max(total.newest, stat.mtimeMs);
    const bytes = stat.blocks * 512;
    if (stat.isDirectory()) {
      total.bytes += bytes;
      for (const name of namesIn(at)) {
        const inner = statOf(join(at, name));
        if (inner && inner.dev === stat.dev) todo.push([join(at, name), inner]);
      }
    } else if (stat.nlink > 1) {
      const one = shared.get(stat.ino) ?? { seen: 0, names: stat.nlink, bytes };
      one.seen++;
      shared.set(stat.ino, one);
    } else total.bytes += bytes;
  }
  for (const { seen, names, bytes } of shared.values()) if (seen >= names) total.bytes += bytes;
  return total;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (e) {
    if (isGone(e)) return [];
    throw e;
  }
}

/** Remembers sizes of immutable things, so that each is measured once. */
export class SizeMemory {
  private readonly file: string;
  private readonly before: Record<string, { inode: number; bytes: number }>;
  private readonly now: Record<string, { inode: number; bytes: number }> = {};

  constructor(state: string) {
    this.file = join(state, 'sizes.json');
    this.before = readJson(this.file) ?? {};
  }

  async of(name: string, path: string, ask: () => Promise<number>): Promise<number> {
    const inode = statOf(path)?.ino ?? 0;
    const known = Object.hasOwn(this.before, name) ? this.before[name] : undefined;
    const bytes = known?.inode === inode && Number.isFinite(known.bytes) ? known.bytes : await ask();
    this.now[name] = { inode, bytes };
    return bytes;
  }

  save(): void {
    const text = JSON.stringify(this.now);
    if (text !== JSON.stringify(this.before)) writeWhole(this.file, text, { sync: false });
  }
}
