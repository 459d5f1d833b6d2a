import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { exists } from '../io/files.ts';

/** Size limit of a list in bytes; usual ones have 60 MB. What is kept of all lists fits a text of this size, too. */
export const largestList = 256 << 20;

/**
 * The files of a base's lists of packages. Undefined if they are missing, are not plain text, or are larger than any
 * archive's.
 */
export function listFiles(lists: string): string[] | undefined {
  const names = exists(lists) ? readdirSync(lists).filter((f) => /_Packages(\.\w+)?$/.test(f)) : [];
  const files = names.map((name) => join(lists, name));
  const readable = files.every((file) => file.endsWith('_Packages') && statSync(file).size <= largestList);
  return files.length && readable ? files : undefined;
}
