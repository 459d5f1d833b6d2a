import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { exists, noteUse, temporaryBeside, makeFolder } from '../../io/files.ts';
import { codeOf } from '../../io/faults.ts';
import { bringLargeFiles } from './large-files.ts';
import { git, storeFault } from './process.ts';
import { listTree } from './tree.ts';
import { removeTree } from '../../io/remove-tree.ts';

/** Writes a tree into `folder`, which must be empty: files, modes and symlinks, without git's data. */
export async function checkout(snapshot: { gitDir: string }, tree: string, folder: string): Promise<Result<string>> {
  const held = await listTree({ gitDir: snapshot.gitDir, tree, where: tree, measured: true });
  if (!held.ok) return held;
  makeFolder(folder);
  const index = `${folder}.index`;
  try {
    const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: folder };
    const read = await git(['read-tree', tree], { gitDir: snapshot.gitDir, env, cwd: folder });
    const out =
      read.code === 0
        ? await git(['checkout-index', '--all', '--quiet', `--prefix=${folder}/`], {
            gitDir: snapshot.gitDir,
            env,
            cwd: folder,
          })
        : read;
    if (out.code === 0) return await bringLargeFiles(snapshot.gitDir, held.value, folder);
    return bad(storeFault(`can't check out ${tree}`, out, snapshot.gitDir));
  } finally {
    rmSync(index, { force: true });
  }
}

/** Checks out a ref of a user's repository below `state`. `top`: the root folder of that repository. */
export async function checkoutRef(
  folder: string,
  ref: string,
  state: string,
): Promise<Result<{ folder: string; top: string; commit: string }>> {
  const asked = await git(['rev-parse', '--show-toplevel', '--absolute-git-dir'], { cwd: folder });
  if (asked.code !== 0) return bad(error('history', `${folder} is in no git repository, so it has no '${ref}'`));
  const [top = '', gitDir = ''] = asked.stdout.trim().split('\n');
  const resolved = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], {
    cwd: folder,
  });
  const commit = resolved.stdout.trim();
  if (resolved.code !== 0)
    return bad(
      error('history', `the distro repository has no commit '${ref}'`, {
        hint: 'name a branch, a tag or a commit; in a shallow clone, fetch it first',
      }),
    );
  const kept = await keptCheckout({ gitDir }, commit, join(state, 'refs', commit));
  return kept.ok ? good({ folder: kept.value, top, commit }) : kept;
}

/**
 * A checkout of a commit that later runs use too. It gets its name when it is complete: a process may be killed
 * meanwhile, and others may make the same one.
 */
export async function keptCheckout(
  snapshot: { gitDir: string },
  commit: string,
  kept: string,
): Promise<Result<string>> {
  if (exists(kept)) {
    noteUse(kept);
    return good(kept);
  }
  makeFolder(dirname(kept));
  const temporary = temporaryBeside(kept);
  try {
    const out = await checkout(snapshot, commit, temporary);
    if (!out.ok) return out;
    try {
      renameSync(temporary, kept);
    } catch (e) {
      // Another slipway process wrote the same files first.
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(e) ?? '')) throw e;
    }
    return good(kept);
  } finally {
    removeTree(temporary);
  }
}
