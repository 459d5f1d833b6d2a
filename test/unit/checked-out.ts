import { join } from 'node:path';
import { good, type Result } from '../../ts-src/model/diagnostics.ts';
import { checkout, fetchCommit, resolveRef } from '../../ts-src/read/git/git.ts';

/** Fetches a branch into a state folder and checks it out. Returns the folder with its files. */
export async function checkedOut(url: string, branch: string, state: string): Promise<Result<string>> {
  const commit = await resolveRef(url, branch);
  if (!commit.ok) return commit;
  const got = await fetchCommit(url, commit.value, state);
  if (!got.ok) return got;
  const out = join(state, 'out');
  const written = await checkout(got.value, got.value.tree, out);
  return written.ok ? good(out) : written;
}
