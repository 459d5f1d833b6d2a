import { isUtf8 } from 'node:buffer';

/**
 * The text of bytes that should be UTF-8. A byte that can't be is U+DC80 to U+DCFF, which no such text has: a reader
 * that finds one (`foreignByte`) refuses the text, instead of taking a replacement for what was written.
 */
export function utf8Text(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd') || isUtf8(bytes)) return text;
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = characterAt(bytes, at);
    parts.push(length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length));
    at += Math.max(1, length);
  }
  return parts.join('');
}

/** Bytes of the character that begins there; 0 where none does. */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const long = first >= 0xf0 ? 4 : 3;
  const length = first >= 0xe0 ? long : 2;
  return isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length ? length : 0;
}

/** The first byte of a text that was no UTF-8, and its line. */
export function foreignByte(text: string): { byte: number; line: number } | undefined {
  // As half of a pair it is part of another character; looking for it alone takes longer.
  const at = /[\udc80-\udcff]/.test(text) ? text.search(/[\udc80-\udcff]/u) : -1;
  if (at < 0) return undefined;
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return { byte: text.charCodeAt(at) - 0xdc00, line };
}
