import * as z from 'zod';
import { error, nearest, type Diagnostic } from '../model/diagnostics.ts';
import { distroSchema } from '../model/distro.ts';
import { remedies } from '../model/places.ts';
import type { Locator } from './yaml.ts';

/** An issue that the schema found, to be explained in terms of the file. */
type Issue = z.core.$ZodIssue;

interface Place {
  root: unknown;
  locator: Locator;
  file: string;
}

/** Faults of a distro file's values: only the first of each value, and none caused by a misspelt key. */
export function valueFaults(issues: readonly Issue[], place: Place): Diagnostic[] {
  const misspelt = new Set(
    issues.flatMap((i) =>
      i.code === 'unrecognized_keys'
        ? i.keys.flatMap((key) => {
            const near = nearest(key, keysAt(i.path));
            return near === undefined ? [] : [JSON.stringify([...i.path, near])];
          })
        : [],
    ),
  );
  const seen = new Set<string>();
  return issues.flatMap((issue) => {
    const at = JSON.stringify(issue.path);
    if (issue.code !== 'unrecognized_keys') {
      if (seen.has(at)) return [];
      seen.add(at);
    }
    if (issue.code === 'invalid_type' && misspelt.has(at) && valueAt(place.root, issue.path) === undefined) return [];
    return faultsOf(issue, [], place);
  });
}

/** A path in the notation of messages: `images.robot.kinds[0]`. */
const written = (path: readonly PropertyKey[]): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i ? '.' : ''}${String(step)}`)).join('');

function faultsOf(issue: Issue, prefix: PropertyKey[], place: Place): Diagnostic[] {
  const path = [...prefix, ...issue.path];
  const where = path.length ? written(path) : 'the file';
  const value = valueAt(place.root, path);
  const fault = (message: string, hint?: string, at: PropertyKey[] = path) =>
    error('distro-invalid', message, { file: place.file, line: place.locator.line(at), hint });
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = keysAt(path);
        const near = nearest(key, known);
        return fault(
          `unknown key '${key}'${path.length ? ` in ${where}` : ''}`,
          near ? `did you mean '${near}'?` : `known keys: ${known.sort().join(', ')}`,
          [...path, key],
        );
      });
    case 'invalid_type':
      if (value === undefined) return [fault(`${where} is missing`, howToAdd(path, issue.expected))];
      return [fault(`${where} must be ${formOf(path, issue.expected)}`, hintForm(value, issue.expected, path))];
    case 'invalid_value': {
      const known = issue.values.map(String);
      if (value === undefined) return [fault(`${where} is missing`, `it must be ${oneOf(known)}`)];
      return [fault(`${where} must be one of ${known.join(', ')}${notThat(value)}`, hintNear(value, known))];
    }
    case 'invalid_key': {
      const reason = issue.issues[0]?.message ?? '';
      const key = String(path[path.length - 1]);
      return [fault(`the name '${key}' in ${written(path.slice(0, -1))} is not allowed: ${reason}`)];
    }
    case 'invalid_format':
    case 'custom':
      return [fault(`${where} must be ${issue.message}${notThat(value)}`, hintMeant(value, path))];
    case 'too_small':
      return [fault(`${where} is too small: at least ${issue.minimum}${unitOf(issue.origin)}`)];
    case 'too_big':
      return [fault(`${where} is too large: at most ${issue.maximum}${unitOf(issue.origin)}`)];
    case 'invalid_union':
      return ofUnion(issue.errors, path, place, (forms) => fault(`${where} must be ${oneOf(forms)}${notThat(value)}`));
    default:
      return [fault(`${where}: ${issue.message}`)];
  }
}

/** The faults of the union's form that the value has; else the list of allowed forms. */
function ofUnion(
  forms: readonly (readonly Issue[])[],
  path: PropertyKey[],
  place: Place,
  fault: (forms: string[]) => Diagnostic,
): Diagnostic[] {
  const itself = (i: Issue): boolean => i.path.length === 0 && ['invalid_type', 'invalid_value'].includes(i.code);
  const own = forms.find((issues) => !issues.some(itself));
  if (own) return own.flatMap((issue) => faultsOf(issue, path, place));
  const names = forms.flatMap((issues) =>
    issues.filter(itself).flatMap((i) => {
      if (i.code === 'invalid_value') return i.values.map(String);
      return i.code === 'invalid_type' ? [article(i.expected)] : [];
    }),
  );
  return [fault([...new Set(names)])];
}

const oneOf = (forms: readonly string[]): string =>
  forms.length > 1 ? `${forms.slice(0, -1).join(', ')} or ${forms.at(-1) ?? ''}` : forms.join('');

const unitOf = (origin: string): string => ({ array: ' entries', string: ' letters' })[origin] ?? '';

/** The value itself, if it is short enough to help. */
function notThat(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return '';
  const text = String(value);
  return text.length > 60 ? '' : `, not '${text}'`;
}

const articles: Record<string, string> = {
  record: 'a map',
  object: 'a map',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  boolean: 'true or false',
};
const article = (type: string): string => articles[type] ?? `a ${type}`;

/** Advice for a missing key: what the schema expects there. */
function howToAdd(path: readonly PropertyKey[], expected: string): string {
  const about = schemaAt(path)?.description;
  const key = String(path[path.length - 1]);
  return `add \`${key}:\` with ${article(expected)}${about === undefined ? '' : `: ${about.charAt(0).toLowerCase()}${about.slice(1)}`}`;
}

/** Other projects' names of an architecture → Debian's name. */
const otherNames: Record<string, string> = {
  x86_64: 'amd64',
  x64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  arm64v8: 'arm64',
  armv7l: 'armhf',
  armv7: 'armhf',
  arm: 'armhf',
  x86: 'i386',
  i686: 'i386',
};

function hintNear(value: unknown, known: string[]): string | undefined {
  if (typeof value !== 'string') return undefined;
  const other = Object.hasOwn(otherNames, value) ? otherNames[value] : undefined;
  if (other !== undefined && known.includes(other)) return `Debian's name of ${value} is ${other}`;
  const near = nearest(value, known);
  return near ? `did you mean '${near}'?` : undefined;
}

/** What a value must be: its type, and the forms of its texts if only some are allowed. */
function formOf(path: readonly PropertyKey[], expected: string): string {
  const inner = expected === 'array' ? schemaAt([...path, 0]) : schemaAt(path);
  const forms = inner && remedies.get(unwrap(inner))?.forms;
  if (forms === undefined) return article(expected);
  return expected === 'array' ? `a list of places, each ${forms}` : `${article(expected)}: ${forms}`;
}

/** Suggests the right form for a value of the wrong form. */
function hintForm(value: unknown, expected: string, path: readonly PropertyKey[]): string | undefined {
  if (value === null) return 'nothing stands after its colon: write it there, or indent what belongs to it';
  const fits = (other: unknown) => schemaAt(path)?.safeParse(other).success === true;
  if (expected === 'array' && ['string', 'number'].includes(typeof value))
    return fits([value]) ? `write [${String(value)}]` : hintMeant(value, [...path, 0], (near) => `[${near}]`);
  if (expected === 'string' && ['number', 'boolean'].includes(typeof value) && fits(String(value)))
    return `write "${String(value)}"`;
  return undefined;
}

/** Suggests what a text of a wrong form was probably to be. */
function hintMeant(value: unknown, path: readonly PropertyKey[], as = (near: string) => near): string | undefined {
  const schema = schemaAt(path);
  const found = schema && typeof value === 'string' ? remedies.get(unwrap(schema))?.remedy(value) : undefined;
  if (!found) return undefined;
  return 'near' in found ? `write ${as(found.near)}` : found.advice;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((v, step) => (typeof v === 'object' && v ? Reflect.get(v, step) : undefined), root);
}

const schemaIn = (inner: unknown): z.ZodType | undefined => (inner instanceof z.ZodType ? inner : undefined);

/** The schema of a key or an index; undefined if unknown. */
function innerOf(schema: z.ZodType, step: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<string, z.ZodType>)[String(step)];
  if (schema instanceof z.ZodRecord) return schemaIn(schema.valueType);
  return schema instanceof z.ZodArray ? schemaIn(schema.element) : undefined;
}

/** The schema at a path, looking through wrappers and records. */
function schemaAt(path: readonly PropertyKey[]): z.ZodType | undefined {
  let schema: z.ZodType = distroSchema;
  for (const step of path) {
    const inner = innerOf(unwrap(schema), step);
    if (!inner) return undefined;
    schema = inner;
  }
  return schema;
}

function keysAt(path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(path);
  const inner = schema && unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner =
    schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schemaIn(schema.unwrap()) : undefined;
  return inner ? unwrap(inner) : schema;
}
