import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import type { Memory } from './memory.ts';
import { Locator, asMap, parseYaml } from './yaml.ts';

export interface RosdepFile { file: string; text: string }

/**
 * Layers rosdep files (REP 111); keys are merged by OS name, earlier files win. Of `wanted` keys alone where those are given: most
 * of the time that reading a distribution takes would else go into keys that nothing needs. A fault in the others is then not
 * found; `validate` reads all.
 */
export function layerRosdep(files: RosdepFile[], wanted?: ReadonlySet<string>, memory?: Memory<unknown>): Result<RosdepDatabase> {
  const database: RosdepDatabase = { files: files.map((f) => f.file), rules: new Map(), keys: [] };
  const diagnostics: Diagnostic[] = [];
  const keys = new Set<string>();
  for (const [index, { file, text }] of files.entries()) {
    const parts = wanted && splitKeys(text);
    let parsed = parts ? parseParts(parts.filter((p) => wanted.has(p.key)), parts, file, memory) : parseYaml(text, file);
    if (parts && !parsed.ok) parsed = parseYaml(text, file);
    if (!parsed.ok) {
      diagnostics.push(...parsed.diagnostics);
      continue;
    }
    const root = parsed.value === null || parsed.value === undefined ? {} : asMap(parsed.value);
    if (!root) {
      diagnostics.push(error('rosdep-invalid', 'a rosdep file must be a map of keys', { file, line: 1 }));
      continue;
    }
    for (const key of parts ? parts.map((p) => p.key) : Object.keys(root)) keys.add(key);
    for (const key of Object.keys(root)) {
      const byOs = asMap(root[key]);
      if (!byOs) {
        diagnostics.push(error('rosdep-invalid', `the rule of '${key}' must be a map of operating systems`, { file, line: new Locator(text).line([key]), hint: `for example ${key}: {debian: [${key}]}` }));
        continue;
      }
      let rules = database.rules.get(key);
      if (!rules) database.rules.set(key, (rules = new Map()));
      for (const os of Object.keys(byOs)) if (!rules.has(os)) rules.set(os, { rule: byOs[os], file: index });
    }
  }
  database.keys = [...keys];
  return diagnostics.length ? bad(...diagnostics) : good(database);
}

/**
 * The text of each top-level key, where the file is so plain that lines say where one begins: each line at the left margin is
 * a comment or `key:`, and no key stands twice. Undefined for any other file.
 */
function splitKeys(text: string): Part[] | undefined {
  if (/[\t\r\u0085\u2028\u2029\ufeff]/.test(text)) return undefined;
  const parts: Part[] = [];
  const seen = new Set<string>();
  const margin = /^[^ \n][^\n]*$/gm;
  let begun = -1;
  for (let m = margin.exec(text); m; m = margin.exec(text)) {
    const line = m[0];
    if (line.startsWith('#')) continue;
    const key = /^([A-Za-z][A-Za-z0-9_.+-]*):(?: |$)/.exec(line)?.[1];
    if (key === undefined || seen.has(key) || notText.test(key)) return undefined;
    if (begun >= 0) parts[parts.length - 1]!.text = text.slice(begun, m.index);
    begun = m.index;
    seen.add(key);
    parts.push({ key, text: '' });
  }
  if (begun >= 0) parts[parts.length - 1]!.text = text.slice(begun);
  return parts;
}

interface Part { key: string; text: string }

/** The rules of some keys, those that are not remembered read now. */
function parseParts(wanted: readonly Part[], all: readonly Part[], file: string, memory: Memory<unknown> | undefined): Result<unknown> {
  const known: [string, unknown][] = [];
  const unknown = new Map<string, Part>();
  for (const part of wanted) {
    const kept = memory?.get(part.text);
    if (kept === undefined) unknown.set(part.key, part);
    else known.push([part.key, kept]);
  }
  if (!unknown.size) return good(Object.fromEntries(known));
  // Where one of them refers to another place, all that could be such a place comes too.
  const refers = [...unknown.values()].some((part) => /[\s,[{:-]\*[^\s'"]/.test(part.text));
  const read = all.filter((p) => unknown.has(p.key) || (refers && /[\s,[{:-]&[^\s'"]/.test(p.text)));
  const parsed = parseYaml(read.map((p) => p.text).join(''), file);
  const root = parsed.ok ? asMap(parsed.value) : undefined;
  if (!parsed.ok || !root) return parsed;
  if (memory) for (const part of unknown.values()) if (!/[\s,[{:-][*&][^\s'"]/.test(part.text) && isPlain(root[part.key])) memory.put(part.text, () => root[part.key]);
  return good({ ...root, ...Object.fromEntries(known) });
}

/** Whether JSON gives the same value back. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isPlain);
  return typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}

/** What YAML 1.1 takes for something else than a text. */
const notText = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
