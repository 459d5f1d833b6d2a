import { entry } from '../model/maps.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIf, writeWhole } from '../io/files.ts';
import { appendFile } from '../io/write.ts';
import { defer } from '../io/deferred.ts';
import { sha256 } from '../model/digest.ts';

/**
 * Identifies the program: a cache is valid for exactly one, since even a program of the same version may parse
 * differently. First line of the file.
 */
const edition = `${SLIPWAY_VERSION} ${SLIPWAY_DIGEST}`;

const digestLength = 27;
/** Digits of a value's length, which detects a line broken by concurrent writers. */
const lengthLength = 9;
const headLength = digestLength + lengthLength;
/** A digest that is long enough for untrusted texts, because values are used without further checks. */
const digest = (text: string): string => sha256(text, 'base64').slice(0, digestLength);

/** How a value is written in one line, and read back. */
export interface Form<T> {
  write(value: T): string;
  read(text: string): T;
}

const json: Form<never> = { write: (value) => JSON.stringify(value), read: (text) => JSON.parse(text) as never };

/**
 * A file of parsed values by digest of their text: parsing is most of the time of a plan. One line per value; new ones
 * are appended, and old ones are parsed on demand.
 */
export class ParseCache<T> {
  private readonly lines = new Map<string, string>();
  private readonly used = new Set<string>();
  private readonly added: { text: string; value: () => T }[] = [];
  private readonly file: string;
  /** The file exists, has this format and ends properly, so it can be appended to. */
  private whole = false;

  /**
   * `file` is written at the program's end, if there are new values. Nothing is cached while there is no state folder,
   * because a clone for a single plan would only lose time.
   */
  constructor(
    private readonly state: string,
    name: string,
    private readonly form: Form<T> = json,
  ) {
    this.file = join(state, 'parsed', name);
    const text = readIf(this.file, 'latin1') ?? '';
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

  /** The cached value of a text. Computes no digest if the cache is empty. */
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
      // Another process was stopped while writing this line.
      return undefined;
    }
  }

  /** Caches a value. `value` is called at the program's end, and only if the cache can be written. */
  put(text: string, value: () => T): void {
    this.added.push({ text, value });
  }

  /** Writes new values. If half of the file was not used, unused values are removed. */
  private keep(): void {
    if (!this.added.length || !existsSync(this.state)) return;
    const added = this.added
      .map(({ text, value }) => {
        const written = ascii(this.form.write(value()));
        return `${digest(text)}${String(written.length).padStart(lengthLength)}${written}\n`;
      })
      .join('');
    if (this.whole && this.lines.size <= 2 * this.used.size) appendFile(this.file, added, 'latin1');
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

/** ASCII only, since reading ASCII is twice as fast. JSON escapes other characters. */
export const ascii = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
