import { append } from '../model/lists.ts';
/** A file's part of the interface: a digest of what counts, and the symbols of a shared library. */
export interface Shown {
  path: string;
  api: string | undefined;
  symbols?: string[];
}
export interface PartChange {
  path: string;
  change: 'added' | 'removed' | 'changed';
  symbols?: { added: string[]; removed: string[] };
}

/** Compares the interfaces of two builds by file, sorted by path. */
export function compareParts(before: readonly Shown[], after: readonly Shown[]): PartChange[] {
  const old = new Map(before.filter((p) => p.api !== undefined).map((p) => [p.path, p]));
  const now = new Map(after.filter((p) => p.api !== undefined).map((p) => [p.path, p]));
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((path): PartChange[] => {
    const [a, b] = [old.get(path), now.get(path)];
    if (a && b && a.api === b.api) return [];
    const [was, is] = [a?.symbols, b?.symbols];
    const symbols =
      was && is
        ? {
            added: is.filter((s) => !was.includes(s)),
            removed: was.filter((s) => !is.includes(s)),
          }
        : undefined;
    return [{ path, change: changeOf(a, b), ...(symbols ? { symbols } : {}) }];
  });
}

function changeOf(before: Shown | undefined, after: Shown | undefined): PartChange['change'] {
  if (!before) return 'added';
  return after ? 'changed' : 'removed';
}

export function renderAbi(changes: readonly PartChange[], details: readonly { path: string; text: string }[]): string {
  if (!changes.length) return 'nothing that others see differs: what depends on it stays as it is\n';
  const lines = [
    `${changes.length} file${changes.length === 1 ? '' : 's'} that others see ` +
      `differ${changes.length === 1 ? 's' : ''}: what depends on it is rebuilt`,
  ];
  for (const c of changes) {
    lines.push(`  ${c.change.padEnd(8)} ${c.path}`);
    for (const [sign, list] of [
      ['+', c.symbols?.added ?? []],
      ['-', c.symbols?.removed ?? []],
    ] as const) {
      for (const s of list.slice(0, 20)) lines.push(`             ${sign} ${s}`);
      if (list.length > 20) lines.push(`             ${sign} and ${list.length - 20} more`);
    }
  }
  for (const d of details) append(lines, ['', `abidiff on ${d.path}:`, ...d.text.split('\n').map((l) => `  ${l}`)]);
  return `${lines.join('\n')}\n`;
}
