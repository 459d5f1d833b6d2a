/**
 * Characters that control a terminal: control characters except line feed and tab, and those that reorder text
 * (Unicode's bidirectional controls).
 */
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escape = (c: string): string => {
  const code = c.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
};

/** Text that is safe for a terminal: control characters are shown as `\xNN`. */
export const printable = (text: string): string => text.replace(controls, escape);

/** The same for JSON, preserving its value: control characters can only occur in strings. */
export const printableJson = (text: string): string =>
  text.replace(controls, (c) => (c === '\r' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`));
