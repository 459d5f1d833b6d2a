import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeWhole } from '../io/files.ts';
import { later } from '../io/later.ts';

declare const SLIPWAY_VERSION: string;

/** Raised when what is kept changes in form or meaning. */
const form = `2 ${SLIPWAY_VERSION}`;

/** What is kept under the digest of a text, ours or others', is used without another look at it. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 27);

/** What was read before, by the digest of its text, in one file: parsing is most of the time that a plan takes. */
export class Memory<T> {
  private readonly before: Record<string, T>;
  private readonly now: Record<string, T> = {};
  private readonly added: { text: string; value: () => T }[] = [];
  private readonly isEmpty: boolean;

  /**
   * `file` appears when the program has said all, if anything was new. What a run does not ask for is forgotten. Nothing is kept
   * where there is no state yet: a clone that lives for one plan would only lose time.
   */
  constructor(state: string, name: string) {
    const file = join(state, 'parsed', name);
    const read = readJson<{ form: string; entries: Record<string, T> }>(file, 'latin1');
    this.before = read?.form === form ? read.entries : {};
    this.isEmpty = read?.form !== form;
    later(() => {
      if (!this.added.length || !existsSync(state)) return;
      for (const { text, value } of this.added) this.now[digest(text)] = value();
      // ASCII alone: it is read in half the time.
      const text = JSON.stringify({ form, entries: this.now }).replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
      writeWhole(file, Buffer.from(text, 'latin1'), { sync: false });
    });
  }

  /** What was read of a text. Where nothing is known no digest is taken to find that out. */
  get(text: string): T | undefined {
    if (this.isEmpty) return undefined;
    const key = digest(text);
    if (!Object.hasOwn(this.before, key)) return undefined;
    const value = this.before[key]!;
    this.now[key] = value;
    return value;
  }

  /** Keeps what was read of a text: `value` is asked when all was said, and only where there is a place to keep it. */
  put(text: string, value: () => T): void {
    this.added.push({ text, value });
  }
}
