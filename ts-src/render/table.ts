import { printable } from './diagnostics.ts';

/** Columns as wide as their texts, for a terminal; the last one is not filled up. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((r) => r.map(printable));
  const widths = head.map((_, c) => Math.min(60, Math.max(...all.map((r) => (r[c] ?? '').length))));
  return all.map((r) => `${r.map((t, c) => (c === r.length - 1 ? t : t.padEnd(widths[c]!))).join('  ').trimEnd()}\n`).join('');
}

/** At most `most` names, and how many more there are. */
export const someOf = (names: readonly string[], most: number): string => (names.length > most + 1 ? `${names.slice(0, most).join(', ')} and ${names.length - most} more` : names.join(', '));
