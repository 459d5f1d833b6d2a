import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeWhole } from '../io/files.ts';
import { later } from '../io/later.ts';

declare const SLIPWAY_VERSION: string;

/** Raised when what is kept changes in form or meaning. */
export const form = `1 ${SLIPWAY_VERSION}`;

/** A digest of a text of ours and others': what is kept under it is used without another look at the text. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 27);

/** What was read before, by the digest of its text, in one file: parsing is most of the time that a plan takes. */
export class Memory<T> {
  private readonly before: Record<string, T>;
  private readonly now: Record<string, T> = {};
  private changed = false;

  /**
   * `file` appears when the program has said all, if anything was new. What a run does not ask for is forgotten. Nothing is kept
   * where there is no state yet: a clone that lives for one plan would only lose time.
   */
  constructor(state: string, name: string) {
    const file = join(state, 'parsed', name);
    const read = readJson<{ form: string; entries: Record<string, T> }>(file);
    this.before = read?.form === form ? read.entries : {};
    later(() => {
      if (this.changed && existsSync(state)) writeWhole(file, JSON.stringify({ form, entries: this.now }), { sync: false });
    });
  }

  get(key: string): T | undefined {
    if (!Object.hasOwn(this.before, key)) return Object.hasOwn(this.now, key) ? this.now[key] : undefined;
    const value = this.before[key]!;
    this.now[key] = value;
    return value;
  }

  put(key: string, value: T): void {
    this.now[key] = value;
    this.changed = true;
  }
}
