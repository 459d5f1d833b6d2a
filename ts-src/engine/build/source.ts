import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { first } from '../../model/lists.ts';
import { run } from '../../io/process.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import { checkout, fetchCommit, repositoryFolder } from '../../read/git/git.ts';
import { restoreSource } from '../../store/sources.ts';
import type { Store } from '../../store/store.ts';

/** Writes a package's source into a folder. Returns the reason if it is not available. */
export async function bringSource(
  state: string,
  store: Store,
  p: PlannedPackage,
  target: string,
): Promise<string | undefined> {
  if (p.source.tree !== undefined && (await restoreSource(store, p.source.tree, target))) return undefined;
  const gitDir = await gitDirOf(state, p);
  if (!gitDir || !p.source.tree) return `its sources are not at hand (${p.source.url})`;
  const out = await checkout({ gitDir }, p.source.tree, target);
  return out.ok ? undefined : first(out.diagnostics).message;
}

/**
 * Applies the distro repository's patches to a source. Returns the reason if one does not apply. An untrusted source
 * could contain a git repository whose configuration runs commands, so git starts in the trusted folder above it, does
 * not search for repositories, and ignores all configuration.
 */
export async function applyPatches(
  distroRoot: string,
  patches: readonly string[],
  source: string,
): Promise<string | undefined> {
  const folder = dirname(source);
  const env = {
    PATH: process.env.PATH,
    LC_ALL: 'C.UTF-8',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CEILING_DIRECTORIES: dirname(folder),
  };
  const options = ['-p1', '--whitespace=nowarn', `--directory=${basename(source)}`];
  for (const patch of patches) {
    const applied = await run('git', ['apply', ...options, '--', join(distroRoot, patch)], { cwd: folder, env });
    if (applied.code !== 0) return `the patch ${patch} does not apply: ${applied.stderr.trim().split('\n')[0]}`;
  }
  return undefined;
}

/** The repository with a package's tree. */
export async function gitDirOf(state: string, p: PlannedPackage): Promise<string | undefined> {
  const own = repositoryFolder(state, p.source.url);
  for (const dir of [own, join(state, 'git', 'archives.git'), join(state, 'git', 'folders.git')]) {
    if (
      existsSync(dir) &&
      (await run('git', ['--git-dir', dir, 'cat-file', '-e', `${p.source.tree}^{tree}`])).code === 0
    )
      return dir;
  }
  const fetched =
    p.source.commit && /^[0-9a-f]{40}$/.test(p.source.commit)
      ? await fetchCommit(p.source.url, p.source.commit, state)
      : undefined;
  return fetched?.ok ? fetched.value.gitDir : undefined;
}
