import * as fastYaml from 'js-yaml';
import { readIf } from '../io/files.ts';
import { foreignByte } from '../io/utf8.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';

const maximumSize = 64 << 20;

/**
 * YAML 1.1 as PyYAML's safe_load reads it, which is what rosdistro and rosdep files are.
 * Aliases are refused where they would grow a file: more than 1,000 of them.
 */
export function parseYaml(text: string, file: string, most = maximumSize): Result<unknown> {
  if (text.length > most) return bad(error('yaml-invalid', `the file is larger than ${most >> 20} MiB`, { file }));
  const foreign = foreignByte(text);
  if (foreign)
    return bad(
      error('yaml-invalid', `the file is not UTF-8: this line has the byte 0x${foreign.byte.toString(16)}`, {
        file,
        line: foreign.line,
        hint: 'write it as UTF-8: `iconv -f LATIN1 -t UTF-8`',
      }),
    );
  try {
    return good(fastYaml.load(text, { schema: fastYaml.YAML11_SCHEMA, maxAliases: 1000 }));
  } catch (e) {
    const at = e as { reason?: string; mark?: { line: number }; message: string };
    return bad(
      error('yaml-invalid', `not valid YAML: ${(at.reason ?? at.message).split('\n')[0]}`, {
        file,
        line: at.mark ? at.mark.line + 1 : undefined,
        hint: remedyOf(text, at.reason ?? at.message, at.mark?.line),
      }),
    );
  }
}

/** What to do about a text that is no YAML; `at` is the line, from 0, where the parser gave up. */
function remedyOf(text: string, reason: string, at: number | undefined): string {
  const lines = text.split('\n', (at ?? 0) + 1);
  const line = at === undefined ? undefined : lines[at];
  if (line === undefined) return 'check indentation, brackets and quotes';
  const shown = line.trim().slice(0, 80);
  if (/tab character/.test(reason)) return `indent with blanks: \`${shown}\``;
  const above = lines.slice(0, -1).findLast((l) => /^\s*[^\s#]/.test(l)) ?? '';
  const indent = (l: string): number => l.length - l.trimStart().length;
  const depths =
    indent(line) === indent(above) ? '' : ` (it is indented by ${indent(line)}, the line above by ${indent(above)})`;
  if (/bad indentation/.test(reason) && depths) return `correct the indentation of \`${shown}\`${depths}`;
  return `check \`${shown}\` and the line above it: indentation${depths}, and a bracket or quote that is not closed`;
}

/** The line of an entry of a file that was read before; undefined where it is not there any more. */
export function lineOf(file: string, path: readonly PropertyKey[]): number | undefined {
  const text = readIf(file);
  return text === undefined ? undefined : new Locator(text).line(path);
}

/** Lines of a YAML file's entries, found by another look at its text only when a fault has to be shown. */
export class Locator {
  private events: fastYaml.Event[] | undefined;
  constructor(private readonly text: string) {}

  /** The line of the deepest entry on `path` that is there; 1 where the text is no YAML. */
  line(path: readonly PropertyKey[]): number {
    let offset = 0;
    let at = 1;
    for (const step of path) {
      const found = this.child(at, String(step));
      if (!found) break;
      ({ at, offset } = found);
    }
    let line = 1;
    for (let i = this.text.indexOf('\n'); i >= 0 && i < offset; i = this.text.indexOf('\n', i + 1)) line++;
    return line;
  }

  /** The text of the scalar at `path` as it is written: `1.0` where YAML's value is the number 1. */
  scalar(path: readonly PropertyKey[]): string | undefined {
    let at = 1;
    for (const step of path) {
      const found = this.child(at, String(step));
      if (!found) return undefined;
      at = found.at;
    }
    const e = this.events?.[at];
    return e?.type === fastYaml.EVENT_ID.SCALAR ? fastYaml.getScalarValue(this.text, e) : undefined;
  }

  /** An entry of the map or list whose event is at `at`: its own event, and where it stands in the text. */
  private child(at: number, step: string): { at: number; offset: number } | undefined {
    const events = (this.events ??= eventsOf(this.text));
    const { MAPPING, SEQUENCE, SCALAR, POP } = fastYaml.EVENT_ID;
    const kind = events[at]?.type;
    for (let i = at + 1, n = 0; kind === MAPPING || kind === SEQUENCE; n++) {
      const e = events[i];
      if (!e || e.type === POP) return undefined;
      if (kind === SEQUENCE) {
        if (n === Number(step)) return { at: i, offset: offsetOf(e) };
        i = this.after(events, i);
      } else {
        const value = this.after(events, i);
        if (e.type === SCALAR && fastYaml.getScalarValue(this.text, e) === step)
          return { at: value, offset: e.valueStart };
        i = this.after(events, value);
      }
    }
    return undefined;
  }

  /** The event after a node and all that it holds. */
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

/** Where an event begins in the text. */
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
 * The value as a plain object, never one of a class, null for anything else. Own keys only: `constructor` is a name
 * like any other.
 */
export const asMap = (value: unknown): Record<string, unknown> | undefined => (isMap(value) ? value : undefined);

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const own = (map: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(map, key) ? map[key] : undefined;
