import { unescapeXml } from '../text/xml.ts';
import { inventoryLines } from '../engine/docs/results.ts';
import { withinTime } from '../io/bounded.ts';
import { LeftBehindError } from '../io/untrusted.ts';
import { compare } from '../model/diagnostics.ts';
import { apiFolder, proseFolder } from '../model/docs.ts';
import { idOf, messagePage, type DocPackage } from './package-info.ts';

/** A search result: name, qualified name, kind (`search.browser`), path, and the number of its package. */
export type SearchRow = [name: string, qualified: string, kind: string, path: string, owner: number];

/** Target number of rows per file. A file has more only if they all begin with the same letters. */
const mostRows = 1000;
const longestKey = 16;
/** Limits: symbols per package, characters per name and path, and words per name. */
const mostSymbols = 200_000;
const longestRow = 1000;
const mostWords = 16;
/** Limit in bytes of what all packages' rows take in memory, as `roomOf` estimates it. */
const mostRoom = 1 << 30;

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

const first = (text: string, tag: string): string =>
  unescapeXml(new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`).exec(text)?.[1] ?? '');

/** Symbols of a Doxygen tag file. `there`: whether the site has a page. */
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

/** Symbols of a Sphinx inventory: lines `name domain:role priority uri display`. */
export function symbolsOfInventory(inventory: string, number: number, there: (path: string) => boolean): SearchRow[] {
  return (inventoryLines(inventory) ?? []).flatMap((line): SearchRow[] => {
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

/** Splits a name into words, as `search.browser` does. */
export const wordsOf = (text: string): string[] => [
  ...new Set(
    text
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replace(/([A-Z])(?=[A-Z][a-z])/g, '$1 ')
      .split(/[^\p{L}\p{N}]+/u)
      .filter((w) => w !== '')
      .map((w) => w.toLowerCase()),
  ),
];

/**
 * The files of the search, one after another: packages, all other names, and rows by the prefixes of their words.
 * A row is in the files of all its words, so together they may be larger than the memory.
 */
export function* searchFiles(
  packages: readonly DocPackage[],
  there: (p: DocPackage, path: string) => boolean,
): Generator<{ path: string; data: string }> {
  const rows = allRows(packages, there);
  const shards = new Map<string, Set<number>>();
  const byWord = indexWords(rows);
  split([...byWord.keys()].sort(compare), 2, byWord, shards);
  const script = (name: string, value: unknown) => `slipwayData(${JSON.stringify(name)},${safeJson(value)});\n`;
  const list = packages.map((p) => [p.name, p.description.slice(0, 200), `${idOf(p)}/index.html`]);
  yield { path: '_site/search/packages.js', data: script('packages', list) };
  yield { path: '_site/search/shards.js', data: script('shards', [...shards.keys()].sort(compare)) };
  for (const [key, numbers] of shards) {
    const own = [...numbers].sort((a, b) => a - b).flatMap((n) => (rows[n] ? [rows[n]] : []));
    yield { path: `_site/search/s-${key}.js`, data: script(`s-${key}`, own) };
  }
}

/** Rows of all packages. If they take too much memory, the packages that take most of it lose half of theirs. */
export function allRows(
  packages: readonly DocPackage[],
  there: (p: DocPackage, path: string) => boolean,
  most = mostRoom,
): SearchRow[] {
  const found: { rows: SearchRow[]; size: number }[] = [];
  let total = 0;
  for (const [n, p] of packages.entries()) {
    const rows = rowsOf(p, n, (path) => there(p, path));
    const own = { rows, size: roomOf(rows) };
    total += own.size;
    found.push(own);
    while (total > most) {
      const largest = found.reduce((a, b) => (b.size > a.size ? b : a));
      largest.rows = largest.rows.slice(0, largest.rows.length >> 1);
      total += roomOf(largest.rows) - largest.size;
      largest.size = roomOf(largest.rows);
    }
  }
  return found.flatMap(({ rows }) => rows);
}

/** About what rows and the index of their words take in memory. */
const roomOf = (rows: readonly SearchRow[]): number =>
  rows.reduce((sum, [name, qualified, , path]) => {
    const words = Math.min(mostWords, wordsOf(name).length) + 1;
    return sum + name.length + qualified.length + path.length + 100 + 150 * words;
  }, 0);

/** Row numbers by word. A word in too many names (`get`) finds only the names that consist of it. */
function indexWords(rows: readonly SearchRow[]): Map<string, number[]> {
  const byWord = new Map<string, number[]>();
  const wholes = rows.map(([name]) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ''));
  rows.forEach(([name], n) => {
    for (const word of new Set([...wordsOf(name).slice(0, mostWords), wholes[n] ?? ''])) {
      const list = byWord.get(word);
      if (list) list.push(n);
      else if (word) byWord.set(word, [n]);
    }
  });
  for (const [word, list] of byWord) {
    if (list.length <= mostRows) continue;
    const exact = list.filter((n) => wholes[n] === word).slice(0, mostRows);
    if (exact.length) byWord.set(word, exact);
    else byWord.delete(word);
  }
  return byWord;
}

/** JSON that is safe inside a script element. */
const safeJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u2028\u2029<]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Distributes words over files by prefix; the prefix is as short as the size limit allows. */
function split(
  words: readonly string[],
  length: number,
  byWord: ReadonlyMap<string, readonly number[]>,
  into: Map<string, Set<number>>,
): void {
  const groups = new Map<string, string[]>();
  for (const word of words) {
    const begin = Array.from(word).slice(0, length).join('');
    const group = groups.get(begin);
    if (group) group.push(word);
    else groups.set(begin, [word]);
  }
  const add = (name: string, own: readonly string[]): void => {
    const numbers = into.get(name) ?? new Set<number>();
    for (const word of own) for (const n of byWord.get(word) ?? []) numbers.add(n);
    into.set(name, numbers);
  };
  for (const [begin, own] of groups) {
    // Some systems normalize non-ASCII file names, so all other words share one file.
    const name = /^[a-z0-9]+$/.test(begin) ? begin : '_';
    const count = own.reduce((sum, word) => sum + (byWord.get(word)?.length ?? 0), 0);
    const longer = own.filter((word) => Array.from(word).length > length);
    if (count <= mostRows || length >= longestKey || name === '_' || !longer.length) add(name, own);
    else {
      const exact = own.filter((word) => Array.from(word).length <= length);
      if (exact.length) add(name, exact);
      split(longer, length + 1, byWord, into);
    }
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
  const symbols = symbolsOf(p, number, there).filter(
    (row) => row[0].length + row[1].length + row[3].length <= longestRow,
  );
  return distinct([...messages, ...symbols.slice(0, mostSymbols)]);
}

/** Symbols of a package's documentation; empty if its files take too long to parse. */
function symbolsOf({ interface: shown }: DocPackage, number: number, there: (path: string) => boolean): SearchRow[] {
  const { tag, inventory } = shown ?? {};
  try {
    return withinTime('its symbols', () => [
      ...(tag === undefined ? [] : symbolsOfTag(tag, number, there)),
      ...(inventory === undefined ? [] : symbolsOfInventory(inventory, number, there)),
    ]);
  } catch (e) {
    if (e instanceof LeftBehindError) return [];
    throw e;
  }
}

/** Removes duplicates: a namespace's member is listed with its header, too. The longer qualified name stays. */
function distinct(rows: readonly SearchRow[]): SearchRow[] {
  const byPlace = new Map<string, SearchRow>();
  for (const row of rows) {
    const place = `${row[3]} ${row[0]}`;
    const there = byPlace.get(place);
    if (!there || there[1].length < row[1].length) byPlace.set(place, row);
  }
  return [...byPlace.values()];
}
