import { fileURLToPath } from 'node:url';
import { dirname, join, relative } from 'node:path';
import { exists } from '../io/files.ts';
import { warning, type Diagnostic } from '../model/diagnostics.ts';
import { isLocalUrl } from '../model/urls.ts';
import { git } from './git/git.ts';
import { endlessForGit } from './git/content.ts';
import type { RepositoryPackages } from './packages.ts';

/** Warns of uncommitted changes to packages in local repositories, which builds of a commit do not include. */
export async function warnOfUncommitted(
  name: string,
  found: RepositoryPackages & { url: string },
  state: string,
): Promise<Diagnostic[]> {
  if (!isLocalUrl(found.url)) return [];
  const folder = localPath(found.url);
  const changed = folder === undefined ? [] : await uncommittedIn(folder, found.commit, state);
  const ours = changed.filter(
    (path) =>
      found.packages.some((p) => p.path === '' || path.startsWith(`${p.path}/`)) ||
      path === 'package.xml' ||
      path.endsWith('/package.xml') ||
      (path.endsWith('/') && exists(join(folder ?? '', path, 'package.xml'))),
  );
  if (folder === undefined || !ours.length) return [];
  const shown = `${ours.slice(0, 3).join(', ')}${ours.length > 3 ? ` and ${ours.length - 3} more` : ''}`;
  return [
    warning('source-uncommitted', `'${name}': changes in ${folder} are not committed, and are not built: ${shown}`, {
      hint: `commit them, or build the folder as it is: --override ${name}=${folder}`,
    }),
  ];
}

/** Paths that differ from `commit`, if the folder's work tree is at that commit. Excludes ignored files. */
async function uncommittedIn(folder: string, commit: string, state: string): Promise<string[]> {
  // git never checks out a path named .git, so this machine's user created it, and its settings are trusted.
  if (!exists(join(folder, '.git'))) return [];
  if ((await endlessForGit(folder)) !== undefined) return [];
  const options = { cwd: folder, env: { GIT_OPTIONAL_LOCKS: '0', GIT_CEILING_DIRECTORIES: dirname(folder) } };
  const head = await git(['rev-parse', 'HEAD'], options);
  if (head.code !== 0 || head.stdout.trim() !== commit) return [];
  const status = await git(['status', '--porcelain', '-z', '--no-renames', '--ignore-submodules=none'], options);
  if (status.code !== 0) return [];
  const own = relative(folder, state);
  return status.stdout
    .split('\0')
    .map((entry) => entry.slice(3))
    .filter((path) => path !== '' && path !== `${own}/` && !path.startsWith(`${own}/`));
}

function localPath(url: string): string | undefined {
  if (!/^file:/i.test(url)) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}
