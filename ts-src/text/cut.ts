/** What a text has before a separator; all of it where it has none. */
export function before(text: string, separator: string): string {
  const end = text.indexOf(separator);
  return end < 0 ? text : text.slice(0, end);
}

/** What a text has after the last of a character; all of it where it has none. */
export const afterLast = (text: string, character: string): string => text.slice(text.lastIndexOf(character) + 1);

export const firstLine = (text: string): string => before(text, '\n');
