import { foreignByte } from '../io/utf8.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';

/** The error for a text that is not UTF-8; undefined for others. `what`: the file in messages, with its code. */
export function notUtf8(
  text: string,
  file: string,
  { what, code, rule }: { what: string; code: string; rule: string },
): Diagnostic | undefined {
  const foreign = foreignByte(text);
  return (
    foreign &&
    error(code, `${what} is not UTF-8: this line has the byte 0x${foreign.byte.toString(16)}`, {
      file,
      line: foreign.line,
      hint: `${rule}: \`iconv -f LATIN1 -t UTF-8\``,
    })
  );
}
