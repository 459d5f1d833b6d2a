import { append } from '../model/lists.ts';
import { bad, error, good, type Diagnostic, type Result, mostFaults } from '../model/diagnostics.ts';
import { rosdepInstallers, type RosdepDatabase } from '../model/rosdep.ts';
import type { ParseCache } from './parse-cache.ts';
import { isDebianName } from '../model/names.ts';
import { Locator, asMap, own, parseYaml } from './yaml.ts';

export interface RosdepFile {
  file: string;
  text: string;
}

/** The package that a rule without an operating system means; undefined if it is no name. */
const packageIn = (rule: unknown): string | undefined =>
  [rule].flat().find((name): name is string => typeof name === 'string' && isDebianName(name));

/** The cached form of a file: names of all keys, one a line, and the rules that were used. */
export interface KeptRosdep {
  keys: string;
  rules: Record<string, unknown>;
}

/**
 * Merges rosdep files (REP 111): keys by OS name, earlier files win. With `wanted`, only these keys are parsed, since
 * most of the time for reading a distribution would go into unused ones. Faults in other keys are not found then;
 * `validate` reads all.
 */
export function layerRosdep(
  files: RosdepFile[],
  wanted?: ReadonlySet<string>,
  memory?: ParseCache<KeptRosdep>,
): Result<RosdepDatabase> {
  const database: RosdepDatabase = { files: files.map((f) => f.file), rules: new Map(), keys: [] };
  const diagnostics: Diagnostic[] = [];
  const keys = new Set<string>();
  let unreadable = false;
  for (const [index, { file, text }] of files.entries()) {
    const large = tooLarge(file, text);
    if (large) {
      diagnostics.push(large);
      unreadable = true;
      continue;
    }
    const read = (wanted && readWanted(file, text, wanted, memory)) ?? readWhole(file, text);
    if (!read.ok) {
      append(diagnostics, read.diagnostics);
      unreadable = true;
      continue;
    }
    const { root } = read.value;
    const locator = new Locator(text);
    for (const key of read.value.keys) keys.add(key);
    const most = diagnostics.length + mostFaults;
    for (const key of Object.keys(root)) {
      if (wanted && !wanted.has(key)) continue;
      if (diagnostics.length >= most) {
        diagnostics.push(error('rosdep-invalid', `the file has more than ${mostFaults} faults`, { file }));
        break;
      }
      const byOs = asMap(root[key]);
      if (!byOs) {
        diagnostics.push(
          error('rosdep-invalid', `the rule of '${key}' must be a map of operating systems`, {
            file,
            line: locator.line([key]),
            hint: `for example ${key}: {debian: [${packageIn(root[key]) ?? key}]}`,
          }),
        );
        continue;
      }
      const wrong = wrongName(byOs);
      if (wrong) {
        diagnostics.push(
          error(
            'rosdep-name',
            `the rule of '${key}' names ${JSON.stringify(wrong.name)}, which is not a valid Debian package name`,
            {
              file,
              line: locator.line([key, ...wrong.path]),
              hint:
                'use at least two characters: lower case letters, digits, "+", "-" and ".", ' +
                'a letter or digit first (Debian policy 5.6.1)',
            },
          ),
        );
        continue;
      }
      let rules = database.rules.get(key);
      if (!rules) database.rules.set(key, (rules = new Map<string, { rule: unknown; file: number }>()));
      for (const os of Object.keys(byOs)) if (!rules.has(os)) rules.set(os, { rule: byOs[os], file: index });
    }
  }
  database.keys = [...keys];
  // A bad rule affects only its key. If a file can't be read, all keys are unknown.
  return unreadable ? bad(diagnostics) : good(database, diagnostics);
}

/** Limits for a file's size in bytes, and its keys; rosdep's own has 3,000. */
const largestFile = 8 << 20;
const mostKeys = 100_000;

const tooMany = (file: string, line: number) =>
  error('rosdep-invalid', `the file has more than ${mostKeys} keys`, { file, line });

/** The error for a file that would exhaust memory or time, checked before parsing. */
function tooLarge(file: string, text: string): Diagnostic | undefined {
  if (text.length > largestFile)
    return error('rosdep-invalid', `the file is larger than ${largestFile >> 20} MiB`, { file });
  let keys = 0;
  let line = 1;
  for (let at = 0; at >= 0 && at < text.length; line++) {
    const c = text.charCodeAt(at);
    // A line that is neither indented nor a comment.
    if (c !== 0x20 && c !== 0x23 && c !== 0x0a && c !== 0x0d && ++keys > mostKeys) return tooMany(file, line);
    const end = text.indexOf('\n', at);
    at = end < 0 ? -1 : end + 1;
  }
  return undefined;
}

/** Operating systems whose packages apt installs, and the wildcard. */
const aptSystems = ['debian', 'ubuntu', '*'];

/** A package name that is invalid for apt, and its path. Rules for other installers are ignored. */
function wrongName(byOs: Record<string, unknown>): { name: string; path: string[] } | undefined {
  for (const os of aptSystems) {
    if (!Object.hasOwn(byOs, os)) continue;
    const byRelease = asMap(byOs[os]);
    const rules: [string[], unknown][] =
      byRelease && !Object.keys(byRelease).some((key) => rosdepInstallers.has(key))
        ? Object.entries(byRelease).map(([release, rule]) => [[os, release], rule])
        : [[[os], byOs[os]]];
    for (const [path, rule] of rules) {
      const name = aptNames(rule).find((n) => !isDebianName(n));
      if (name !== undefined) return { name, path };
    }
  }
  return undefined;
}

function aptNames(rule: unknown): string[] {
  // Values that are not strings are reported when they are resolved.
  if (Array.isArray(rule)) return rule.filter((name) => typeof name === 'string');
  if (typeof rule === 'string') return rule.split(/\s+/).filter(Boolean);
  const apt = own(asMap(rule) ?? {}, 'apt');
  return apt === undefined ? [] : aptNames(own(asMap(apt) ?? {}, 'packages') ?? apt);
}

/**
 * The text of each top-level key, if lines show where keys begin: each unindented line is a comment or `key:`, and no
 * key occurs twice. Undefined for any other file.
 */
function splitKeys(text: string): Part[] | undefined {
  if (/[\t\r\u0085\u2028\u2029\ufeff]/.test(text)) return undefined;
  const parts: Part[] = [];
  const seen = new Set<string>();
  const margin = /^[^ \n][^\n]*$/gm;
  let open: { part: Part; begun: number } | undefined;
  const close = (end?: number): void => {
    if (open) open.part.text = text.slice(open.begun, end);
  };
  for (let m = margin.exec(text); m; m = margin.exec(text)) {
    const line = m[0];
    if (line.startsWith('#')) continue;
    const key = /^([A-Za-z][A-Za-z0-9_.+-]*):(?: |$)/.exec(line)?.[1];
    if (key === undefined || seen.has(key) || notText.test(key)) return undefined;
    close(m.index);
    open = { part: { key, text: '' }, begun: m.index };
    seen.add(key);
    parts.push(open.part);
  }
  close();
  return parts;
}

interface Part {
  key: string;
  text: string;
}

interface Rules {
  keys: string[];
  root: Record<string, unknown>;
}

function readWhole(file: string, text: string): Result<Rules> {
  const parsed = parseYaml(text, file, {
    whenEmpty: 'write a rule, such as `eigen: {debian: [libeigen3-dev]}`, or take the file out of `rosdep`',
  });
  if (!parsed.ok) return parsed;
  const root = parsed.value === null || parsed.value === undefined ? {} : asMap(parsed.value);
  const keys = Object.keys(root ?? {});
  const last = keys[mostKeys];
  if (last !== undefined) return bad(tooMany(file, new Locator(text).line([last])));
  return root
    ? good({ keys, root })
    : bad(error('rosdep-invalid', 'a rosdep file must be a map of keys', { file, line: 1 }));
}

/** The rules of some keys, parsing those that are not cached. Undefined if the whole file must be parsed. */
function readWanted(
  file: string,
  text: string,
  wanted: ReadonlySet<string>,
  memory: ParseCache<KeptRosdep> | undefined,
): Result<Rules> | undefined {
  const kept = memory?.get(text);
  const parts = kept ? undefined : splitKeys(text);
  const keys = kept?.keys.split('\n') ?? parts?.map((p) => p.key);
  if (!keys) return undefined;
  const lacking = new Set(keys.filter((key) => wanted.has(key) && !(kept && Object.hasOwn(kept.rules, key))));
  if (kept && !lacking.size) return good({ keys, root: kept.rules });
  const all = parts ?? splitKeys(text);
  if (!all) return undefined;
  // If one of them uses an alias, all possible anchors are parsed, too.
  const refers = all.some((p) => lacking.has(p.key) && /[\s,[{:-]\*[^\s'"]/.test(p.text));
  const parsed = parseYaml(
    all
      .filter((p) => lacking.has(p.key) || (refers && /[\s,[{:-]&[^\s'"]/.test(p.text)))
      .map((p) => p.text)
      .join(''),
    file,
  );
  const found = parsed.ok ? asMap(parsed.value ?? {}) : undefined;
  if (!found) return undefined;
  const root = { ...kept?.rules, ...found };
  if (memory && !refers && isPlain(root)) memory.put(text, () => ({ keys: keys.join('\n'), rules: root }));
  return good({ keys, root });
}

/** Whether JSON preserves the value. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isPlain);
  return (
    typeof value === 'object' &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).every(isPlain)
  );
}

/** Texts that YAML 1.1 reads as another type. */
const notText = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
