import { last } from '../../model/lists.ts';
import { SaxesParser } from 'saxes';
import type { Element } from './plain-xml.ts';
import { messageOf } from '../../io/faults.ts';

const maximumDepth = 200;
const noAttributes: Record<string, string> = Object.freeze({});

/** The root element, or the error and its position. */
export type Read =
  { root: Element; message?: undefined; line?: undefined } | { root?: undefined; message: string; line: number };

/** Parses any manifest. */
export function readTree(text: string): Read {
  reader ??= new TreeReader();
  // The schema's processing instruction is an eighth of most manifests, and not used.
  const read = reader.read(text.replace(schemaInstruction, '$1'));
  if (!read.root) reader = undefined;
  return read;
}

const schemaInstruction = /^(<\?xml [^<>?\n\r]*\?>\s*)<\?xml-model [^<>?\n\r&]*\?>/;

/**
 * One parser for all manifests, because creating one costs as much as parsing. It is replaced after an error, since its
 * state is undefined then.
 */
let reader: TreeReader | undefined;

class TreeReader {
  private readonly parser = new SaxesParser({ xmlns: false, position: true });
  private text = '';
  private root: Element | undefined;
  private failed: { message: string; line: number } | undefined;
  /** Open elements. Elements below those of <export> are skipped, and only counted. */
  private readonly stack: Element[] = [];
  private below = 0;
  /** The element that was closed last: the parser reports a wrong end tag after it. */
  private closed: Element | undefined;
  /** Attributes of all open elements, for namespaces. */
  private readonly scopes: Record<string, string>[] = [];
  /** Offset of <description>'s content. */
  private start = 0;

  constructor() {
    const { parser } = this;
    parser.on('error', (e) => this.fail(this.withTags(e.message.replace(/^[^:]*:?\d+:\d+: /, ''))));
    parser.on('doctype', () => this.fail('a document type declaration is refused'));
    parser.on('opentag', (tag) => this.open(tag.name, tag.attributes as Record<string, string>));
    parser.on('text', (t) => this.characters(t));
    parser.on('cdata', (t) => this.characters(t));
    parser.on('closetag', (tag) => this.close(tag.isSelfClosing));
  }

  /** Must not be called again after an error. */
  read(text: string): Read {
    this.text = text;
    this.root = undefined;
    try {
      this.parser.write(text).close();
    } catch (e) {
      this.fail(messageOf(e));
    }
    if (this.failed) return bareSign(text, this.failed.line) ?? this.failed;
    return this.root ? { root: this.root } : { message: 'it is empty', line: 1 };
  }

  /** Adds the names of tags to a parser's message. */
  private withTags(message: string): string {
    if (this.failed || this.closed === undefined || !message.startsWith('unexpected close tag')) return message;
    const start = this.text.lastIndexOf('</', this.parser.position - 1) + 2;
    const closing = this.text.slice(start, this.text.indexOf('>', start)).trim().slice(0, 200);
    return `</${closing}> where <${this.closed.name}> of line ${this.closed.line} must be closed`;
  }

  private fail(message: string): void {
    this.failed ??= { message, line: this.parser.line };
  }

  private open(name: string, all: Record<string, string>): void {
    const { stack, scopes } = this;
    let attributes: Record<string, string> | undefined;
    let prefixed = name.includes(':');
    for (const a in all) {
      attributes = all;
      if (a.includes(':')) prefixed = true;
    }
    scopes.push(attributes ?? noAttributes);
    if (prefixed) checkPrefixes(name, attributes ?? noAttributes, scopes, (m) => this.fail(m));
    if (scopes.length > maximumDepth) this.fail(`elements are nested more than ${maximumDepth} deep`);
    if (this.failed) return;
    const depth = stack.length;
    if (this.below > 0 || depth > 2) {
      this.below++;
      return;
    }
    const element: Element = { name, attributes, text: '', line: this.parser.line, children: undefined, inner: '' };
    if (depth === 0) this.root = element;
    else (last(stack).children ??= []).push(element);
    if (depth === 1 && name === 'description') this.start = this.parser.position;
    stack.push(element);
  }

  private characters(t: string): void {
    const top = this.stack[this.stack.length - 1];
    if (top && this.below === 0) top.text += t;
  }

  private close(isSelfClosing: boolean): void {
    this.scopes.pop();
    if (this.below > 0) {
      this.below--;
      return;
    }
    const e = this.stack.pop();
    this.closed = e;
    if (this.stack.length === 1 && e?.name === 'description' && !isSelfClosing)
      e.inner = this.text.slice(this.start, this.text.lastIndexOf('</', this.parser.position - 1));
  }
}

/** Finds an unescaped `&` or `<` up to the line of an error, which it may have caused. */
function bareSign(text: string, upTo: number): { message: string; line: number } | undefined {
  // Blanks out comments and CDATA, preserving line breaks.
  const plain = text.replace(/<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>/g, (hidden) => hidden.replace(/[^\n]/g, ' '));
  const found = /&(?!#\d+;|#x[\da-f]+;|[A-Za-z][\w.-]*;)|<(?=[\s\d=])/i.exec(plain);
  if (!found) return undefined;
  const line = plain.slice(0, found.index).split('\n').length;
  const [sign] = found;
  return line <= upTo
    ? { message: `\`${sign}\` must be written \`${sign === '&' ? '&amp;' : '&lt;'}\``, line }
    : undefined;
}

function checkPrefixes(
  name: string,
  attributes: Record<string, string>,
  scopes: Record<string, string>[],
  fail: (message: string) => void,
): void {
  for (const qualified of [name, ...Object.keys(attributes)]) {
    const colon = qualified.indexOf(':');
    if (colon < 0) continue;
    const prefix = qualified.slice(0, colon);
    if (prefix === 'xml' || prefix === 'xmlns') continue;
    const declared = scopes.some((a) => `xmlns:${prefix}` in a);
    if (!declared) fail(`the namespace prefix '${prefix}' is not declared`);
  }
}
