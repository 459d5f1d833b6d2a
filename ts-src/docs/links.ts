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

/**
 * What a package's pages may have together. `left`: links and anchors, each counted once for a page. `own`: bytes to
 * remember them, before those that all packages share.
 */
export interface LinkRoom {
  left: number;
  own: number;
}
const mostLinks = 2_000_000;
export const linkRoom = (): LinkRoom => ({ left: mostLinks, own: 2 << 20 });

/** Bytes to remember links and anchors that all packages of a site share. */
const sharedRoom = 1 << 30;

/** About what a text that is remembered takes in memory. */
const roomOf = (text: string): number => 200 + text.length;

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

  /** `shared`: bytes that all packages share to be remembered. */
  constructor(private shared = sharedRoom) {}

  /** Throws a LeftBehindError if the page has more than `room` allows, and remembers nothing of it then. */
  add(path: string, data: Buffer | string, room = linkRoom()): void {
    if (path.endsWith('.html')) {
      const { anchors, links, missing } = readPage(typeof data === 'string' ? data : data.toString('utf8'), room);
      const ends = [...links].map(([link, { line, times }]): End => {
        const wanted = { page: path, line, link };
        return { wanted, times, to: endOf(wanted) };
      });
      this.reserve([...anchors, ...missing.keys(), ...ends.flatMap((end) => this.newText(end))], room);
      this.anchors.set(path, anchors);
      for (const [link, line] of missing) this.found.push({ page: path, line, link, why: 'missing' });
      for (const end of ends) this.want(end);
    }
    this.files.add(path);
  }

  private reserve(texts: readonly string[], room: LinkRoom): void {
    const size = texts.reduce((sum, text) => sum + roomOf(text), 0);
    const shared = Math.max(0, size - room.own);
    if (shared > this.shared)
      throw new LeftBehindError('its links and anchors need more memory than all packages may take together');
    room.own -= size - shared;
    this.shared -= shared;
  }

  /** What is remembered for a link that no page had before. */
  private newText({ wanted, to }: End): string[] {
    const isKnown = typeof to === 'object' && this.wanted.get(to.target)?.has(to.id) === true;
    return isKnown ? [] : [wanted.link];
  }

  private want({ wanted, times, to }: End): void {
    this.links += times;
    if (typeof to === 'string') {
      this.found.push({ ...wanted, why: to });
      return;
    }
    this.count(wanted.page, to.target, times);
    const of = this.wanted.get(to.target) ?? new Map<string, Wanted>();
    this.wanted.set(to.target, of);
    if (!of.has(to.id)) of.set(to.id, wanted);
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

/** A link of a page, and where it leads: a page or file of the site, and an anchor in it; or why to none. */
interface End {
  wanted: Wanted;
  times: number;
  to: { target: string; id: string } | 'absolute' | 'outside';
}

function endOf(wanted: Wanted): End['to'] {
  const { page, link } = wanted;
  if (link.startsWith('/')) return 'absolute';
  const [whole = '', fragment = ''] = link.split(/#(.*)/);
  const path = decoded(whole.replace(/\?.*$/, ''));
  const target = path === '' ? page : posix.join(posix.dirname(page), path);
  return target === '..' || target.startsWith('../') ? 'outside' : { target, id: decoded(fragment) };
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
function copied(text: string): string {
  // eslint-disable-next-line no-control-regex
  const coding = /^[\0-\xff]*$/.test(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, coding).toString(coding);
}

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
