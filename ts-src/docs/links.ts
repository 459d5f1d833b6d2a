import { posix } from 'node:path';
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

  add(path: string, data: Buffer | string): void {
    this.files.add(path);
    if (!path.endsWith('.html')) return;
    const text = (typeof data === 'string' ? data : data.toString('utf8')).replace(/<!--[^]*?-->/g, keepLines);
    const anchors = new Set<string>();
    this.anchors.set(path, anchors);
    let line = 1;
    let at = 0;
    const body = text.replace(
      /(<script\b[^>]*>)([^]*?)<\/script>/gi,
      (_, tag: string, code: string) => tag + keepLines(code),
    );
    for (const tag of body.matchAll(/<[a-z][^>]*>/gi)) {
      const [whole] = tag;
      for (; at < tag.index; at++) if (body.charCodeAt(at) === 10) line++;
      for (const [, name = '', a, b, c] of whole.matchAll(attribute)) {
        const value = unescape(a ?? b ?? c ?? '');
        const kind = name.toLowerCase();
        if (kind === 'id' || kind === 'name') anchors.add(value);
        else if (kind === 'data-missing') this.found.push({ page: path, line, link: value, why: 'missing' });
        else this.want({ page: path, line, link: value });
      }
    }
  }

  private want(wanted: Wanted): void {
    const { page, link } = wanted;
    if (/^[a-z][a-z0-9+.-]*:/i.test(link) || link.startsWith('//')) return;
    this.links++;
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
    this.count(page, target);
    const of = this.wanted.get(target) ?? new Map<string, Wanted>();
    this.wanted.set(target, of);
    const id = decoded(fragment);
    if (!of.has(id)) of.set(id, wanted);
  }

  private count(page: string, target: string): void {
    const from = page.split('/').slice(0, 2).join('/');
    const to = target.split('/').slice(0, 2).join('/');
    if (from === to || target.startsWith('_site/') || page.split('/').length < 3 || target.split('/').length < 3)
      return;
    if (target.split('/').length === 3 && target.endsWith('/index.html')) return;
    const id = `${from} → ${to}`;
    this.crossing.set(id, (this.crossing.get(id) ?? 0) + 1);
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

const keepLines = (text: string): string => text.replace(/[^\n]+/g, '');

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
