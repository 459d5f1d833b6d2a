import { shortened } from '../text/cut.ts';
import { lstatSync, readFileSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { sectionAt } from './elf-sections.ts';

/** A difference in one file between two packages, in words. */
export interface FileDifference {
  path: string;
  what: string;
}

/** Larger files are reported as different without the location. */
const searched = 256 << 20;
const kinds: [(s: Stats) => boolean, string][] = [
  [(s) => s.isSymbolicLink(), 'a link'],
  [(s) => s.isDirectory(), 'a folder'],
  [(s) => s.isFile(), 'a file'],
];

/** Compares two unpacked packages by file: presence, mode, time, content. Never follows symlinks. */
export function differencesOf(before: string, after: string): FileDifference[] {
  const [old, now] = [treeOf(before), treeOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((path): FileDifference[] => {
    const [a, b] = [old.get(path), now.get(path)];
    if (!a || !b) return [{ path, what: a ? 'is missing in the second build' : 'is new in the second build' }];
    return entryDifferences(join(before, path), join(after, path), a, b).map((what) => ({ path, what }));
  });
}

function treeOf(root: string): Map<string, Stats> {
  const found = new Map<string, Stats>();
  const visit = (folder: string) => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = folder ? `${folder}/${name}` : name;
      const stats = lstatSync(join(root, path));
      found.set(path, stats);
      if (stats.isDirectory()) visit(path);
    }
  };
  visit('');
  return found;
}

function entryDifferences(before: string, after: string, a: Stats, b: Stats): string[] {
  const kind = (s: Stats) => kinds.find(([is]) => is(s))?.[1] ?? 'a special file';
  if (kind(a) !== kind(b)) return [`is ${kind(a)}, then ${kind(b)}`];
  if (a.isSymbolicLink()) {
    const [from, to] = [readlinkSync(before), readlinkSync(after)];
    return from === to ? [] : [`leads to ${from}, then to ${to}`];
  }
  const found: string[] = [];
  const mode = (s: Stats) => (s.mode & 0o7777).toString(8);
  if (mode(a) !== mode(b)) found.push(`has mode ${mode(a)}, then ${mode(b)}`);
  const seconds = (s: Stats) => new Date(Math.floor(s.mtimeMs / 1000) * 1000).toISOString();
  if (seconds(a) !== seconds(b)) found.push(`has time ${seconds(a)}, then ${seconds(b)}`);
  if (!a.isFile()) return found;
  if (Math.max(a.size, b.size) > searched) {
    if (a.size !== b.size) found.push(`has ${a.size} bytes, then ${b.size}`);
    return found;
  }
  const content = contentDifference(readFileSync(before), readFileSync(after));
  return content === undefined ? found : [...found, content];
}

/** The first location where two contents differ: a line of text, a section of an ELF file, a member of an archive. */
export function contentDifference(a: Buffer, b: Buffer): string | undefined {
  if (a.equals(b)) return undefined;
  const at = firstDifference(a, b);
  const sizes = a.length === b.length ? '' : `; ${a.length} bytes, then ${b.length}`;
  if (isText(a) && isText(b)) {
    let line = 1;
    for (let i = 0; i < at; i++) if (a[i] === 10) line++;
    return `line ${line}: ${quoted(lineAt(a, at))}, then ${quoted(lineAt(b, at))}`;
  }
  const member = memberAt(a, at);
  if (member) return `member ${member.name}, byte ${member.offset}${sizes}`;
  const section = sectionAt(a, at);
  return `byte ${at}${section === undefined ? '' : `, in ${section}`}${sizes}`;
}

function firstDifference(a: Buffer, b: Buffer): number {
  const end = Math.min(a.length, b.length);
  const block = 1 << 16;
  let at = 0;
  while (at + block <= end && a.subarray(at, at + block).equals(b.subarray(at, at + block))) at += block;
  while (at < end && a[at] === b[at]) at++;
  return at;
}

const isText = (data: Buffer): boolean => !data.subarray(0, 1 << 16).includes(0);
const quoted = (line: string): string => JSON.stringify(shortened(line, 100));

function lineAt(data: Buffer, at: number): string {
  const begin = at > 0 ? data.lastIndexOf(10, at - 1) + 1 : 0;
  const end = data.indexOf(10, at);
  // Shows the part of a long line around the location.
  return data.toString('utf8', Math.max(begin, at - 60), Math.min(end < 0 ? data.length : end, at + 60));
}

/** The member of an ar archive at a byte offset. */
function memberAt(data: Buffer, at: number): { name: string; offset: number } | undefined {
  if (data.toString('latin1', 0, 8) !== '!<arch>\n') return undefined;
  let header = 8;
  while (header + 60 <= data.length) {
    const size = Number(data.toString('latin1', header + 48, header + 58).trim());
    const end = header + 60 + size + (size % 2);
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    if (at < end)
      return { name: data.toString('latin1', header, header + 16).trim(), offset: Math.max(0, at - header - 60) };
    header = end;
  }
  return undefined;
}
