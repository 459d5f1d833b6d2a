import { inflateSync } from 'node:zlib';
import { readLeft } from '../../io/untrusted.ts';
import { sha256 } from '../../model/digest.ts';
import type { DocInterface, DocResults } from '../../model/docs.ts';
import { isDocResults } from '../../model/stored.ts';

const largest = 64 << 20;

/**
 * Results of the documentation tools; undefined if missing or invalid, since the package's own code could change them.
 */
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
 * Digest of a package's documentation for the keys of packages that refer to it: link targets, without the version in
 * Sphinx's inventory.
 */
export function interfaceDigest({ tag, inventory, messages }: DocInterface): string {
  return sha256(
    JSON.stringify([tag ?? '', inventory === undefined ? '' : (inventoryLines(inventory) ?? [inventory]), messages]),
  );
}

/** The entries of a Sphinx inventory (version 2), sorted; undefined if it is invalid. */
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
