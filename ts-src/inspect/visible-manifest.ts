/** Elements of a manifest for people and indexes only: other packages' builds do not depend on them. */
const forPeople = new Set(['description', 'maintainer', 'author', 'license', 'url']);

const token =
  /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<(\/?)([A-Za-z_][\w.:-]*)((?:[^<>"']|"[^"<]*"|'[^'<]*')*?)(\/?)>|[^<]+/gy;

/**
 * The parts of a manifest that other packages can see: name, version, dependencies, groups and exports, without
 * comments, description, people, licences, links and white space between elements. Unknown elements count. Undefined if
 * the text is not a plain manifest (a document type, an unclosed element): then every byte counts.
 */
export function visibleManifest(xml: string): string | undefined {
  if (xml.includes('\ufffd')) return undefined;
  const open: string[] = [];
  let out = '';
  /** Depth of the omitted element; 0 outside of one. */
  let skipped = 0;
  let at = 0;
  token.lastIndex = 0;
  while (at < xml.length) {
    const m = token.exec(xml);
    if (!m) return undefined;
    at = token.lastIndex;
    const [found, closing, name, attributes, empty] = m;
    if (name !== undefined) {
      const own = open.length === 1 && open[0] === 'package' && forPeople.has(name);
      if (closing) {
        if (open.pop() !== name) return undefined;
        if (!skipped) out += `</${name}>`;
        else if (open.length < skipped) skipped = 0;
        continue;
      }
      if (!skipped && !(own && empty)) {
        if (own) skipped = open.length + 1;
        else out += `<${name}${plainAttributes(attributes ?? '')}${empty ? '/' : ''}>`;
      }
      if (!empty) open.push(name);
    } else if (found.startsWith('<![CDATA[')) {
      if (!skipped) out += found;
    } else if (!found.startsWith('<') && !skipped) out += found.trim() ? found.trim().replace(/\s+/g, ' ') : '';
  }
  return open.length ? undefined : out;
}

/** Attributes separated by single spaces; values unchanged. */
const plainAttributes = (text: string): string =>
  text.replace(/"[^"]*"|'[^']*'|\s+/g, (part) => (/^\s/.test(part) ? ' ' : part)).trimEnd();
