import { unescapeXml, withoutTags } from '../text/xml.ts';

/** The words of a text in one line. */
export const oneLine = (text: string): string =>
  text
    .replace(/[\0-\x1f\x7f]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** A description without markup and entities. */
const plain = (xml: string): string => unescapeXml(withoutTags(xml)).replace(/[\0-\x08\x0b-\x1f\x7f]/g, ' ');

/** Debian's first line has less than 80 characters, and no article at its start (policy 3.4.1). */
const longestSummary = 78;

export interface Description {
  summary: string;
  /** Lines below the summary, without the leading space. */
  lines: string[];
}

/**
 * Makes a Debian description from a manifest's: the first sentence becomes the summary and is not repeated. `origin` is
 * added as the last paragraph, so that there always is one.
 */
export function describePackage(xml: string, name: string, origin: string): Description {
  const text = plain(xml);
  const sentence = oneLine(text).split(/(?<=[.!?])\s/)[0] ?? '';
  const short = withoutArticle(sentence.replace(/\.$/, ''));
  const whole = short.length <= longestSummary;
  const summary = whole ? short : `${short.slice(0, longestSummary - 3).replace(/\s+\S*$/, '')}...`;
  const rest = whole ? afterWords(text, sentence.split(' ').length) : text;
  return { summary: summary || name, lines: [...paragraphs(`${rest}\n\n${origin}`)] };
}

const withoutArticle = (text: string): string => text.replace(/^(?:an?|the)\s+(?=\S)/i, '');

/** The text after its first words, with paragraphs preserved. */
function afterWords(text: string, count: number): string {
  const words = new RegExp(`^\\s*(?:\\S+\\s*){${count}}`).exec(text)?.[0] ?? text;
  return text.slice(words.length);
}

/** Lines of the extended description, without the leading space (policy 5.6.13). */
function paragraphs(text: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    const words = oneLine(paragraph);
    if (!words) continue;
    if (lines.length) lines.push('.');
    lines.push(...wrapped(words, 76));
  }
  return lines.map((l) => (l.startsWith('.') && l !== '.' ? ` ${l}` : l));
}

/** Wraps text; a longer word gets its own line. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').filter(Boolean)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return line ? [...lines, line] : lines;
}
