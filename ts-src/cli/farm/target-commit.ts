import { error, type Diagnostic } from '../../model/diagnostics.ts';
import { git } from '../../read/git/git.ts';
import { isRefName } from '../../read/source-entry.ts';
import { longestFetch, tookTooLong } from '../../io/patience.ts';
import { reasonOf } from '../../io/process.ts';
import { slowly } from '../../io/slow.ts';

const late = `it ${tookTooLong}`;

/**
 * The commit of a pull request's target branch, from the checkout or fetched from the checkout's origin. Only branches
 * are taken, or a whole commit: git reads names such as `HEAD` and `20260101` as commits, which the pull request makes.
 */
export async function targetCommit(root: string, name: string): Promise<string | Diagnostic> {
  if (!isRefName(name)) return error('history', `'${name}' is not a name of a branch`);
  for (const ref of [`refs/remotes/origin/${name}`, `refs/heads/${name}`]) {
    // rev-parse would read `refs/heads/x-g1234567` as a commit, too.
    const found = await git(['show-ref', '--verify', '--hash', ref], { cwd: root });
    if (found.code === 0) return found.stdout.trim();
  }
  if (/^[0-9a-f]{40}$/.test(name) && (await git(['cat-file', '-e', `${name}^{commit}`], { cwd: root })).code === 0)
    return name;
  const signal = AbortSignal.timeout(longestFetch);
  const fetched = await slowly(
    "the checkout's origin",
    git(['fetch', '--quiet', '--depth=1', 'origin', `refs/heads/${name}`], { cwd: root, limited: true, signal }),
  );
  const found =
    fetched.code === 0
      ? await git(['rev-parse', '--verify', '--quiet', 'FETCH_HEAD^{commit}'], { cwd: root })
      : fetched;
  return found.code === 0
    ? found.stdout.trim()
    : error('history', `the target branch '${name}' can't be fetched: ${signal.aborted ? late : reasonOf(found)}`, {
        hint: 'let the checkout fetch it too',
      });
}
