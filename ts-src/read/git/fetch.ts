import { first } from '../../model/lists.ts';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { sha256 } from '../../model/digest.ts';
import { sizeText } from '../../model/sizes.ts';
import { isLocalUrl, isSourceUrl } from '../../model/urls.ts';
import { exists, noteUse, readIf, writeWhole, makeFolder } from '../../io/files.ts';
import { withMutex } from '../../io/mutex.ts';
import { localFault, loginOf, mayUseCredentials } from './credentials.ts';
import { fetchBlobs } from './files.ts';
import { ensureRepository } from './repository.ts';
import {
  exceeds,
  git,
  local,
  diskWasFull,
  patiently,
  refused,
  outputOf,
  storeFault,
  unreachable,
  type Remote,
  type Reporter,
} from './process.ts';
import { largestTree, listTree, tooLarge, tooManyEntries } from './tree.ts';

/** A repository's content at one commit, in a bare repository of Slipway. */
export interface Snapshot {
  gitDir: string;
  /** Commit (git) or SHA-256 of the archive. */
  commit: string;
  /** Tree with submodules included. */
  tree: string;
}

export const hasTree = async (gitDir: string, object: string): Promise<boolean> =>
  (await git([...local, 'cat-file', '-e', `${object}^{tree}`], { gitDir })).code === 0;

/**
 * Folder of a repository below `state`. Repositories fetched with a login are separate: a pull request without access
 * could guess a commit's name.
 */
export function repositoryFolder(state: string, url: string): string {
  const open = isLocalUrl(url) || mayUseCredentials(loginOf(url).plain, false);
  return join(state, 'git', `${sha256(open ? url : `${url}\nwithout a login`).slice(0, 24)}.git`);
}

/** Fetches one commit, without history, into a repository under `state`, with submodules. */
export async function fetchCommit(
  url: string,
  commit: string,
  state: string,
  reporter: Reporter = {},
): Promise<Result<Snapshot>> {
  const found = await fetchCommits(url, [commit], state, 'all', reporter);
  return found.ok ? good(first(found.value)) : found;
}

/**
 * Fetches commits into a repository under `state`: `all` their content, or only their `trees`, to which `readFiles`
 * adds wanted files. One request for all; none for commits that are there.
 */
export async function fetchCommits(
  url: string,
  commits: readonly string[],
  state: string,
  what: 'all' | 'trees',
  reporter: Reporter = {},
): Promise<Result<Snapshot[]>> {
  const fault = localFault(url);
  if (fault) return bad(fault);
  const whole = repositoryFolder(state, url);
  const gitDir = what === 'all' ? whole : whole.replace(/\.git$/, '-trees.git');
  const known = async (commit: string): Promise<Snapshot | undefined> => {
    for (const dir of new Set([whole, gitDir])) {
      const tree = readIf(join(dir, 'slipway', commit));
      if (tree && (await hasTree(dir, tree))) {
        noteUse(dir);
        return { gitDir: dir, commit, tree };
      }
    }
    return undefined;
  };
  const there = await Promise.all(commits.map(known));
  if (there.every((s) => s !== undefined)) return good(there);
  return withMutex(`${gitDir}.lock`, async () => {
    const whole = await ensureRepository(gitDir, loginOf(url).plain);
    if (!whole.ok) return whole;
    // A process that was killed may have left parts of packs, as large as what it fetched.
    dropPartial(gitDir);
    // A crashed machine may have left git's own lock. Slipway's lock excludes other writers.
    const stale = join(gitDir, 'shallow.lock');
    if (exists(stale) && Date.now() - statSync(stale).mtimeMs > 600_000) rmSync(stale);
    const fetch = (): Fetch => ({
      gitDir,
      what,
      left: { entries: largestTree.entries, submodules: mostSubmodules },
      made: new Map(),
    });
    const remote: Remote = { url, reporter };
    const lacking = commits.filter((_, i) => !there[i]);
    const got = await fetchInto(fetch(), remote, lacking);
    if (!got.ok) return got;
    const snapshots: Snapshot[] = [];
    for (const [i, commit] of commits.entries()) {
      const found = there[i];
      if (found) {
        snapshots.push(found);
        continue;
      }
      const tree = await treeWithSubmodules(fetch(), remote, commit, 0);
      if (!tree.ok) return tree;
      makeFolder(join(gitDir, 'slipway'));
      writeWhole(join(gitDir, 'slipway', commit), tree.value);
      snapshots.push({ gitDir, commit, tree: tree.value });
    }
    return good(snapshots);
  });
}

interface Fetch {
  gitDir: string;
  what: 'all' | 'trees';
  /** Remaining budget of a commit, including submodules, which may repeat many times. */
  left: Share;
  /** Submodules by URL and commit, with the size of each. */
  made: Map<string, { tree: string; held: Share }>;
}

interface Share {
  entries: number;
  submodules: number;
}

/** Maximum number of submodules of a commit, including nested ones. */
const mostSubmodules = 1000;

/** Size limit of a .gitmodules file in bytes. */
const largestModules = 1 << 20;

async function fetchInto(fetch: Fetch, remote: Remote, commits: readonly string[]): Promise<Result<void>> {
  const { gitDir } = fetch;
  const { url } = remote;
  const lacking: string[] = [];
  for (const c of commits) if (!(await hasTree(gitDir, c))) lacking.push(c);
  if (!lacking.length) return good(undefined);
  const own = (await git(['config', 'remote.origin.url'], { gitDir })).stdout.trim() === loginOf(url).plain;
  // A filter needs a named remote. Trees of submodules are fetched completely.
  const filtered = fetch.what === 'trees' && own;
  let fetched = await patiently(
    (at) => [
      'fetch',
      '--quiet',
      '--no-tags',
      '--depth',
      '1',
      ...(filtered ? ['--filter=blob:none', '--', 'origin'] : ['--', at]),
      ...lacking,
    ],
    { gitDir },
    remote,
  );
  // A server may refuse commits that are not a branch's head; all branches and tags are fetched then.
  if (fetched.code !== 0 && !refused.test(fetched.stderr) && !exceeds(fetched.stderr) && !diskWasFull(fetched))
    fetched = await patiently(
      (at) => [
        'fetch',
        '--quiet',
        '--tags',
        '--',
        at,
        '+refs/heads/*:refs/slipway/heads/*',
        '+refs/tags/*:refs/slipway/tags/*',
      ],
      { gitDir },
      remote,
    );
  if (fetched.code !== 0) {
    dropPartial(gitDir);
    return unreachable(remote, fetched, gitDir);
  }
  for (const c of lacking)
    if (!(await hasTree(gitDir, c))) return bad(error('source-ref', `${url} has no commit ${c}`));
  return good(undefined);
}

/** Removes packs whose fetch failed: git leaves them if it is killed. */
function dropPartial(gitDir: string): void {
  const folder = join(gitDir, 'objects', 'pack');
  if (!exists(folder)) return;
  for (const name of readdirSync(folder)) if (name.startsWith('tmp_')) rmSync(join(folder, name), { force: true });
}

/** Subtracts a commit's size from the budget, for each use. */
function take({ left }: Fetch, url: string, { entries, submodules }: Share): Result<void> {
  left.entries -= entries;
  left.submodules -= submodules;
  if (left.entries < 0) return tooManyEntries(url);
  return left.submodules < 0 ? tooLarge(url, `${mostSubmodules} submodules`) : good(undefined);
}

async function treeOfSubmodule(fetch: Fetch, remote: Remote, commit: string, depth: number): Promise<Result<string>> {
  const key = `${remote.url}\n${commit}`;
  const known = fetch.made.get(key);
  if (known) {
    const taken = take(fetch, remote.url, known.held);
    return taken.ok ? good(known.tree) : taken;
  }
  const before = { ...fetch.left };
  const got = await fetchInto(fetch, remote, [commit]);
  const tree = got.ok ? await treeWithSubmodules(fetch, remote, commit, depth) : got;
  if (!tree.ok) return tree;
  const { entries, submodules } = fetch.left;
  const held = { entries: before.entries - entries, submodules: before.submodules - submodules };
  fetch.made.set(key, { tree: tree.value, held });
  return tree;
}

/** A commit's tree, with submodules replaced by their trees. */
async function treeWithSubmodules(
  fetch: Fetch,
  remote: Remote,
  commit: string,
  depth: number,
): Promise<Result<string>> {
  const { gitDir } = fetch;
  const { url } = remote;
  if (depth > 10) return bad(error('source-submodule', `${url}: submodules are nested more than 10 deep`));
  const whole = await listTree({ gitDir, tree: commit, where: url });
  if (!whole.ok) return whole;
  const links = whole.value.filter((e) => e.type === 'commit');
  const taken = take(fetch, url, { entries: whole.value.length, submodules: links.length });
  if (!taken.ok) return taken;
  if (!links.length) return outputOf(['rev-parse', `${commit}^{tree}`], { gitDir });
  const modules = whole.value.find((e) => e.path === '.gitmodules' && e.type === 'blob')?.object;
  if (modules) {
    const there = await fetchBlobs(gitDir, remote, [modules]);
    if (!there.ok) return there;
    if (there.value > largestModules) return tooLarge(url, `${sizeText(largestModules)} of .gitmodules`);
  }
  const listed = modules
    ? await outputOf(['config', '--no-includes', '--blob', `${commit}:.gitmodules`, '--null', '--list'], { gitDir })
    : good('');
  if (!listed.ok) return listed;
  const named = new Map<string, { path?: string; url?: string }>();
  for (const line of listed.value.split('\0')) {
    const m = /^submodule\.([^\n]*)\.(path|url)\n([^]*)$/.exec(line);
    const [, name = '', key = '', value = ''] = m ?? [];
    if (m) named.set(name, { ...named.get(name), [key]: value });
  }
  const index = join(gitDir, `slipway-index-${process.pid}-${sha256(`${url}${commit}${Math.random()}`).slice(0, 8)}`);
  // read-tree --prefix requires a work tree; it is never written to.
  const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: gitDir };
  try {
    const begun = await outputOf([...local, 'read-tree', commit], { gitDir, env });
    if (!begun.ok) return begun;
    for (const link of links) {
      const entry = [...named.values()].find((e) => e.path === link.path);
      if (!entry?.url) continue;
      const at = submoduleUrl(url, entry.url);
      // Same rule as git (CVE-2022-39253): a remote repository may not name local ones.
      if (!isSourceUrl(at, true) || (isLocalUrl(at) && !isLocalUrl(url)))
        return bad(
          error(
            'source-submodule',
            `${url}: the submodule ${link.path} has the URL ${JSON.stringify(entry.url)}, which is not allowed`,
          ),
        );
      const inner: Remote = { url: at, submodule: true, reporter: remote.reporter };
      const tree = await treeOfSubmodule(fetch, inner, link.object, depth + 1);
      if (!tree.ok) return tree;
      const removed = await git([...local, 'update-index', '--force-remove', '--', link.path], { gitDir, env });
      const added =
        removed.code === 0
          ? await git([...local, 'read-tree', `--prefix=${link.path}/`, tree.value], { gitDir, env })
          : removed;
      if (added.code !== 0)
        return bad(storeFault(`${url}: can't place the submodule ${link.path}`, added, gitDir, 'source-submodule'));
    }
    return await outputOf([...local, 'write-tree', '--missing-ok'], { gitDir, env });
  } finally {
    rmSync(index, { force: true });
  }
}

/** Same rule as git: a URL that begins with ./ or ../ is relative to the parent's. */
function submoduleUrl(parent: string, url: string): string {
  if (!url.startsWith('./') && !url.startsWith('../')) return url;
  let base = parent.replace(/\/$/, '');
  let rest = url;
  for (;;) {
    if (rest.startsWith('./')) rest = rest.slice(2);
    else if (rest.startsWith('../')) {
      rest = rest.slice(3);
      base = base.replace(/[/:][^/:]*$/, '');
    } else return `${base}/${rest}`;
  }
}
