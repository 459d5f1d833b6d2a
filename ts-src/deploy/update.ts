import { join } from 'node:path';
import { readIf } from '../io/files.ts';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeFile } from '../io/write.ts';
import { programFault, run } from '../io/process.ts';
import { compare } from '../model/diagnostics.ts';

/** What an update does to one file. */
export interface Change {
  path: string;
  /** `kept`: the operator's file stays, though Slipway's changed; `conflict`: written with conflict markers. */
  kind: 'added' | 'changed' | 'merged' | 'removed' | 'kept' | 'conflict';
  /** The new text; undefined if the file is removed or unchanged. */
  text?: string;
  /** Unified diff from the operator's file. */
  diff: string;
  note?: string;
}

/**
 * Compares three folders: `base`, which Slipway wrote last; the operator's files; and `next`, which this version
 * writes. Changes on one side are taken; changes on both sides are merged by line, as git does.
 */
export async function planUpdate(
  folder: string,
  base: Readonly<Record<string, string>>,
  next: Readonly<Record<string, string>>,
): Promise<Change[]> {
  return inTemporary('deploy', async (scratch) => {
    const changes: Change[] = [];
    for (const path of [...new Set([...Object.keys(base), ...Object.keys(next)])].sort(compare)) {
      const sides = { base: base[path], ours: readIf(join(folder, path)), next: next[path] };
      const change = await planFile(scratch, path, sides);
      if (change) changes.push(change);
    }
    return changes;
  });
}

interface Sides {
  base: string | undefined;
  ours: string | undefined;
  next: string | undefined;
}

async function planFile(scratch: string, path: string, { base, ours, next }: Sides): Promise<Change | undefined> {
  if (next === base || next === ours) return undefined;
  const diff = async (text: string | undefined) => diffOf(scratch, path, ours, text);
  if (ours === base) {
    const wanted = await diff(next);
    if (next === undefined) return { path, kind: 'removed', diff: wanted };
    return { path, kind: base === undefined ? 'added' : 'changed', text: next, diff: wanted };
  }
  if (next === undefined) return { path, kind: 'kept', diff: '', note: 'Slipway no longer has it; you changed it' };
  if (ours === undefined) return { path, kind: 'kept', diff: '', note: 'Slipway changed it; you removed it' };
  const merged = await merge(scratch, ours, base ?? '', next);
  const clean = merged.conflicts === 0;
  return { path, kind: clean ? 'merged' : 'conflict', text: merged.text, diff: await diff(merged.text) };
}

async function merge(scratch: string, ours: string, base: string, next: string) {
  const names = ['yours', 'base', 'slipway'].map((name) => join(scratch, name));
  for (const [i, text] of [ours, base, next].entries()) writeFile(names[i] ?? '', text);
  const labels = ['-L', 'yours', '-L', 'base', '-L', 'slipway'];
  const ran = await run('git', ['merge-file', '-p', ...labels, ...names]);
  // git merge-file exits with the number of conflicts (at most 127), or with 255 on an error.
  if (ran.code > 127) throw programFault('git merge-file failed', scratch, ran);
  return { text: ran.stdout, conflicts: ran.code };
}

async function diffOf(scratch: string, path: string, from: string | undefined, to: string | undefined) {
  const [left, right] = [join(scratch, 'left'), join(scratch, 'right')];
  writeFile(left, from ?? '');
  writeFile(right, to ?? '');
  const ran = await run('git', ['diff', '--no-index', '--no-color', '--no-ext-diff', '--', left, right]);
  const lines = ran.stdout.split('\n');
  const body = lines.slice(
    Math.max(
      0,
      lines.findIndex((line) => line.startsWith('@@')),
    ),
  );
  const head = [`--- ${from === undefined ? '/dev/null' : path}`, `+++ ${to === undefined ? '/dev/null' : path}`];
  return [...head, ...body].join('\n');
}
