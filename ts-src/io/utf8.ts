import { isUtf8 } from 'node:buffer';

/**
 * Decodes UTF-8. Each invalid byte becomes one of U+DC80 to U+DCFF, which valid text can't contain. Readers that find
 * one (`foreignByte`) refuse the text instead of working with replacement characters.
 */
export function utf8Text(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd') || isUtf8(bytes)) return text;
  // Written in place: a list of hundreds of millions of characters would take all memory.
  const units = Buffer.alloc(2 * bytes.length);
  let end = 0;
  const unit = (value: number) => {
    end = units.writeUInt16LE(value, end);
  };
  for (let at = 0; at < bytes.length;) {
    const code = characterAt(bytes, at);
    if (code === undefined) unit(0xdc00 + (bytes[at] ?? 0));
    else if (code < 0x10000) unit(code);
    else {
      unit(0xd800 + ((code - 0x10000) >> 10));
      unit(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    at += code === undefined ? 1 : lengthOf(code);
  }
  return units.toString('utf16le', 0, end);
}

/** Number of bytes of a character in UTF-8. */
function lengthOf(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

/** The character at an offset; undefined if it is invalid: cut short, longer than needed, or no character. */
function characterAt(bytes: Buffer, at: number): number | undefined {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return first;
  if (first < 0xc2 || first > 0xf4) return undefined;
  const long = first >= 0xf0 ? 4 : 3;
  const length = first >= 0xe0 ? long : 2;
  let code = first & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i] ?? 0;
    if ((next & 0xc0) !== 0x80) return undefined;
    code = (code << 6) | (next & 0x3f);
  }
  const isOne = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && lengthOf(code) === length;
  return isOne ? code : undefined;
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
