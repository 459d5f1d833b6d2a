import * as fastYaml from 'js-yaml';
import type { Document, LineCounter } from 'yaml';
import { bad, error, good, type Result } from '../model/diagnostics.ts';

const maximumSize = 64 << 20;

/**
 * YAML 1.1 as PyYAML's safe_load reads it, which is what rosdistro and rosdep files are.
 * Aliases are refused where they would grow a file: more than 1,000 of them.
 */
export function parseYaml(text: string, file: string): Result<unknown> {
  if (text.length > maximumSize) return bad(error('yaml-invalid', `the file is larger than ${maximumSize >> 20} MiB`, { file }));
  try {
    return good(fastYaml.load(text, { schema: fastYaml.YAML11_SCHEMA, maxAliases: 1000 }));
  } catch (e) {
    const at = e as { reason?: string; mark?: { line: number }; message: string };
    return bad(error('yaml-invalid', `not valid YAML: ${(at.reason ?? at.message).split('\n')[0]}`, { file, line: at.mark ? at.mark.line + 1 : undefined }));
  }
}

/** The parser that knows positions: large, slow, and loaded only where a fault is to be shown. */
const positions = (): typeof import('yaml') => require('yaml') as typeof import('yaml');

/** Lines of a YAML file's entries, found by a slower parse only when a fault has to be shown. */
export class Locator {
  private document: Document | undefined;
  private lines: LineCounter | undefined;
  constructor(private readonly text: string) {}

  /** The line of the deepest entry on `path` that is there. */
  line(path: readonly PropertyKey[], key = false): number | undefined {
    const { LineCounter, isMap, isScalar, isSeq, parseDocument } = positions();
    this.lines ??= new LineCounter();
    this.document ??= parseDocument(this.text, { lineCounter: this.lines, version: '1.1', uniqueKeys: false, strict: false });
    let node: unknown = this.document.contents;
    let offset = 0;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find((p) => String(isScalar(p.key) ? p.key.value : p.key) === String(step));
        if (!pair) break;
        if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
      } else break;
      const range = (node as { range?: [number, number, number] } | null)?.range;
      if (range && !key && (isScalar(node) || isMap(node)) && !isMap(node)) offset = range[0];
    }
    return this.lines.linePos(offset).line;
  }
}

/** The value as a plain object, never one of a class, null for anything else. Own keys only: `constructor` is a name like any other. */
export function asMap(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

export const own = (map: Record<string, unknown>, key: string): unknown => (Object.hasOwn(map, key) ? map[key] : undefined);
