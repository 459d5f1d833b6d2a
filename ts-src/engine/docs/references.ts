import { append } from '../../model/lists.ts';
import { deflateSync } from 'node:zlib';
import { readXml, type XmlElement } from '../../inspect/result-xml.ts';
import { escapeMarkup } from '../../render/markup.ts';
import { inventoryLines } from './results.ts';

/**
 * The elements that a compound of a tag file may have, by its kind. The Doxygen of other packages reads these files. It
 * copies file names and anchors into pages without escaping, warns of unknown elements, and crashes on end tags that do
 * not match. So Slipway writes the files anew.
 */
const ofClass = ['base', 'templarg', 'class', 'member'];
const ofScope = ['class', 'namespace', 'concept', 'member'];
const partsOf: Readonly<Record<string, readonly string[]>> = {
  class: ofClass,
  struct: ofClass,
  union: ofClass,
  interface: ofClass,
  exception: ofClass,
  concept: [],
  file: ['path', ...ofScope],
  namespace: ofScope,
  group: ['title', 'subgroup', 'file', 'page', ...ofScope],
  page: ['title'],
  dir: ['path', 'dir', 'file'],
};
const ofAll = ['name', 'filename', 'docanchor'];
const ofMember = ['type', 'name', 'anchorfile', 'anchor', 'arglist', 'docanchor', 'enumvalue'];
const kindsOfMember = new Set(
  'define enumeration enumvalue event friend function property prototype signal slot typedef variable'.split(' '),
);
const attributesKnown = ['kind', 'protection', 'virtualness', 'static', 'file', 'anchor', 'title'];

const isPlace = (text: string): boolean => /^[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,250}$/.test(text);
const isAnchor = (text: string): boolean => /^[A-Za-z0-9_.:~+-]{0,1000}$/.test(text);
const isWord = (text: string): boolean => /^[a-z]{1,20}$/.test(text);
const isShort = (text: string): boolean => text.length <= 65_536;

const ofElement: Readonly<Record<string, (text: string) => boolean>> = {
  filename: isPlace,
  anchorfile: isPlace,
  anchor: isAnchor,
  docanchor: isAnchor,
};
const ofAttribute: Readonly<Record<string, (text: string) => boolean>> = {
  file: isPlace,
  anchor: isAnchor,
  title: isShort,
};

/** An element's start tag; undefined if an attribute is invalid. */
function beginning({ name, attributes }: XmlElement): string | undefined {
  const known = attributesKnown.flatMap((a) => (attributes.has(a) ? [[a, attributes.get(a) ?? ''] as const] : []));
  if (!known.every(([a, value]) => (ofAttribute[a] ?? isWord)(value))) return undefined;
  return `<${name}${known.map(([a, value]) => ` ${a}="${escapeMarkup(value)}"`).join('')}>`;
}

/** An element that holds text; undefined if the text is invalid. */
function leaf(e: XmlElement): string | undefined {
  const { name, text, children } = e;
  const begin = beginning(e);
  if (begin === undefined || children.length || !(ofElement[name] ?? isShort)(text)) return undefined;
  return `${begin}${escapeMarkup(text)}</${name}>`;
}

const has = (e: XmlElement, names: readonly string[]): boolean =>
  names.every((name) => e.children.some((c) => c.name === name && c.text !== ''));

/** An element with its known and valid children; undefined if one of `needed` is missing or invalid. */
function whole(e: XmlElement, known: readonly string[], needed: readonly string[]): string | undefined {
  const begin = beginning(e);
  if (begin === undefined || !has(e, needed)) return undefined;
  const parts: string[] = [];
  for (const child of e.children) {
    if (!known.includes(child.name)) continue;
    const part = child.name === 'member' ? member(child) : leaf(child);
    if (part !== undefined) parts.push(part);
    else if (needed.includes(child.name)) return undefined;
  }
  return `${begin}\n${parts.join('\n')}\n</${e.name}>`;
}

const member = (e: XmlElement): string | undefined =>
  kindsOfMember.has(e.attributes.get('kind') ?? '') ? whole(e, ofMember, ['name', 'anchorfile', 'anchor']) : undefined;

function compound(e: XmlElement | undefined): string[] {
  const kind = e?.attributes.get('kind') ?? '';
  const own = Object.hasOwn(partsOf, kind) ? partsOf[kind] : undefined;
  const made = e && own && whole(e, [...ofAll, ...own], ['name', 'filename']);
  return made === undefined ? [] : [made];
}

/** Rewrites a tag file of Doxygen with its valid compounds and members. All others are left out. */
export function soundTag(tag: string): string {
  const found: string[] = [];
  const end = '</compound>';
  for (let at = tag.indexOf('<compound '); at >= 0; at = tag.indexOf('<compound ', at)) {
    const to = tag.indexOf(end, at);
    if (to < 0) break;
    append(found, compound(readXml(tag.slice(at, to + end.length))));
    at = to;
  }
  const head = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>";
  return [head, '<tagfile>', ...found, '</tagfile>', ''].join('\n');
}

/** Whether a line of an inventory refers to a page of its own documentation. */
function isReference(line: string): boolean {
  const [, name = '', uri] =
    /^([^\0-\x1f\x7f]+?) +[a-z0-9_]+:[A-Za-z0-9_-]+ +-?\d{1,9} +(\S+) +[^\0-\x1f\x7f]+$/.exec(line) ?? [];
  if (uri === undefined || line.length > 10_000) return false;
  const place = uri.replace(/\$$/, () => name);
  return !/^(?:[/\\]|[A-Za-z][A-Za-z0-9+.-]*:)|(?:^|[/\\])\.\.(?:[/\\#?]|$)/.test(place);
}

/**
 * Rewrites an inventory of Sphinx, in base64, with the lines that refer to its own pages: Sphinx would use any URL in
 * the others as a link. Undefined if it is not an inventory.
 */
export function soundInventory(inventory: Buffer, name: string, version: string): string | undefined {
  const lines = inventoryLines(inventory.toString('base64'));
  if (!lines) return undefined;
  const sound = lines.filter(isReference).map((line) => `${line}\n`);
  const head = [
    'Sphinx inventory version 2',
    `Project: ${name}`,
    `Version: ${version}`,
    'The remainder of this file is compressed using zlib.',
  ];
  const text = head.map((line) => `# ${line}\n`).join('');
  return Buffer.concat([Buffer.from(text), deflateSync(Buffer.from(sound.join('')))]).toString('base64');
}
