import { inventoryLines } from '../engine/docs/results.ts';
import { compare } from '../model/diagnostics.ts';
import { apiFolder, proseFolder } from '../model/docs.ts';
import { idOf, messagePage, type DocPackage } from './package-info.ts';

/** One thing that can be found: its name, all of it, its kind (`search.browser`), where it is, and its package's number. */
export type SearchRow = [name: string, qualified: string, kind: string, path: string, owner: number];

/** A file holds at most so many rows, unless their names begin with the same eight letters. */
const mostRows = 1200;
const longestKey = 8;

const kindsOfCompound: Readonly<Record<string, string>> = {
  class: 'c',
  struct: 'c',
  union: 'c',
  namespace: 'n',
  file: 'h',
  group: 'g',
  page: 'g',
};
const kindsOfMember: Readonly<Record<string, string>> = {
  function: 'f',
  variable: 'v',
  typedef: 't',
  enumeration: 'e',
  enumvalue: 'e',
  define: 'd',
};

const plain = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
const first = (text: string, tag: string): string =>
  plain(new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`).exec(text)?.[1] ?? '');

/** Symbols of a tag file of Doxygen. `there`: which pages the site has. */
export function symbolsOfTag(tag: string, number: number, there: (path: string) => boolean): SearchRow[] {
  const rows: SearchRow[] = [];
  for (const [, kind = '', body = ''] of tag.matchAll(/<compound kind="([a-z]+)"[^>]*>([^]*?)<\/compound>/g)) {
    const name = first(body, 'name');
    const file = first(body, 'filename');
    const of = kindsOfCompound[kind];
    const page = `${apiFolder}/${file.endsWith('.html') ? file : `${file}.html`}`;
    if (of !== undefined && there(page)) rows.push([name.replace(/^.*::/, ''), name, of, page, number]);
    const scoped = kind === 'file' || kind === 'group' ? '' : `${name}::`;
    for (const [, what = '', member = ''] of body.matchAll(/<member kind="([a-z]+)"[^>]*>([^]*?)<\/member>/g)) {
      const at = `${apiFolder}/${first(member, 'anchorfile')}`;
      const symbol = first(member, 'name');
      const memberKind = kindsOfMember[what];
      if (memberKind !== undefined && symbol && there(at))
        rows.push([symbol, scoped + symbol, memberKind, `${at}#${first(member, 'anchor')}`, number]);
    }
  }
  return rows;
}

/** Symbols of an inventory of Sphinx: lines `name domain:role priority uri display`. */
export function symbolsOfInventory(inventory: string, number: number, there: (path: string) => boolean): SearchRow[] {
  return inventoryLines(inventory).flatMap((line): SearchRow[] => {
    const m = /^(.+?) ([a-z]+):([a-z]+) -?\d+ (\S*) (.*)$/.exec(line);
    if (!m) return [];
    const [, name = '', domain, , uri = '', shown = '-'] = m;
    const path = `${proseFolder}/${uri.replace(/\$$/, name)}`;
    if (!there(path.replace(/#.*$/, ''))) return [];
    if (domain === 'py') return [[name.replace(/^.*\./, ''), name, 'p', path, number]];
    return domain === 'std' && line.includes(' std:doc ')
      ? [[shown === '-' ? name : shown, '', 'g', path, number]]
      : [];
  });
}

/** Words of a name, as `search.browser` has them. */
export const wordsOf = (text: string): string[] => [
  ...new Set(
    text
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
      .split(/[^\p{L}\p{N}]+/u)
      .filter((w) => w !== '')
      .map((w) => w.toLowerCase()),
  ),
];

/** The search's files: packages, the names of all others, and rows by the beginnings of their words. */
export function searchFiles(
  packages: readonly DocPackage[],
  there: (p: DocPackage, path: string) => boolean,
): { path: string; data: string }[] {
  const rows = packages.flatMap((p, n) => rowsOf(p, n, (path) => there(p, path)));
  const byWord = new Map<string, Map<string, SearchRow>>();
  for (const row of rows) {
    const [name, qualified, , path, n] = row;
    const whole = name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
    for (const word of new Set([...wordsOf(name), ...(whole ? [whole] : [])])) {
      const key = word.slice(0, longestKey);
      const list = byWord.get(key) ?? new Map<string, SearchRow>();
      list.set(`${n} ${path} ${qualified}`, row);
      byWord.set(key, list);
    }
  }
  const shards = new Map<string, SearchRow[]>();
  split([...byWord.keys()].sort(compare), 2, byWord, shards);
  const script = (name: string, value: unknown) => `slipwayData(${JSON.stringify(name)},${safeJson(value)});\n`;
  const list = packages.map((p) => [p.name, p.description.slice(0, 200), `${idOf(p)}/index.html`]);
  return [
    { path: '_site/search/packages.js', data: script('packages', list) },
    { path: '_site/search/shards.js', data: script('shards', [...shards.keys()].sort(compare)) },
    ...[...shards].map(([key, own]) => ({
      path: `_site/search/s-${key}.js`,
      data: script(
        `s-${key}`,
        own.sort((a, b) => a[4] - b[4] || compare(a[3], b[3]) || compare(a[1], b[1])),
      ),
    })),
  ];
}

/** JSON that is a script, too, whatever it holds. */
const safeJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u2028\u2029<]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Puts words that begin alike into one file, by as few letters as keep it small. */
function split(
  keys: readonly string[],
  length: number,
  byWord: ReadonlyMap<string, ReadonlyMap<string, SearchRow>>,
  into: Map<string, SearchRow[]>,
): void {
  const groups = new Map<string, string[]>();
  for (const key of keys) {
    const begin = Array.from(key).slice(0, length).join('');
    const group = groups.get(begin);
    if (group) group.push(key);
    else groups.set(begin, [key]);
  }
  for (const [begin, own] of groups) {
    // Letters beyond ASCII would be names of files that some systems change: they share one.
    const name = /^[a-z0-9]+$/.test(begin) ? begin : '_';
    const rows = new Map(own.flatMap((key) => [...(byWord.get(key) ?? [])]));
    if (rows.size > mostRows && length < longestKey && own.length > 1 && name !== '_') {
      const exact = own.filter((key) => key.length <= length);
      if (exact.length) into.set(name, [...new Map(exact.flatMap((key) => [...(byWord.get(key) ?? [])])).values()]);
      split(
        own.filter((key) => key.length > length),
        length + 1,
        byWord,
        into,
      );
    } else into.set(name, [...(into.get(name) ?? []), ...rows.values()]);
  }
}

function rowsOf(p: DocPackage, number: number, there: (path: string) => boolean): SearchRow[] {
  const messages = (p.facts?.messages ?? []).map((m): SearchRow => [
    m.name,
    `${p.name}/${m.name}`,
    m.kind[0] ?? 'm',
    messagePage(m.kind, m.name),
    number,
  ]);
  return distinct([
    ...messages,
    ...(p.interface?.tag === undefined ? [] : symbolsOfTag(p.interface.tag, number, there)),
    ...(p.interface?.inventory === undefined ? [] : symbolsOfInventory(p.interface.inventory, number, there)),
  ]);
}

/** A member of a namespace is listed with its header, too: the longer name says more. */
function distinct(rows: readonly SearchRow[]): SearchRow[] {
  const byPlace = new Map<string, SearchRow>();
  for (const row of rows) {
    const place = `${row[3]} ${row[0]}`;
    const there = byPlace.get(place);
    if (!there || there[1].length < row[1].length) byPlace.set(place, row);
  }
  return [...byPlace.values()];
}
