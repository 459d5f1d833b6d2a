import { at } from '../model/lists.ts';
import { printable } from '../text/printable.ts';

/** A table with aligned columns for a terminal; the last column is not padded. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((r) => r.map(printable));
  const widths = head.map((_, c) => Math.min(60, Math.max(...all.map((r) => (r[c] ?? '').length))));
  return all
    .map(
      (r) =>
        `${r
          .map((t, c) => (c === r.length - 1 ? t : t.padEnd(at(widths, c))))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/**
 * At most `most` names, and the number of the rest. `names` are the first of `count` names: all, or more than `most`.
 */
export const someOf = (names: readonly string[], most: number, count = names.length): string =>
  count > most + 1 ? `${names.slice(0, most).join(', ')} and ${count - most} more` : names.join(', ');
