import { lstatSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bad, good, type Result } from '../../model/diagnostics.ts';
import { makeFolder, readIf, temporaryBeside } from '../../io/files.ts';
import { removeTree } from '../../io/remove-tree.ts';
import { git, storeFault } from './process.ts';

/**
 * Makes a bare repository of Slipway; `origin`: the URL of its remote. It gets its name when it is complete, since git
 * may be killed meanwhile. One that git can't read is made again: what it holds can be fetched again. The caller holds
 * its lock.
 */
export async function ensureRepository(gitDir: string, origin?: string): Promise<Result<void>> {
  if (isWhole(gitDir)) return good(undefined);
  makeFolder(dirname(gitDir));
  const temporary = temporaryBeside(gitDir);
  try {
    const made = await git(['init', '--quiet', '--bare', temporary]);
    const named =
      made.code === 0 && origin !== undefined
        ? await git(['config', 'remote.origin.url', origin], { gitDir: temporary })
        : made;
    if (named.code !== 0) return bad(storeFault(`can't make ${gitDir}`, named, gitDir));
    removeTree(gitDir);
    renameSync(temporary, gitDir);
    return good(undefined);
  } finally {
    removeTree(temporary);
  }
}

/** Whether git takes a folder for a repository. Tests by reading: git would wait forever for a FIFO. */
function isWhole(gitDir: string): boolean {
  const head = readIf(join(gitDir, 'HEAD')) ?? '';
  return (
    /^(?:ref: |[0-9a-f]{40})/.test(head) &&
    ['objects', 'refs'].every((name) => lstatSync(join(gitDir, name), { throwIfNoEntry: false })?.isDirectory())
  );
}
