import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { sizeText } from '../../model/sizes.ts';
import { TooMuch } from '../../io/process.ts';
import { git, local, storeFault } from './process.ts';

/** Limits of a commit's tree. A tree can contain itself many times: small to send, but endless to list or write. */
export const largestTree = { entries: 500_000, bytes: 16 * 2 ** 30 };

/** Limit for the total length of all paths. */
const longestListing = 128 << 20;

export interface TreeEntry {
  type: 'blob' | 'tree' | 'commit';
  object: string;
  path: string;
}

/** The error for a tree above the limit `most`. */
export const tooLarge = (where: string, most: string): Result<never> =>
  bad(
    error('source-size', `${where} holds more than ${most}: it is too large to read`, {
      hint: 'remove files that packages do not need, or split the repository',
    }),
  );

export const tooManyEntries = (where: string): Result<never> =>
  tooLarge(where, `${largestTree.entries.toLocaleString('en-US')} files and folders`);

interface Listing {
  gitDir: string;
  tree: string;
  /** Name of the listed tree, for messages. */
  where: string;
  /** Also sum up file sizes, as far as blobs are available locally. */
  measured?: boolean;
}

/** All entries of a tree, including folders and submodules. */
export async function listTree({ gitDir, tree, where, measured }: Listing): Promise<Result<TreeEntry[]>> {
  const entries: TreeEntry[] = [];
  const chunks = new Lines();
  let bytes = 0;
  const add = (line: string): void => {
    const tab = line.indexOf('\t');
    const [, type, object, size] = line.slice(0, tab).split(/ +/);
    if (tab < 0 || object === undefined || (type !== 'blob' && type !== 'tree' && type !== 'commit')) return;
    entries.push({ type, object, path: line.slice(tab + 1) });
    bytes += Number(size) || 0;
    if (entries.length > largestTree.entries || bytes > largestTree.bytes) throw new TooMuch();
  };
  const onOutput = (chunk: Buffer): void => {
    for (const line of chunks.of(chunk)) add(line);
    if (chunks.length > longestListing) throw new TooMuch();
  };
  try {
    // Includes folders, since a tree may consist of folders only.
    const args = ['ls-tree', '-r', '-t', '-z', '--full-tree', ...(measured ? ['-l'] : []), tree];
    const listed = await git([...local, ...args], { gitDir, onOutput });
    if (listed.code === 0) return good(entries);
    return bad(storeFault(`can't list the files of ${where}`, listed, gitDir));
  } catch (e) {
    if (!(e instanceof TooMuch)) throw e;
    if (bytes > largestTree.bytes) return tooLarge(where, `${sizeText(largestTree.bytes)} of files`);
    return tooManyEntries(where);
  }
}

/** Splits chunks into records that end with NUL. */
class Lines {
  /** Number of bytes so far. */
  length = 0;
  private rest: Buffer[] = [];

  *of(chunk: Buffer): Generator<string> {
    this.length += chunk.length;
    let at = 0;
    for (let end = chunk.indexOf(0); end >= 0; at = end + 1, end = chunk.indexOf(0, at)) {
      const part = chunk.subarray(at, end);
      yield (this.rest.length ? Buffer.concat([...this.rest, part]) : part).toString('utf8');
      this.rest = [];
    }
    if (at < chunk.length) this.rest.push(chunk.subarray(at));
  }
}
