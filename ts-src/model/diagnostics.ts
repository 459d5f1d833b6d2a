import { at } from './lists.ts';
import { redacted } from './urls.ts';

/** A message about a fault in the user's input. Bugs throw exceptions instead. */
export interface Diagnostic {
  severity: 'error' | 'warning';
  /** A stable name, documented in docs/diagnostics.md. */
  code: string;
  message: string;
  /** Path as the user gave it, or relative to the distro repository for files in it. */
  file?: string;
  /** First line is 1. */
  line?: number;
  /** What to do about it. */
  hint?: string;
}

/** A value, or the reasons why there is none. The diagnostics of a value are warnings. */
export type Result<T> = { ok: true; value: T; diagnostics: Diagnostic[] } | { ok: false; diagnostics: Diagnostic[] };

export const good = <T>(value: T, diagnostics: Diagnostic[] = []): Result<T> => ({ ok: true, value, diagnostics });
export const bad = (...diagnostics: (Diagnostic | readonly Diagnostic[])[]): Result<never> => ({
  ok: false,
  diagnostics: diagnostics.flat(),
});
export const isError = (d: Diagnostic): boolean => d.severity === 'error';

export function error(
  code: string,
  message: string,
  where: { file?: string | undefined; line?: number | undefined; hint?: string | undefined } = {},
): Diagnostic {
  return diagnostic('error', code, message, where);
}

export function warning(
  code: string,
  message: string,
  where: { file?: string | undefined; line?: number | undefined; hint?: string | undefined } = {},
): Diagnostic {
  return diagnostic('warning', code, message, where);
}

function diagnostic(
  severity: 'error' | 'warning',
  code: string,
  message: string,
  where: { file?: string | undefined; line?: number | undefined; hint?: string | undefined },
): Diagnostic {
  const d: Diagnostic = { severity, code, message: redacted(message) };
  if (where.file !== undefined) d.file = where.file;
  if (where.line !== undefined) d.line = where.line;
  if (where.hint !== undefined) d.hint = redacted(where.hint);
  return d;
}

/** Maximum number of errors, and of warnings, that are told of one file or repository. */
export const mostFaults = 1000;

/**
 * The faults of what one author wrote: there may be millions, which nobody reads and which would take all memory. Those
 * beyond the limit are counted.
 */
export class Faults {
  private readonly told: Record<Diagnostic['severity'], number> = { error: 0, warning: 0 };
  private readonly kept: Diagnostic[] = [];
  private readonly more = new Map<Diagnostic['severity'], { last: Diagnostic; count: number }>();

  /** `where`: whose faults they are, for the message about those that are not told. */
  constructor(private readonly where: string) {}

  get some(): boolean {
    return this.kept.some(isError);
  }

  /** Returns whether the last of them is told. */
  add(found: Iterable<Diagnostic>): boolean {
    let isTold = false;
    for (const d of found) {
      isTold = this.told[d.severity]++ < mostFaults;
      if (isTold) this.kept.push(d);
      else this.more.set(d.severity, { last: d, count: this.told[d.severity] - mostFaults });
    }
    return isTold;
  }

  all(): Diagnostic[] {
    return [...this.kept, ...this.untold()];
  }

  /** How many are not told. */
  untold(): Diagnostic[] {
    return [...this.more].map(([severity, { last, count }]) => ({
      severity,
      code: last.code,
      message: `${this.where} has ${count} more ${severity === 'error' ? 'faults' : 'warnings'} like these`,
    }));
  }
}

/**
 * Sorts errors first, then by file, line and text, without duplicates. An unresolved dependency comes after other
 * errors, because it may be a consequence.
 */
export function sorted(diagnostics: Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const d of diagnostics) seen.set(JSON.stringify([d.severity, d.code, d.file, d.line, d.message]), d);
  const rank = (d: Diagnostic) => {
    if (d.severity === 'warning') return 2;
    return d.code === 'dependency-unresolved' ? 1 : 0;
  };
  return [...seen.values()].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      compare(a.file ?? '', b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      compare(a.message, b.message),
  );
}

/** Order by code unit, the same in every locale. */
export function compare(a: string, b: string): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** The known name nearest to a mistyped one, if any is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  return new NearNames(known).of(name, 1)[0];
}

/**
 * Finds known names near to mistyped ones: Damerau-Levenshtein distance at most a third of the name's length, at least
 * 1 and at most 3.
 */
export class NearNames {
  /** Number of names that are still compared. A hint is not worth hours, whatever the number of unknown names. */
  private left = 20_000_000;
  private readonly byLength: string[][] = [];
  /** Names grouped by length, for the lengths that were requested. */
  private readonly prepared: { name: string; lower: string; letters: number }[][] = [];

  constructor(known: Iterable<string>) {
    for (const name of known) (this.byLength[name.length] ??= []).push(name);
  }

  private ofLength(length: number): { name: string; lower: string; letters: number }[] {
    return (this.prepared[length] ??= (this.byLength[length] ?? []).map((name) => {
      const lower = name.toLowerCase();
      return { name, lower, letters: lettersOf(lower) };
    }));
  }

  /** Nearest first: at most `most` names, within `edits` edits. */
  of(name: string, most: number, edits = 3): string[] {
    const limit = Math.min(edits, Math.max(1, Math.floor(name.length / 3)));
    const found: [number, string][] = [];
    const wanted = name.toLowerCase();
    const letters = lettersOf(wanted);
    for (let length = Math.max(0, name.length - limit); length <= name.length + limit; length++) {
      const candidates = this.ofLength(length);
      if ((this.left -= candidates.length) < 0) return [];
      for (const candidate of candidates) {
        // An edit removes at most one letter from a word and adds at most one.
        if (bits(letters & ~candidate.letters) > limit || bits(candidate.letters & ~letters) > limit) continue;
        const d = distance(wanted, candidate.lower, limit);
        if (d <= limit && d < wanted.length) found.push([d, candidate.name]);
      }
    }
    return found
      .sort((a, b) => a[0] - b[0] || compare(a[1], b[1]))
      .slice(0, most)
      .map(([, n]) => n);
  }
}

/** A bit mask of a word's characters; several characters may share a bit. */
function lettersOf(word: string): number {
  let set = 0;
  for (let i = 0; i < word.length; i++) set |= 1 << (word.charCodeAt(i) & 31);
  return set;
}

function bits(set: number): number {
  let n = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) n++;
  return n;
}

/**
 * Edits between two words, swapped neighbours being one; any number above `limit` if there are more. Computes only the
 * cells of the table that at most `limit` edits reach.
 */
function distance(a: string, b: string, limit: number): number {
  const width = b.length + 1;
  let [before, previous, row] = [new Uint8Array(width), new Uint8Array(width), new Uint8Array(width)];
  for (let j = 0; j < width; j++) previous[j] = Math.min(j, limit + 1);
  for (let i = 1; i <= a.length; i++) {
    const [from, to] = [Math.max(1, i - limit), Math.min(b.length, i + limit)];
    row[from - 1] = from === 1 ? Math.min(i, limit + 1) : limit + 1;
    let least = limit + 1;
    for (let j = from; j <= to; j++) {
      const above = j === i + limit ? limit + 1 : at(previous, j);
      let d = Math.min(above + 1, at(row, j - 1) + 1, at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, at(before, j - 2) + 1);
      row[j] = Math.min(d, limit + 1);
      least = Math.min(least, d);
    }
    if (least > limit) return limit + 1;
    [before, previous, row] = [previous, row, before];
  }
  return at(previous, b.length);
}
