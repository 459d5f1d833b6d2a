import { readdirSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { readStart } from '../io/untrusted.ts';

/** Limits for files and notices. Notices are at the beginning of a file. */
const mostFiles = 3000;
const mostNotices = 60;
const beginning = 3000;

const named = /^(?:LICEN[CS]E|COPYING|COPYRIGHT|NOTICE)/i;
const source = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|py|cmake|java|rs|go|sh|msg|srv|action|idl|in)$|^CMakeLists\.txt$/;
const notice =
  /(?:copyright|\(c\)|\u00a9)[\s:]{0,20}(?:\(c\)|\u00a9)?[\s:]{0,20}((?:(?:19|20)\d\d(?:\s*[-\u2013,]\s*)?)+)[\s,.:]+(?:by\s+)?([^\n*<>|{}]{2,120})/gi;

/**
 * Copyright notices of a source tree, such as `2011, 2012 Willow Garage, Inc.`, without duplicates, sorted by holder.
 * Does not follow symlinks. The number of files is limited; files that name a licence come first.
 */
export function copyrightNotices(root: string): string[] {
  const found = new Map<string, Set<string>>();
  for (const path of filesToRead(root)) {
    if (found.size >= mostNotices) break;
    let text: string;
    try {
      text = readStart(join(root, path), beginning);
    } catch {
      continue;
    }
    for (const [, years = '', rest = ''] of text.matchAll(notice)) {
      const holder = holderOf(rest);
      if (holder === undefined || found.size >= mostNotices) continue;
      const all = found.get(holder) ?? new Set();
      for (const span of spansOf(years)) all.add(span);
      found.set(holder, all);
    }
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([holder, years]) => `${[...years].sort().slice(0, 20).join(', ')} ${holder}`);
}

/** Parses `2011, 2013-2015` into years and ranges. */
const spansOf = (years: string): string[] =>
  years
    .split(',')
    .map((y) => y.replace(/\s+/g, '').replace('\u2013', '-').replace(/-$/, ''))
    .filter((y) => /^\d{4}(?:-\d{4})?$/.test(y));

function holderOf(text: string): string | undefined {
  const holder = text
    .replace(/\s*(?:all rights reserved.*|\(?https?:.*|#.*|\/\/.*|--.*)$/i, '')
    .replace(/[\0-\x1f\x7f]+/g, ' ')
    .replace(/^[\s,.;:"'(-]+|[\s,;:"'*(-]+$/g, '')
    .replace(/\s+/g, ' ')
    .replace(/(?<!\b(?:inc|ltd|corp|co|jr|e\.v))\.$/i, '');
  // Not a holder: a placeholder of a template, or a sentence of a licence.
  if (!/\p{L}{2}/u.test(holder) || holder.length > 100 || /\[|\]|\$|@\w*@|yyyy|name of copyright/i.test(holder))
    return undefined;
  return holder;
}

/** Files that may contain a notice: first those that name a licence, then sources, each sorted by path. */
function filesToRead(root: string): string[] {
  const first: string[] = [];
  const others: string[] = [];
  const folders = [''];
  for (let at = 0; at < folders.length && others.length < mostFiles; at++) {
    const folder = folders[at] ?? '';
    let entries: Dirent[];
    try {
      entries = readdirSync(join(root, folder), { withFileTypes: true });
    } catch {
      continue;
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory() && !entry.name.startsWith('.')) folders.push(path);
      else if (!entry.isFile()) continue;
      else if (named.test(entry.name)) first.push(path);
      else if (source.test(entry.name)) others.push(path);
    }
  }
  return [...first, ...others].slice(0, mostFiles);
}
