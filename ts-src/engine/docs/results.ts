import { inflateSync } from 'node:zlib';
import { readLeft } from '../../io/untrusted.ts';
import { sha256 } from '../../model/digest.ts';
import type { DocInterface, DocResults } from '../../model/docs.ts';
import { isDocResults } from '../../model/stored.ts';

const largest = 64 << 20;

/** Undefined where it left none, or none that can be read: the package's own code ran beside it. */
export async function readDocResults(build: string): Promise<DocResults | undefined> {
  const data = await readLeft(build, 'docs/results.json', largest);
  let value: unknown;
  try {
    value = JSON.parse(data?.toString('utf8') ?? 'null');
  } catch {
    return undefined;
  }
  return isDocResults(value) ? value : undefined;
}

/**
 * What stands for a package's documentation in the keys of those that refer to it: names and places that can be linked,
 * without the version that Sphinx writes into its inventory.
 */
export function interfaceDigest({ tag, inventory, messages }: DocInterface): string {
  return sha256(
    JSON.stringify([tag ?? '', inventory === undefined ? '' : (inventoryLines(inventory) ?? [inventory]), messages]),
  );
}

/** The entries of an inventory of Sphinx (version 2), sorted; undefined where it is none. */
export function inventoryLines(base64: string): string[] | undefined {
  const data = Buffer.from(base64, 'base64');
  let at = 0;
  for (let line = 0; line < 4; line++) at = data.indexOf(10, at) + 1;
  try {
    return inflateSync(data.subarray(at), { maxOutputLength: 64 << 20 })
      .toString('utf8')
      .split('\n')
      .filter((l) => l !== '')
      .sort();
  } catch {
    return undefined;
  }
}
