/** An element of <package> or its <export>. Deeper elements are errors or ignored. */
export interface Element {
  name: string;
  /** Undefined if there are none, as in nearly all. */
  attributes: Record<string, string> | undefined;
  text: string;
  line: number;
  children: Element[] | undefined;
  /** Inner XML; only for <description>. */
  inner: string;
}

/** Characters that XML forbids, converts, or uses to begin an entity. A text without any needs no decoding. */
const difficult = /[^\t\n\x20-%'-~\xa0-\ud7ff\ue000-\ufffd]/;
const name = String.raw`[A-Za-z_][\w.-]*`;
const beginning =
  /(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")? ?\?>)?[ \t\n]*(?:<\?xml-model [^<>?]*\?>[ \t\n]*)?<package((?: +format="[1-3]")?) *>/y;
const startTag = new RegExp(`^(${name})((?: +${name}=(?:"[^"<\\t\\n]*"|'[^'<\\t\\n]*')){0,16}) *(/?)$`);
const attributesIn = /([\w.-]+)=(?:"([^"]*)"|'([^']*)')/g;
const space = /[ \t\n]*/y;
const end = /<\/package>[ \t\n]*$/y;

/**
 * A fast parser for the usual form of package.xml: elements with text in <package> and its <export>, and comments
 * between them. Undefined for anything else, well-formed or not; a full parser reads that. The results are identical,
 * and this is several times faster.
 */
export function readPlain(text: string): Element | undefined {
  return difficult.test(text) || text.includes(']]>') ? undefined : new PlainReader(text).read();
}

/** End tags by names of start tags without attributes. */
const endTags = new Map<string, string>();

function endTagOf(name: string): string {
  const tag = `</${name}>`;
  if (endTags.size < 200) endTags.set(name, tag);
  return tag;
}

class PlainReader {
  private at = 0;
  private line = 1;
  private newline: number;

  constructor(private readonly text: string) {
    this.newline = text.indexOf('\n');
  }

  read(): Element | undefined {
    beginning.lastIndex = 0;
    const found = beginning.exec(this.text);
    if (!found) return undefined;
    this.at = beginning.lastIndex;
    const root = this.element('package', attributesOf(found[1] ?? ''), '', this.at);
    for (let child = this.child(); child; child = this.child()) (root.children ??= []).push(child);
    end.lastIndex = this.at;
    return end.test(this.text) ? root : undefined;
  }

  private child(): Element | undefined {
    this.skip();
    const read = this.take('<export>') ? this.exports() : this.leaf();
    if (read?.name === 'description') read.inner = read.text;
    return read;
  }

  private exports(): Element | undefined {
    const parent = this.element('export', undefined, '', this.at);
    for (let child = this.exported(); child; child = this.exported()) (parent.children ??= []).push(child);
    if (this.take('</export>')) return parent;
    // Position beyond the end: nothing else matches.
    this.at = this.text.length + 1;
    return undefined;
  }

  private exported(): Element | undefined {
    this.skip();
    return this.leaf();
  }

  /** An element that contains only text; undefined otherwise. */
  private leaf(): Element | undefined {
    const { text, at } = this;
    const close = text.indexOf('>', at);
    if (close < 0 || text[at] !== '<') return undefined;
    let name = text.slice(at + 1, close);
    let attributes: Record<string, string> | undefined;
    let endTag = endTags.get(name);
    if (endTag === undefined) {
      const found = startTag.exec(name);
      if (!found) return undefined;
      const written = found[2] ?? '';
      name = found[1] ?? '';
      if (written !== '') {
        attributes = attributesOf(written);
        if (!attributes) return undefined;
      }
      if (found[3] === '/') {
        this.at = close + 1;
        return this.element(name, attributes, '', at);
      }
      endTag = endTags.get(name) ?? endTagOf(name);
    }
    const open = text.indexOf('<', close);
    if (open < 0 || !text.startsWith(endTag, open)) return undefined;
    this.at = open + endTag.length;
    return this.element(name, attributes, text.slice(close + 1, open), at);
  }

  /** `start`: an offset in the line of its start tag, which is on one line. */
  private element(name: string, attributes: Record<string, string> | undefined, text: string, start: number): Element {
    while (this.newline >= 0 && this.newline < start) {
      this.line++;
      this.newline = this.text.indexOf('\n', this.newline + 1);
    }
    return { name, attributes, text, line: this.line, children: undefined, inner: '' };
  }

  private take(tag: string): boolean {
    if (!this.text.startsWith(tag, this.at)) return false;
    this.at += tag.length;
    return true;
  }

  /** Skips white space and comments. Stops at a comment with `--` in it, which the full parser refuses. */
  private skip(): void {
    const { text } = this;
    for (;;) {
      if (text[this.at] !== '<') {
        space.lastIndex = this.at;
        space.test(text);
        this.at = space.lastIndex;
      }
      if (!text.startsWith('<!--', this.at)) return;
      const dashes = text.indexOf('--', this.at + 4);
      if (dashes < 0 || text[dashes + 2] !== '>') return;
      this.at = dashes + 3;
    }
  }
}

/** Undefined if there are none, or a duplicate. */
function attributesOf(text: string): Record<string, string> | undefined {
  let all: Record<string, string> | undefined;
  for (const [, name = '', double, single = ''] of text.matchAll(attributesIn)) {
    all ??= Object.create(null) as Record<string, string>;
    if (name in all) return undefined;
    all[name] = double ?? single;
  }
  return all;
}
