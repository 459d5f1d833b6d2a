import { posix } from 'node:path';
import { LeftBehindError } from '../io/untrusted.ts';
import { compare } from '../model/diagnostics.ts';

/** A link whose target is not in the site. */
export interface DeadLink {
  page: string;
  line: number;
  link: string;
  why: 'missing' | 'anchor' | 'absolute' | 'outside';
}

interface Wanted {
  page: string;
  line: number;
  link: string;
}

const attribute = /\s(href|src|id|name|data-missing)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))/gi;
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescape = (text: string): string =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );

/** What a package's pages may have together: links and anchors, each counted once for a page. */
export interface LinkRoom {
  left: number;
}
const mostLinks = 2_000_000;
export const linkRoom = (): LinkRoom => ({ left: mostLinks });

/** What a page has: anchors, links by their text, and dead links. */
interface Read {
  anchors: Set<string>;
  links: Map<string, { line: number; times: number }>;
  missing: Map<string, number>;
}

/**
 * Checks the links of a site page by page, as it is written. Pages may link to other pages by relative paths only;
 * files must exist, and anchors must be in their page. Links to other hosts are not followed.
 */
export class LinkChecker {
  private readonly files = new Set<string>();
  private readonly anchors = new Map<string, Set<string>>();
  private readonly wanted = new Map<string, Map<string, Wanted>>();
  private readonly found: DeadLink[] = [];
  links = 0;
  /** Number of links between packages, by `from → to`. */
  readonly crossing = new Map<string, number>();

  /** Throws a LeftBehindError if the page has more than `room` allows, and remembers nothing of it then. */
  add(path: string, data: Buffer | string, room = linkRoom()): void {
    if (path.endsWith('.html')) {
      const { anchors, links, missing } = readPage(typeof data === 'string' ? data : data.toString('utf8'), room);
      this.anchors.set(path, anchors);
      for (const [link, line] of missing) this.found.push({ page: path, line, link, why: 'missing' });
      for (const [link, { line, times }] of links) this.want({ page: path, line, link }, times);
    }
    this.files.add(path);
  }

  private want(wanted: Wanted, times: number): void {
    const { page, link } = wanted;
    this.links += times;
    if (link.startsWith('/')) {
      this.found.push({ ...wanted, why: 'absolute' });
      return;
    }
    const [whole = '', fragment = ''] = link.split(/#(.*)/);
    const path = decoded(whole.replace(/\?.*$/, ''));
    const target = path === '' ? page : posix.join(posix.dirname(page), path);
    if (target === '..' || target.startsWith('../')) {
      this.found.push({ ...wanted, why: 'outside' });
      return;
    }
    this.count(page, target, times);
    const of = this.wanted.get(target) ?? new Map<string, Wanted>();
    this.wanted.set(target, of);
    const id = decoded(fragment);
    if (!of.has(id)) of.set(id, wanted);
  }

  private count(page: string, target: string, times: number): void {
    const from = page.split('/').slice(0, 2).join('/');
    const to = target.split('/').slice(0, 2).join('/');
    if (from === to || target.startsWith('_site/') || page.split('/').length < 3 || target.split('/').length < 3)
      return;
    if (target.split('/').length === 3 && target.endsWith('/index.html')) return;
    const id = `${from} → ${to}`;
    this.crossing.set(id, (this.crossing.get(id) ?? 0) + times);
  }

  /** Call after all pages were added. Returns each missing target once. */
  dead(): DeadLink[] {
    const found = [...this.found];
    for (const [target, wanted] of this.wanted)
      for (const [fragment, first] of wanted) {
        if (!this.files.has(target)) found.push({ ...first, why: 'missing' });
        else if (fragment !== '' && target.endsWith('.html') && this.anchors.get(target)?.has(fragment) === false)
          found.push({ ...first, why: 'anchor' });
      }
    return found.sort((a, b) => compare(a.page, b.page) || a.line - b.line || compare(a.link, b.link));
  }
}

/** Reads the links and anchors of a page. Any text is read in linear time: what has no end is looked for once. */
function readPage(html: string, room: LinkRoom): Read {
  const read: Read = { anchors: new Set(), links: new Map(), missing: new Map() };
  const body = withoutScripts(withoutComments(html));
  let line = 1;
  let at = 0;
  let done = 0;
  for (const { index } of body.matchAll(/<[a-z]/gi)) {
    if (index < done) continue;
    done = body.indexOf('>', index) + 1;
    if (done === 0) break;
    for (; at < index; at++) if (body.charCodeAt(at) === 10) line++;
    for (const [, name = '', a, b, c] of body.slice(index, done).matchAll(attribute))
      take(read, room, { name: name.toLowerCase(), value: unescape(a ?? b ?? c ?? ''), line });
  }
  return read;
}

function take(read: Read, room: LinkRoom, { name, value, line }: { name: string; value: string; line: number }): void {
  const { anchors, links, missing } = read;
  const isLink = name === 'href' || name === 'src';
  if (isLink && (/^[a-z][a-z0-9+.-]*:/i.test(value) || value.startsWith('//'))) return;
  const known = isLink ? links.get(value) : undefined;
  if (known) {
    known.times++;
    return;
  }
  const others = name === 'data-missing' ? missing : anchors;
  if (!isLink && others.has(value)) return;
  if (--room.left < 0) throw new LeftBehindError(`its pages have more than ${mostLinks} links and anchors`);
  const kept = copied(value);
  if (isLink) links.set(kept, { line, times: 1 });
  else if (name === 'data-missing') missing.set(kept, line);
  else anchors.add(kept);
}

/** A part of a text would keep the whole text in memory. */
const copied = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le');

const keepLines = (text: string): string => text.replace(/[^\n]+/g, '');

function withoutComments(html: string): string {
  const parts: string[] = [];
  let done = 0;
  for (let at = html.indexOf('<!--'); at >= 0; at = html.indexOf('<!--', done)) {
    const end = html.indexOf('-->', at + 4) + 3;
    if (end === 2) break;
    parts.push(html.slice(done, at), keepLines(html.slice(at, end)));
    done = end;
  }
  return parts.join('') + html.slice(done);
}

/** Removes the code of scripts; their tags and lines stay. */
function withoutScripts(html: string): string {
  const parts: string[] = [];
  const closing = /<\/script>/gi;
  let done = 0;
  for (const { index } of html.matchAll(/<script\b/gi)) {
    if (index < done) continue;
    const begin = html.indexOf('>', index) + 1;
    closing.lastIndex = begin;
    const close = begin > 0 ? closing.exec(html) : null;
    if (!close) break;
    parts.push(html.slice(done, begin), keepLines(html.slice(begin, close.index)));
    done = closing.lastIndex;
  }
  return parts.join('') + html.slice(done);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
