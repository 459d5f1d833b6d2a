import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { sha256 } from '../../model/digest.ts';
import { exists, readIf, sha256File, temporaryBeside, writeWhole } from '../../io/files.ts';
import { withMutex } from '../../io/mutex.ts';
import { run, type Outcome } from '../../io/process.ts';
import type { SourceEntry } from '../../model/rosdistro.ts';

/** A repository's content at one commit, in a bare repository of our own. */
export interface Snapshot {
  gitDir: string;
  /** Commit (git) or SHA-256 of the archive. */
  commit: string;
  /** Tree with its submodules in place. */
  tree: string;
}

/** Settings of ours for git, after those that the environment has already (its credentials). */
const settings: [string, string][] = [
  ['core.autocrlf', 'false'],
  ['gc.auto', '0'],
  ['protocol.version', '2'],
  ['advice.detachedHead', 'false'],
];
function configuration(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const first = Number(env.GIT_CONFIG_COUNT ?? 0) || 0;
  const added: [string, string][] = settings.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${first + i}`, key],
    [`GIT_CONFIG_VALUE_${first + i}`, value],
  ]);
  return { ...Object.fromEntries(added), GIT_CONFIG_COUNT: String(first + settings.length) };
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  LC_ALL: 'C.UTF-8',
  GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
  ...configuration(process.env),
  ...(process.stdin.isTTY
    ? {}
    : { GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: process.env.GIT_SSH_COMMAND ?? 'ssh -o BatchMode=yes' }),
});

export const git = (
  args: string[],
  options: { gitDir?: string; cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> =>
  run('git', options.gitDir ? ['--git-dir', options.gitDir, ...args] : args, {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.input === undefined ? {} : { input: options.input }),
    env: { ...environment(), ...options.env },
  });

/** A URL as git takes it: paths are relative to the distro repository. */
export const absoluteUrl = (url: string, root: string): string =>
  /^[a-z+]+:\/\//.test(url) || /^[^/]+@?[^/]*:/.test(url) || isAbsolute(url) ? url : resolve(root, url);

const isCommit = (v: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(v);

/** What a person is told while sources are read. */
export interface Reporter {
  /** A repository is about to be read. */
  reading?(name: string): void;
  /** A server wants us to wait. */
  waiting?(text: string): void;
}

const refused = /\b429\b|rate limit|too many requests|abuse detection/i;
const passing =
  /timed out|connection reset|connection closed|early EOF|unexpected disconnect|hung up unexpectedly|returned error: 5\d\d|HTTP 5\d\d|temporary failure/i;
/** Seconds between one try and the next. */
const waits = { refused: [2, 8, 30, 60, 120], passing: [1, 4, 10] };

/** Runs git where a server takes part: what passes is tried again, and who asks us to slow down is given time. */
async function patiently(
  args: string[],
  options: Parameters<typeof git>[1],
  url: string,
  reporter: Reporter,
): Promise<Outcome> {
  for (let tried = 0; ; tried++) {
    const o = await git(args, options);
    const why =
      o.code === 0 ? undefined : refused.test(o.stderr) ? 'refused' : passing.test(o.stderr) ? 'passing' : undefined;
    const seconds = why && waits[why][tried];
    if (!why || seconds === undefined) return o;
    reporter.waiting?.(
      `${/^[a-z+]+:\/\/(?:[^@/]*@)?([^/]+)/.exec(url)?.[1] ?? url} ${why === 'refused' ? 'allows no more requests for now' : `did not answer (${lastLine(o)})`}: trying again in ${seconds} s`,
    );
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

const unreachable = (url: string, o: Outcome): Result<never> =>
  bad(
    refused.test(o.stderr)
      ? error('source-busy', `${url} allows no more requests for now: ${lastLine(o)}`, {
          hint: 'what was read is kept: try again later, or give git a login for that host, which raises its limit',
        })
      : error('source-unreachable', `can't read ${url}: ${lastLine(o)}`, {
          hint: 'is the URL right, and does `git ls-remote` work with it?',
        }),
  );

/** The commit that a branch, tag (peeled) or HEAD is now. */
export async function resolveRef(
  url: string,
  version: string | undefined,
  reporter: Reporter = {},
): Promise<Result<string>> {
  const found = await resolveRefs(url, [version], reporter);
  return found.ok ? found.value[0]! : found;
}

/** The same of several refs of one repository, by one ls-remote; each by itself may not be there. */
export async function resolveRefs(
  url: string,
  versions: readonly (string | undefined)[],
  reporter: Reporter = {},
): Promise<Result<Result<string>[]>> {
  const asked = versions.filter((v) => v === undefined || !isCommit(v));
  const refs = new Map<string, string>();
  // A command line has its limits; a release repository may have thousands of tags.
  for (let i = 0; i < asked.length; i += 200) {
    const patterns = asked
      .slice(i, i + 200)
      .flatMap((v) =>
        v === undefined
          ? ['HEAD']
          : v.startsWith('refs/')
            ? [v]
            : [`refs/heads/${v}`, `refs/tags/${v}`, `refs/tags/${v}^{}`],
      );
    const listed = await patiently(['ls-remote', '--', url, ...patterns], {}, url, reporter);
    if (listed.code !== 0) return unreachable(url, listed);
    for (const line of listed.stdout.split('\n')) {
      const tab = line.indexOf('\t');
      if (tab > 0) refs.set(line.slice(tab + 1), line.slice(0, tab));
    }
  }
  return good(
    versions.map((v) => {
      if (v !== undefined && isCommit(v)) return good(v);
      const commit =
        v === undefined
          ? refs.get('HEAD')
          : (refs.get(`refs/heads/${v}`) ??
            refs.get(`refs/tags/${v}^{}`) ??
            refs.get(`refs/tags/${v}`) ??
            (v.startsWith('refs/') ? refs.get(v) : undefined));
      return commit
        ? good(commit)
        : bad(error('source-ref', v === undefined ? `${url} has no HEAD` : `${url} has no branch or tag '${v}'`));
    }),
  );
}

const lastLine = (o: Outcome): string => {
  const lines = o.stderr.trim().split('\n');
  return (
    lines.find((l) => /^(fatal|error):/.test(l)) ??
    (lines[lines.length - 1] || `it ended with ${o.signal ?? o.code}`)
  ).replace(/^(fatal|error): /, '');
};

/** Where git must not ask a server by itself for each object that is not there. */
export const local = ['-c', 'remote.origin.promisor=false'];

const hasTree = async (gitDir: string, object: string): Promise<boolean> =>
  (await git([...local, 'cat-file', '-e', `${object}^{tree}`], { gitDir })).code === 0;

/** Brings one commit (not its history) into a repository under `state`, submodules included. */
export async function fetchCommit(
  url: string,
  commit: string,
  state: string,
  reporter: Reporter = {},
): Promise<Result<Snapshot>> {
  const found = await fetchCommits(url, [commit], state, 'all', reporter);
  return found.ok ? good(found.value[0]!) : found;
}

/**
 * Brings commits into a repository under `state`: `all` they hold, or their `trees` alone, to which `readFiles` adds
 * the files that are wanted. One request for all of them, and none for what is there.
 */
export async function fetchCommits(
  url: string,
  commits: readonly string[],
  state: string,
  what: 'all' | 'trees',
  reporter: Reporter = {},
): Promise<Result<Snapshot[]>> {
  const whole = join(state, 'git', `${sha256(url).slice(0, 24)}.git`);
  const gitDir = what === 'all' ? whole : whole.replace(/\.git$/, '-trees.git');
  const known = async (commit: string): Promise<Snapshot | undefined> => {
    for (const dir of new Set([whole, gitDir])) {
      const tree = readIf(join(dir, 'slipway', commit));
      if (tree && (await hasTree(dir, tree))) return { gitDir: dir, commit, tree };
    }
    return undefined;
  };
  const there = await Promise.all(commits.map(known));
  if (there.every((s) => s)) return good(there as Snapshot[]);
  return withMutex(`${gitDir}.lock`, async () => {
    if (!exists(join(gitDir, 'HEAD'))) {
      mkdirSync(gitDir, { recursive: true });
      const made = await git(['init', '--quiet', '--bare', gitDir]);
      const named = made.code === 0 ? await git(['config', 'remote.origin.url', url], { gitDir }) : made;
      if (named.code !== 0) return bad(error('source-store', `can't make ${gitDir}: ${lastLine(named)}`));
    }
    // A machine that died may have left git's own lock; nobody else writes here while we hold ours.
    const stale = join(gitDir, 'shallow.lock');
    if (exists(stale) && Date.now() - statSync(stale).mtimeMs > 600_000) rmSync(stale);
    const fetch: Fetch = { gitDir, what, reporter };
    const lacking = commits.filter((_, i) => !there[i]);
    const got = await fetchInto(fetch, url, lacking);
    if (!got.ok) return got;
    const snapshots: Snapshot[] = [];
    for (const [i, commit] of commits.entries()) {
      const found = there[i];
      if (found) {
        snapshots.push(found);
        continue;
      }
      const tree = await treeWithSubmodules(fetch, url, commit, 0);
      if (!tree.ok) return tree;
      mkdirSync(join(gitDir, 'slipway'), { recursive: true });
      writeWhole(join(gitDir, 'slipway', commit), tree.value);
      snapshots.push({ gitDir, commit, tree: tree.value });
    }
    return good(snapshots);
  });
}

/** What git says on its standard output; nothing is concluded from the silence of one that failed or was stopped. */
async function told(args: string[], options: Parameters<typeof git>[1]): Promise<Result<string>> {
  const out = await git(args, options);
  return out.code === 0
    ? good(out.stdout.trim())
    : bad(
        error(
          'source-store',
          `git ${args.find((a) => !a.startsWith('-') && !a.includes('='))} failed: ${lastLine(out)}`,
        ),
      );
}

interface Fetch {
  gitDir: string;
  what: 'all' | 'trees';
  reporter: Reporter;
}

async function fetchInto(fetch: Fetch, url: string, commits: readonly string[]): Promise<Result<void>> {
  const { gitDir, reporter } = fetch;
  const lacking: string[] = [];
  for (const c of commits) if (!(await hasTree(gitDir, c))) lacking.push(c);
  if (!lacking.length) return good(undefined);
  const own = (await git(['config', 'remote.origin.url'], { gitDir })).stdout.trim() === url;
  // A filter needs a remote with a name; a submodule's trees come whole.
  const filtered = fetch.what === 'trees' && own;
  let fetched = await patiently(
    [
      'fetch',
      '--quiet',
      '--no-tags',
      '--depth',
      '1',
      ...(filtered ? ['--filter=blob:none', '--', 'origin'] : ['--', url]),
      ...lacking,
    ],
    { gitDir },
    url,
    reporter,
  );
  // A server may refuse a commit that is no tip: then its branches and tags are taken whole.
  if (fetched.code !== 0 && !refused.test(fetched.stderr))
    fetched = await patiently(
      [
        'fetch',
        '--quiet',
        '--tags',
        '--',
        url,
        '+refs/heads/*:refs/slipway/heads/*',
        '+refs/tags/*:refs/slipway/tags/*',
      ],
      { gitDir },
      url,
      reporter,
    );
  if (fetched.code !== 0) return unreachable(url, fetched);
  for (const c of lacking)
    if (!(await hasTree(gitDir, c))) return bad(error('source-ref', `${url} has no commit ${c}`));
  return good(undefined);
}

/** The tree of a commit with its submodules' trees in place. */
async function treeWithSubmodules(fetch: Fetch, url: string, commit: string, depth: number): Promise<Result<string>> {
  const { gitDir } = fetch;
  if (depth > 10) return bad(error('source-submodule', `${url}: submodules are nested more than 10 deep`));
  const whole = await told(['ls-tree', '-r', '-z', '--full-tree', commit], { gitDir });
  if (!whole.ok) return whole;
  const entries = whole.value.split('\0');
  const links = entries
    .filter((l) => l.startsWith('160000 '))
    .map((l) => ({ commit: l.slice(14).split('\t')[0]!.trim(), path: l.slice(l.indexOf('\t') + 1) }));
  if (!links.length) return told(['rev-parse', `${commit}^{tree}`], { gitDir });
  const modules = entries.find((l) => l.endsWith('\t.gitmodules'))?.split(/[ \t]/)[2];
  if (modules) {
    const there = await fetchBlobs(gitDir, url, [modules], fetch.reporter);
    if (!there.ok) return there;
  }
  const listed = modules
    ? await told(['config', '--blob', `${commit}:.gitmodules`, '--null', '--list'], { gitDir })
    : good('');
  if (!listed.ok) return listed;
  const named = new Map<string, { path?: string; url?: string }>();
  for (const line of listed.value.split('\0')) {
    const m = /^submodule\.([^\n]*)\.(path|url)\n([^]*)$/.exec(line);
    if (m) named.set(m[1]!, { ...named.get(m[1]!), [m[2]!]: m[3]! });
  }
  const index = join(gitDir, `slipway-index-${process.pid}-${sha256(`${url}${commit}${Math.random()}`).slice(0, 8)}`);
  // A work tree that is never written to: read-tree --prefix asks for one.
  const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: gitDir };
  try {
    const begun = await told([...local, 'read-tree', commit], { gitDir, env });
    if (!begun.ok) return begun;
    for (const link of links) {
      const entry = [...named.values()].find((e) => e.path === link.path);
      if (!entry?.url) continue;
      if (entry.url.startsWith('-') || entry.url.startsWith('ext::'))
        return bad(
          error(
            'source-submodule',
            `${url}: the submodule ${link.path} has the URL ${JSON.stringify(entry.url)}, which is not allowed`,
          ),
        );
      const inner = submoduleUrl(url, entry.url);
      const got = await fetchInto(fetch, inner, [link.commit]);
      const tree = got.ok ? await treeWithSubmodules(fetch, inner, link.commit, depth + 1) : got;
      if (!tree.ok) return tree;
      const removed = await git([...local, 'update-index', '--force-remove', '--', link.path], { gitDir, env });
      const added =
        removed.code === 0
          ? await git([...local, 'read-tree', `--prefix=${link.path}/`, tree.value], { gitDir, env })
          : removed;
      if (added.code !== 0)
        return bad(error('source-submodule', `${url}: can't place the submodule ${link.path}: ${lastLine(added)}`));
    }
    return await told([...local, 'write-tree', '--missing-ok'], { gitDir, env });
  } finally {
    rmSync(index, { force: true });
  }
}

/** Brings the blobs that a repository of trees lacks, by one request. */
async function fetchBlobs(
  gitDir: string,
  url: string,
  blobs: readonly string[],
  reporter: Reporter,
): Promise<Result<void>> {
  if (!blobs.length) return good(undefined);
  const checked = await git([...local, 'cat-file', '--batch-check'], { gitDir, input: `${blobs.join('\n')}\n` });
  if (checked.code !== 0) return bad(error('source-store', `can't look for files of ${url}: ${lastLine(checked)}`));
  const missing = [
    ...new Set(
      checked.stdout
        .split('\n')
        .filter((l) => l.endsWith(' missing'))
        .map((l) => l.split(' ')[0]!),
    ),
  ];
  if (!missing.length) return good(undefined);
  const got = await patiently(
    [
      '-c',
      'fetch.negotiationAlgorithm=noop',
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-write-fetch-head',
      '--recurse-submodules=no',
      '--filter=blob:none',
      '--stdin',
      'origin',
    ],
    { gitDir, input: `${missing.join('\n')}\n` },
    url,
    reporter,
  );
  return got.code === 0 ? good(undefined) : unreachable(url, got);
}

/** The texts of blobs of a snapshot; of a repository that holds trees alone they are fetched. */
export async function readFiles(
  snapshot: Snapshot,
  url: string,
  blobs: readonly string[],
  reporter: Reporter,
): Promise<Result<string[]>> {
  if (!blobs.length) return good([]);
  const there = await fetchBlobs(snapshot.gitDir, url, blobs, reporter);
  if (!there.ok) return there;
  const out = await run('git', ['--git-dir', snapshot.gitDir, ...local, 'cat-file', '--batch'], {
    input: `${blobs.join('\n')}\n`,
    encoding: 'latin1',
  });
  const bytes = Buffer.from(out.stdout, 'latin1');
  const texts: string[] = [];
  for (let i = 0, at = 0; i < blobs.length; i++) {
    const end = bytes.indexOf(10, at);
    const [, kind, size] = bytes.subarray(at, end).toString().split(' ');
    if (kind !== 'blob')
      return bad(
        error('source-store', `${snapshot.gitDir} lacks ${blobs[i]!} of ${url}`, {
          hint: 'remove that folder: it is fetched anew',
        }),
      );
    texts.push(bytes.subarray(end + 1, end + 1 + Number(size)).toString('utf8'));
    at = end + 2 + Number(size);
  }
  return good(texts);
}

/** As git does: a URL that begins with ./ or ../ is relative to its parent's. */
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

/** A repository of our own for files that come without one, taken byte for byte. */
async function ensureContentRepository(gitDir: string): Promise<void> {
  if (!exists(join(gitDir, 'HEAD'))) {
    mkdirSync(gitDir, { recursive: true });
    await git(['init', '--quiet', '--bare', gitDir]);
  }
  mkdirSync(join(gitDir, 'info'), { recursive: true });
  writeFileSync(join(gitDir, 'info', 'attributes'), '* -text -ident -filter\n');
}

/**
 * A tar or zip archive, checked against its SHA-256, as a tree in a repository under `state`; one folder around
 * everything is taken off.
 */
export async function fetchArchive(entry: SourceEntry, url: string, state: string): Promise<Result<Snapshot>> {
  const commit = entry.sha256!;
  const gitDir = join(state, 'git', 'archives.git');
  const marker = join(gitDir, 'slipway', commit);
  const known = readIf(marker);
  if (known && (await hasTree(gitDir, known))) return good({ gitDir, commit, tree: known });
  const folder = mkdtempSync(join(tmpdir(), 'slipway-archive-'));
  try {
    const file = join(folder, 'archive');
    const got = await download(url, file);
    if (!got.ok) return got;
    const digest = await sha256File(file);
    if (digest !== commit)
      return bad(
        error('source-checksum', `${url} has the SHA-256 ${digest}, not ${commit}`, {
          hint: 'the archive changed, or the checksum is wrong: find out which before you write the new one down',
        }),
      );
    const content = join(folder, 'content');
    mkdirSync(content);
    const unpacked =
      entry.type === 'zip'
        ? await run('unzip', ['-q', file, '-d', content])
        : await run('tar', ['-x', '--no-same-owner', '-f', file, '-C', content]);
    if (unpacked.code !== 0) return bad(error('source-archive', `can't unpack ${url}: ${lastLine(unpacked)}`));
    const top = readdirSync(content, { withFileTypes: true });
    const root = top.length === 1 && top[0]!.isDirectory() ? join(content, top[0]!.name) : content;
    return await withMutex(`${gitDir}.lock`, async () => {
      await ensureContentRepository(gitDir);
      const env = { GIT_INDEX_FILE: join(folder, 'index') };
      const added = await git(['--work-tree', root, 'add', '--all', '--force', '.'], { gitDir, env, cwd: root });
      if (added.code !== 0) return bad(error('source-archive', `can't read ${url}: ${lastLine(added)}`));
      const tree = await told(['write-tree'], { gitDir, env });
      if (!tree.ok) return tree;
      mkdirSync(join(gitDir, 'slipway'), { recursive: true });
      writeWhole(marker, tree.value);
      return good({ gitDir, commit, tree: tree.value });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The files of a folder as they are now, committed or not, as a tree in a repository under `state`; what its .gitignore
 * leaves out is left out, and git repositories inside it (submodules) are taken in.
 */
export async function snapshotFolder(folder: string, state: string): Promise<Result<Snapshot>> {
  const gitDir = join(state, 'git', 'folders.git');
  return withMutex(`${gitDir}.lock`, async () => {
    await ensureContentRepository(gitDir);
    const tree = await treeOfFolder(gitDir, folder, 0);
    return tree.ok ? good({ gitDir, commit: tree.value, tree: tree.value }) : tree;
  });
}

async function treeOfFolder(gitDir: string, folder: string, depth: number): Promise<Result<string>> {
  const index = join(gitDir, `slipway-index-${process.pid}-${depth}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    const added = await git(['-c', 'advice.addEmbeddedRepo=false', '--work-tree', folder, 'add', '--all', '.'], {
      gitDir,
      env,
      cwd: folder,
    });
    if (added.code !== 0) return bad(error('source-folder', `can't read ${folder}: ${lastLine(added)}`));
    const listed = await told(['ls-files', '--stage', '-z'], { gitDir, env, cwd: folder });
    if (!listed.ok) return listed;
    const links = listed.value
      .split('\0')
      .filter((l) => l.startsWith('160000 '))
      .map((l) => l.slice(l.indexOf('\t') + 1));
    for (const path of links) {
      const inner =
        depth < 10
          ? await treeOfFolder(gitDir, join(folder, path), depth + 1)
          : bad(error('source-folder', `${folder}: repositories are nested more than 10 deep`));
      if (!inner.ok) return inner;
      const removed = await told(['update-index', '--force-remove', '--', path], {
        gitDir,
        env: { ...env, GIT_WORK_TREE: folder },
        cwd: folder,
      });
      const placed = removed.ok
        ? await told(['read-tree', `--prefix=${path}/`, inner.value], {
            gitDir,
            env: { ...env, GIT_WORK_TREE: gitDir },
          })
        : removed;
      if (!placed.ok) return placed;
    }
    return await told(['write-tree'], { gitDir, env });
  } finally {
    rmSync(index, { force: true });
  }
}

/**
 * A file by http, https, file or path. Where `since` is given and the server has nothing newer than it, nothing is
 * written.
 */
export async function download(url: string, file: string, since?: string): Promise<Result<string>> {
  const local = url.startsWith('file://')
    ? decodeURIComponent(new URL(url).pathname)
    : /^[a-z+]+:\/\//.test(url)
      ? undefined
      : url;
  try {
    if (local !== undefined) {
      copyFileSync(local, file);
      return good(file);
    }
    const got = await run('curl', [
      '--silent',
      '--show-error',
      '--fail',
      '--location',
      '--proto',
      '=http,https',
      '--remote-time',
      ...(since === undefined ? [] : ['--time-cond', since]),
      '--output',
      file,
      '--',
      url,
    ]);
    if (got.code === 127) {
      const response = await fetch(url);
      if (!response.ok) return bad(error('source-unreachable', `can't fetch ${url}: HTTP ${response.status}`));
      writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    } else if (got.code !== 0) return bad(error('source-unreachable', `can't fetch ${url}: ${got.stderr.trim()}`));
    return good(file);
  } catch (e) {
    return bad(error('source-unreachable', `can't fetch ${url}: ${(e as Error).message}`));
  }
}

/**
 * Names that git checks out are below `folder`, which must be empty: the tree's files, modes and links, nothing of git
 * itself.
 */
export async function checkout(snapshot: { gitDir: string }, tree: string, folder: string): Promise<Result<string>> {
  mkdirSync(folder, { recursive: true });
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
    return out.code === 0 ? good(folder) : bad(error('source-store', `can't check out ${tree}: ${lastLine(out)}`));
  } finally {
    rmSync(index, { force: true });
  }
}

/** The files of a repository of the person's at a ref, below `state`; `top` is that repository's own folder. */
export async function checkoutRef(
  folder: string,
  ref: string,
  state: string,
): Promise<Result<{ folder: string; top: string; commit: string }>> {
  const asked = await git(['rev-parse', '--show-toplevel', '--absolute-git-dir'], { cwd: folder });
  if (asked.code !== 0) return bad(error('history', `${folder} is in no git repository, so it has no '${ref}'`));
  const [top, gitDir] = asked.stdout.trim().split('\n') as [string, string];
  const resolved = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], {
    cwd: folder,
  });
  const commit = resolved.stdout.trim();
  if (resolved.code !== 0)
    return bad(
      error('history', `the distro repository has no commit '${ref}'`, {
        hint: 'a branch, a tag or a commit; in a shallow clone fetch it first',
      }),
    );
  const kept = join(state, 'refs', commit);
  if (!exists(kept)) {
    mkdirSync(join(state, 'refs'), { recursive: true });
    const temporary = temporaryBeside(kept);
    const out = await checkout({ gitDir }, commit, temporary);
    if (!out.ok) return out;
    try {
      renameSync(temporary, kept);
    } catch {
      // Another slipway was quicker: its files are the same.
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  return good({ folder: kept, top, commit });
}
