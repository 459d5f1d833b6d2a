import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { sizeText } from '../../model/sizes.ts';
import { TooMuch } from '../../io/process.ts';
import { git, gitReason, local } from './process.ts';

/**
 * What a commit may hold at most. A tree can stand in itself many times: what is small to send is then without end to
 * list, and to write to a disk.
 */
export const largestTree = { entries: 500_000, bytes: 16 * 2 ** 30 };

/** Characters of all its paths. */
const longestListing = 128 << 20;

export interface TreeEntry {
  type: 'blob' | 'tree' | 'commit';
  object: string;
  path: string;
}

/** `most`: what would be taken of one. */
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
  /** What is listed, for messages. */
  where: string;
  /** Also adds up the files' sizes, as far as these are known here. */
  measured?: boolean;
}

/** All that a tree holds, folders and links to other repositories included. */
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
    // Folders too: there may be nothing but these.
    const args = ['ls-tree', '-r', '-t', '-z', '--full-tree', ...(measured ? ['-l'] : []), tree];
    const listed = await git([...local, ...args], { gitDir, onOutput });
    if (listed.code === 0) return good(entries);
    return bad(error('source-store', `can't list the files of ${where}: ${gitReason(listed)}`));
  } catch (e) {
    if (!(e instanceof TooMuch)) throw e;
    if (bytes > largestTree.bytes) return tooLarge(where, `${sizeText(largestTree.bytes)} of files`);
    return tooManyEntries(where);
  }
}

/** Lines that end with a zero, out of pieces of them. */
class Lines {
  /** Bytes that were given so far. */
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
