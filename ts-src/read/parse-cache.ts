import { entry } from '../model/maps.ts';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIf, writeWhole } from '../io/files.ts';
import { defer } from '../io/deferred.ts';
import { sha256 } from '../model/digest.ts';

declare const SLIPWAY_VERSION: string;

/**
 * What is kept is of one program alone: another one, be it of the same version, may read a text otherwise. Text for the
 * first line of the file.
 */
function editionOf(): string {
  try {
    return `${SLIPWAY_VERSION} ${sha256(readFileSync(process.argv[1] ?? ''), 'base64')}`;
  } catch {
    return SLIPWAY_VERSION;
  }
}
let edition: string | undefined;

const digestLength = 27;
/**
 * Of the number that says how long a value is written, by which one of two that were written at once is known to be
 * broken.
 */
const lengthLength = 9;
const headLength = digestLength + lengthLength;
/** What is kept under the digest of a text, ours or others', is used without another look at it. */
const digest = (text: string): string => sha256(text, 'base64').slice(0, digestLength);

/** How what is kept is written in one line, and read back. */
export interface Form<T> {
  write(value: T): string;
  read(text: string): T;
}

const json: Form<never> = { write: (value) => JSON.stringify(value), read: (text) => JSON.parse(text) as never };

/**
 * What was read before, by the digest of its text, in one file: parsing is most of the time that a plan takes. A line
 * for each, digest and value, so that what is new is added at the end and what is old is parsed when it is asked for.
 */
export class ParseCache<T> {
  private readonly lines = new Map<string, string>();
  private readonly used = new Set<string>();
  private readonly added: { text: string; value: () => T }[] = [];
  private readonly file: string;
  /** The file is there, in this form, and ends as it should: it can be added to. */
  private whole = false;

  /**
   * `file` appears when the program has said all, if anything was new. Nothing is kept where there is no state yet: a
   * clone that lives for one plan would only lose time.
   */
  constructor(
    private readonly state: string,
    name: string,
    private readonly form: Form<T> = json,
  ) {
    this.file = join(state, 'parsed', name);
    const text = readIf(this.file, 'latin1') ?? '';
    edition ??= editionOf();
    if (text.startsWith(`${edition}\n`)) {
      this.whole = text.endsWith('\n');
      for (
        let at = edition.length + 1, end = text.indexOf('\n', at);
        end >= 0;
        at = end + 1, end = text.indexOf('\n', at)
      )
        this.lines.set(text.slice(at, at + digestLength), text.slice(at, end));
    }
    defer(() => this.keep());
  }

  /** What was read of a text. Where nothing is known no digest is taken to find that out. */
  get(text: string): T | undefined {
    if (!this.lines.size) return undefined;
    const key = digest(text);
    const line = this.lines.get(key);
    if (line === undefined) return undefined;
    try {
      if (Number(line.slice(digestLength, headLength)) !== line.length - headLength) return undefined;
      const value = this.form.read(line.slice(headLength));
      this.used.add(key);
      return value;
    } catch {
      // Another run was stopped while it wrote this.
      return undefined;
    }
  }

  /** Keeps what was read of a text: `value` is asked when all was said, and only where there is a place to keep it. */
  put(text: string, value: () => T): void {
    this.added.push({ text, value });
  }

  /** Adds what is new; where half of the file is not asked for any more, that is forgotten. */
  private keep(): void {
    if (!this.added.length || !existsSync(this.state)) return;
    const added = this.added
      .map(({ text, value }) => {
        const written = ascii(this.form.write(value()));
        return `${digest(text)}${String(written.length).padStart(lengthLength)}${written}\n`;
      })
      .join('');
    if (this.whole && this.lines.size <= 2 * this.used.size) appendFileSync(this.file, added, 'latin1');
    else
      writeWhole(
        this.file,
        Buffer.from(
          `${edition}\n${[...this.used].map((key) => `${entry(this.lines, key)}\n`).join('')}${added}`,
          'latin1',
        ),
        { sync: false },
      );
  }
}

/** ASCII alone: it is read in half the time. What is not stands in JSON. */
export const ascii = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
