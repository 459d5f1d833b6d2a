import { unescapeXml } from '../text/xml.ts';

/** An element of an XML text. Its own text is trimmed; parts between child elements are joined. */
export interface XmlElement {
  name: string;
  attributes: Map<string, string>;
  children: XmlElement[];
  text: string;
}

const mostElements = 250_000;
const mostAttributes = 1000;
const deepest = 100;

const opening = /<([A-Za-z_:][\w:.-]*)/y;
const attribute = /\s+([A-Za-z_:][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;
const openingEnd = /\s*(\/?)>/y;
const closing = /<\/([A-Za-z_:][\w:.-]*)\s*>/y;
const numbered = /&#(?:(\d{1,7})|x([0-9A-Fa-f]{1,6}));/g;

/** Text with predefined entities decoded. Entities that a document declares stay as written. */
function plain(text: string): string {
  if (!text.includes('&')) return text;
  const read = text.includes('&#') ? text.replace(numbered, character) : text;
  return unescapeXml(read);
}

function character(whole: string, decimal?: string, hexadecimal?: string): string {
  const code = decimal === undefined ? parseInt(hexadecimal ?? '', 16) : Number(decimal);
  // An escaped ampersand does not begin another entity.
  if (code === 38) return '&amp;';
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

/** A cursor over a text. An error ends the parsing. */
class Reader {
  private at = 0;
  private elements = 0;
  constructor(private readonly xml: string) {}

  /** The root element; undefined if the document is not well-formed or exceeds the limits. */
  document(): XmlElement | undefined {
    const whole: XmlElement = { name: '', attributes: new Map(), children: [], text: '' };
    const open = [{ element: whole, parts: [] as string[] }];
    while (this.at < this.xml.length) {
      const top = open.at(-1);
      if (!top) return undefined;
      const step = this.step(top.parts);
      if (step === undefined) return undefined;
      if (step === 'text') continue;
      if (step.kind === 'end') {
        if (open.length < 2 || step.name !== top.element.name) return undefined;
        top.element.text = top.parts.join('').trim();
        open.pop();
        continue;
      }
      top.element.children.push(step.element);
      if (!step.empty) open.push({ element: step.element, parts: [] });
      if (open.length > deepest) return undefined;
    }
    const outside = open[0]?.parts.join('').trim();
    return open.length === 1 && outside === '' && whole.children.length === 1 ? whole.children[0] : undefined;
  }

  private step(
    parts: string[],
  ): 'text' | { kind: 'end'; name: string } | { kind: 'start'; element: XmlElement; empty: boolean } | undefined {
    const { xml, at } = this;
    if (xml[at] !== '<') {
      const end = xml.indexOf('<', at);
      this.at = end < 0 ? xml.length : end;
      parts.push(plain(xml.slice(at, this.at)));
      return 'text';
    }
    if (xml[at + 1] === '/') {
      const name = this.match(closing)?.[1];
      return name === undefined ? undefined : { kind: 'end', name };
    }
    if (xml[at + 1] === '!' || xml[at + 1] === '?') return this.special(parts) ? 'text' : undefined;
    return this.start();
  }

  /** Comments, processing instructions and CDATA. Document types with declarations are refused. */
  private special(parts: string[]): boolean {
    for (const [begin, end] of [
      ['<!--', '-->'],
      ['<?', '?>'],
      ['<![CDATA[', ']]>'],
    ] as const) {
      if (!this.xml.startsWith(begin, this.at)) continue;
      const close = this.xml.indexOf(end, this.at + begin.length);
      if (close < 0) return false;
      if (begin === '<![CDATA[') parts.push(this.xml.slice(this.at + begin.length, close));
      this.at = close + end.length;
      return true;
    }
    return false;
  }

  private start(): { kind: 'start'; element: XmlElement; empty: boolean } | undefined {
    const name = this.match(opening)?.[1];
    if (name === undefined || ++this.elements > mostElements) return undefined;
    const attributes = new Map<string, string>();
    for (let m = this.match(attribute); m; m = this.match(attribute)) {
      if (attributes.has(m[1] ?? '') || attributes.size >= mostAttributes) return undefined;
      attributes.set(m[1] ?? '', plain(m[2] ?? m[3] ?? ''));
    }
    const end = this.match(openingEnd);
    if (!end) return undefined;
    return { kind: 'start', element: { name, attributes, children: [], text: '' }, empty: end[1] === '/' };
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.xml);
    if (!found) return undefined;
    this.at = pattern.lastIndex;
    return found;
  }
}

/**
 * Parses the XML of a result file. It may be malicious, so time is linear in its length; elements, attributes and depth
 * are limited; and the document's declarations are refused.
 */
export const readXml = (text: string): XmlElement | undefined => new Reader(text.replace(/^\ufeff/, '')).document();
