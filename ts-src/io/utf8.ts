import { isUtf8 } from 'node:buffer';

/**
 * Decodes UTF-8. Each invalid byte becomes one of U+DC80 to U+DCFF, which valid text can't contain. Readers that find
 * one (`foreignByte`) refuse the text instead of working with replacement characters.
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

/** Length in bytes of the character at an offset; 0 if it is invalid. */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const long = first >= 0xf0 ? 4 : 3;
  const length = first >= 0xe0 ? long : 2;
  return isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length ? length : 0;
}

/** The first invalid byte of a decoded text, and its line. */
export function foreignByte(text: string): { byte: number; line: number } | undefined {
  // A surrogate pair is a valid character. Searching without the flag u first is faster.
  const at = /[\udc80-\udcff]/.test(text) ? text.search(/[\udc80-\udcff]/u) : -1;
  if (at < 0) return undefined;
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return { byte: text.charCodeAt(at) - 0xdc00, line };
}
