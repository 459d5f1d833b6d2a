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

/** An abbreviation's full stop ends no sentence. */
const sentenceEnd = /(?<!\b(?:e\.g|i\.e|cf|vs|incl|approx|resp)\.)(?<=[.!?])\s/i;

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
  const sentence = oneLine(text).split(sentenceEnd)[0] ?? '';
  const short = withoutArticle(sentence.replace(/\.$/, ''));
  if (short.length <= longestSummary) {
    const rest = afterWords(text, sentence.split(' ').length);
    return { summary: short || name, lines: paragraphs(`${rest}\n\n${origin}`) };
  }
  const lines = paragraphs(`${text}\n\n${origin}`);
  return { summary: summaryOf(short, lines[0] ?? ''), lines };
}

/**
 * The summary of a sentence that is too long for one: what it says that its subject is, or its first words. Differs
 * from the first line of the text below it.
 */
function summaryOf(sentence: string, firstLine: string): string {
  const said = withoutArticle(sentence.replace(/^(?:\S+ ){1,4}?(?:is|are) (?=(?:an?|the) )/i, ''));
  if (said.length <= longestSummary) return said;
  const cut = (text: string): string => text.replace(/[\s,;:(]+\S*$/, '');
  const summary = cut(said.slice(0, longestSummary - 3));
  return `${letters(summary) === letters(firstLine) ? cut(summary) : summary}...`;
}

const letters = (text: string): string => text.replace(/\W/g, '').toLowerCase();

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
