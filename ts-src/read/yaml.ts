import { statSync } from 'node:fs';
import * as fastYaml from 'js-yaml';
import { readIf } from '../io/files.ts';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { notUtf8 } from './not-utf8.ts';

/** Size limit of a file in bytes. */
export const largestYaml = 64 << 20;

/** Maximum number of entries of maps and lists. Each takes some hundred bytes of memory and the parser's time. */
const mostEntries = 2_000_000;

/** Whether a text may have more entries: characters that separate entries are counted, in texts of values, too. */
function hasTooMany(text: string): boolean {
  if (text.length <= mostEntries) return false;
  const separators = /[,[{]|[:?-](?=\s)/g;
  let count = 0;
  while (separators.test(text)) if (++count > mostEntries) return true;
  return false;
}

/** PyYAML reads `y` and `n` as strings, unlike YAML 1.1. */
const schema = fastYaml.YAML11_SCHEMA.withTags({
  ...fastYaml.boolYaml11Tag,
  resolve: (source, isExplicit, tagName) =>
    /^[yn]$/i.test(source) ? fastYaml.NOT_RESOLVED : fastYaml.boolYaml11Tag.resolve(source, isExplicit, tagName),
});

/** `most`: size limit in bytes; `whenEmpty`: advice for a text without any YAML. */
export interface YamlOptions {
  most?: number;
  whenEmpty?: string;
}

/**
 * Parses YAML 1.1 like PyYAML's safe_load, which reads rosdistro and rosdep files. Keys are strings as written: `on`,
 * `1.0` and `012` are valid names. Refuses more than 1,000 aliases, which could expand a file without limit.
 */
export function parseYaml(text: string, file: string, options: YamlOptions = {}): Result<unknown> {
  const most = options.most ?? largestYaml;
  if (text.length > most) return bad(error('yaml-invalid', `the file is larger than ${most >> 20} MiB`, { file }));
  if (hasTooMany(text))
    return bad(error('yaml-invalid', `the file has more than ${mostEntries / 1e6} million entries`, { file }));
  const foreign = notUtf8(text, file, { what: 'the file', code: 'yaml-invalid', rule: 'write it as UTF-8' });
  if (foreign) return bad(foreign);
  try {
    const events = fastYaml.parseEvents(text, {});
    keepKeys(events, text);
    const documents = fastYaml.constructFromEvents(events, { source: text, schema, maxAliases: 1000 });
    if (documents.length === 1) return good(documents[0]);
    return bad(notOne(text, file, documents.length, options));
  } catch (e) {
    const at = e as { reason?: string; mark?: { line: number }; message: string };
    const reason = (at.reason ?? at.message).split('\n')[0] ?? '';
    const { message, hint, line } = remedyOf(text, reason, at.mark?.line);
    return bad(
      error('yaml-invalid', message ?? `not valid YAML: ${reason}`, {
        file,
        line: line ?? (at.mark ? at.mark.line + 1 : 1),
        hint,
      }),
    );
  }
}

/** The error for a file with no document, or several. */
function notOne(text: string, file: string, count: number, { whenEmpty }: YamlOptions): Diagnostic {
  if (count)
    return error('yaml-invalid', `the file has ${count} documents: one is read`, {
      file,
      line: text.split('\n').findLastIndex((l) => /^---(\s|$)/.test(l)) + 1,
      hint: 'remove the line `---` between them',
    });
  const what = text.trim() === '' ? 'the file is empty' : 'the file has nothing but comments';
  return error('yaml-invalid', what, { file, line: 1, hint: whenEmpty ?? 'write its entries, or remove the file' });
}

/** Makes keys strings that YAML would read as booleans, numbers, dates or null. */
function keepKeys(events: readonly fastYaml.Event[], text: string): void {
  const { DOCUMENT, MAPPING, SEQUENCE, SCALAR, POP } = fastYaml.EVENT_ID;
  /** For each open map, whether a key is next; undefined for other collections. */
  const open: (boolean | undefined)[] = [];
  for (const e of events) {
    if (e.type === POP) {
      open.pop();
      continue;
    }
    const isKey = open.at(-1);
    if (isKey && e.type === SCALAR && e.tagStart < 0 && e.style === fastYaml.SCALAR_STYLE.PLAIN) {
      const written = text.slice(e.valueStart, e.valueEnd);
      if (/^[\w.+:~-]+$/.test(written)) e.style = fastYaml.SCALAR_STYLE.SINGLE_QUOTED;
    }
    if (isKey !== undefined) open[open.length - 1] = !isKey;
    if (e.type === MAPPING) open.push(true);
    else if (e.type === SEQUENCE || e.type === DOCUMENT) open.push(undefined);
  }
}

/** Advice for a YAML error; message and line only if they are better than the parser's. */
interface Remedy {
  message?: string;
  hint: string;
  line?: number;
}

/** Explains a YAML error better than the parser if possible, with advice; `at` is a line from 0. */
function remedyOf(text: string, reason: string, at: number | undefined): Remedy {
  const lines = text.split('\n', (at ?? 0) + 1);
  const line = at === undefined ? undefined : lines[at];
  if (at === undefined || line === undefined) return { hint: 'check indentation, brackets and quotes' };
  const shown = line.trim().slice(0, 80);
  if (/tab character/.test(reason)) return { hint: `indent with blanks: \`${shown}\`` };
  if (/duplicated mapping key/.test(reason)) return twice(lines, at);
  const special = /unidentified alias/.test(reason) ? valueAfter(line, '*') : valueAfter(line, '@%`');
  if (special !== undefined)
    return {
      message: `not valid YAML: a value that begins with \`${special.charAt(0)}\` must be in quotes`,
      hint: `write ${JSON.stringify(special)}`,
    };
  const before = lines.slice(0, -1).findLastIndex((l) => /^\s*[^\s#]/.test(l));
  const above = lines[before] ?? '';
  if (/end of the stream|implicit key/.test(reason))
    for (const [n, text] of [
      [before, above],
      [at, line],
    ] as const)
      if (/^\s*[\w.-]+:[^\s:/][^:]*$/.test(text))
        return { line: n + 1, hint: `write a blank after the colon: \`${text.trim().replace(':', ': ')}\`` };
  const indent = (l: string): number => l.length - l.trimStart().length;
  const depths =
    indent(line) === indent(above) ? '' : ` (it is indented by ${indent(line)}, the line above by ${indent(above)})`;
  // An unclosed quote or bracket is only noticed at the next line or the end of the file.
  if (/deficient indentation|unexpected end/.test(reason) && above)
    return {
      message: 'not valid YAML: a bracket or quote that is not closed',
      line: before + 1,
      hint: `close it: \`${above.trim().slice(0, 80)}\``,
    };
  if (/bad indentation/.test(reason) && depths) return { hint: `correct the indentation of \`${shown}\`${depths}` };
  return {
    hint: `check \`${shown}\` and the line above it: indentation${depths}, and a bracket or quote that is not closed`,
  };
}

/** The plain value after a key, if it begins with one of these characters, which YAML reserves. */
const valueAfter = (line: string, first: string): string | undefined =>
  new RegExp(`:\\s+([${first}][^,}\\]#]*?)\\s*(?:[,}\\]#]|$)`).exec(line)?.[1];

/** A duplicate key: the line of the other one, if it is easy to find. */
function twice(lines: readonly string[], at: number): Remedy {
  const [, indent, key] = /^(\s*)([^\s:{[][^:]*):/.exec(lines[at] ?? '') ?? [];
  if (key === undefined) return { hint: 'remove one of the two' };
  const first = lines.slice(0, at).findLastIndex((l) => l.startsWith(`${indent}${key}:`));
  const where = first < 0 ? '' : `: it is also in line ${first + 1}`;
  return { message: `the key '${key}' is there twice${where}`, hint: 'keep one of them' };
}

/** The file of the last `lineOf`: it is asked for one line after another. */
let last: { seen: string; locator: Locator } | undefined;

/** The line of an entry in a file that was read before; undefined if it is gone. */
export function lineOf(file: string, path: readonly PropertyKey[]): number | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return undefined;
  const seen = `${found.ino} ${found.size} ${found.mtimeMs} ${file}`;
  if (last?.seen !== seen) {
    const text = readIf(file);
    if (text === undefined) return undefined;
    last = { seen, locator: new Locator(text) };
  }
  return last.locator.line(path);
}

/** An entry of a map or list: its event, and its offset in the text. */
interface Child {
  at: number;
  offset: number;
}

/**
 * Finds lines of a YAML file's entries. Parses the text again, only when a fault must be reported; there may be as many
 * faults as entries, so each map and list is walked once.
 */
export class Locator {
  private events: fastYaml.Event[] | undefined;
  private readonly children = new Map<number, ReadonlyMap<string, Child>>();
  private ends: number[] | undefined;
  constructor(private readonly text: string) {}

  /** The line of the deepest existing entry on `path`; 1 if the text is not YAML. */
  line(path: readonly PropertyKey[]): number {
    let offset = 0;
    let at = 1;
    for (const step of path) {
      const found = this.childrenOf(at).get(String(step));
      if (!found) break;
      ({ at, offset } = found);
    }
    return this.lineAt(offset);
  }

  private lineAt(offset: number): number {
    const ends = (this.ends ??= [...this.text.matchAll(/\n/g)].map((m) => m.index));
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  /** The scalar at `path` as written: `1.0` where YAML's value is the number 1. */
  scalar(path: readonly PropertyKey[]): string | undefined {
    let at = 1;
    for (const step of path) {
      const found = this.childrenOf(at).get(String(step));
      if (!found) return undefined;
      at = found.at;
    }
    const e = this.events?.[at];
    return e?.type === fastYaml.EVENT_ID.SCALAR ? fastYaml.getScalarValue(this.text, e) : undefined;
  }

  /** The entries of the map or list at event `at`; of a key that is there twice, the first. */
  private childrenOf(at: number): ReadonlyMap<string, Child> {
    const before = this.children.get(at);
    if (before) return before;
    const found = new Map<string, Child>();
    this.children.set(at, found);
    const events = (this.events ??= eventsOf(this.text));
    const { MAPPING, SEQUENCE, SCALAR, POP } = fastYaml.EVENT_ID;
    const kind = events[at]?.type;
    for (let i = at + 1, n = 0; kind === MAPPING || kind === SEQUENCE; n++) {
      const e = events[i];
      if (!e || e.type === POP) break;
      if (kind === SEQUENCE) {
        found.set(String(n), { at: i, offset: offsetOf(e) });
        i = this.after(events, i);
      } else {
        const value = this.after(events, i);
        const key = e.type === SCALAR ? fastYaml.getScalarValue(this.text, e) : undefined;
        if (e.type === SCALAR && key !== undefined && !found.has(key))
          found.set(key, { at: value, offset: e.valueStart });
        i = this.after(events, value);
      }
    }
    return found;
  }

  /** The index of the event after a node and its content. */
  private after(events: readonly fastYaml.Event[], at: number): number {
    const { MAPPING, SEQUENCE, POP } = fastYaml.EVENT_ID;
    for (let depth = 0; ; at++) {
      const type = events[at]?.type;
      if (type === MAPPING || type === SEQUENCE) depth++;
      else if (type === POP) depth--;
      if (depth <= 0 || type === undefined) return at + 1;
    }
  }
}

/** Offset of an event in the text. */
function offsetOf(e: fastYaml.Event): number {
  if ('start' in e) return e.start;
  return 'valueStart' in e ? e.valueStart : 0;
}

function eventsOf(text: string): fastYaml.Event[] {
  try {
    return fastYaml.parseEvents(text, {});
  } catch {
    return [];
  }
}

/**
 * The value as a plain object; undefined for anything else. Use own keys only: `constructor` is a name like any other.
 */
export const asMap = (value: unknown): Record<string, unknown> | undefined => (isMap(value) ? value : undefined);

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const own = (map: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(map, key) ? map[key] : undefined;
