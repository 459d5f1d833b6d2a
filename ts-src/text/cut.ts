/** The part of a text before the first separator; the whole text if there is none. */
export function before(text: string, separator: string): string {
  const end = text.indexOf(separator);
  return end < 0 ? text : text.slice(0, end);
}

/** The part of a text after the last separator, one character; the whole text if there is none. */
export const afterLast = (text: string, character: string): string => text.slice(text.lastIndexOf(character) + 1);

/** The last non-empty line; empty if there is none. */
export const lastLine = (text: string): string => afterLast(text.trimEnd(), '\n').trimStart();

export const firstLine = (text: string): string => before(text, '\n');

/** The text, cut after so many characters with an ellipsis. */
export const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}…` : text;

/** The text without halves of surrogate pairs, which have no place in a URL: JSON and YAML can hold them. */
export const wellFormed = (text: string): string => text.replace(/[\ud800-\udfff]/gu, '\ufffd');

/**
 * The lines of a text, one after another. Hundreds of millions of them in a list would end this process: an array holds
 * no more, which is no error that can be caught.
 */
export const linesOf = (text: string): Generator<string> => partsOf(text, '\n');

/** The parts of a text between separators, one after another: a list of millions of them would take all memory. */
export function* partsOf(text: string, separator: string): Generator<string> {
  for (let at = 0; at <= text.length;) {
    const end = text.indexOf(separator, at);
    yield text.slice(at, end < 0 ? undefined : end);
    at = end < 0 ? text.length + 1 : end + separator.length;
  }
}
