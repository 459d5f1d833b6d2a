/**
 * What a terminal would obey instead of showing: control characters but line feed and tab, and those that reorder text
 * (Unicode's bidirectional controls).
 */
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escape = (c: string): string => {
  const code = c.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
};

/** The text as a terminal or a console may be given it: a control character is shown as `\xNN`. */
export const printable = (text: string): string => text.replace(controls, escape);

/** The same for JSON, which stays the same value: a control character can only stand in a string of it. */
export const printableJson = (text: string): string =>
  text.replace(controls, (c) => (c === '\r' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`));
