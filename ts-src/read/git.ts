import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { exists, readIf, sha256, sha256File, writeWhole } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { run, type Outcome } from '../io/process.ts';
import type { SourceEntry } from '../model/rosdistro.ts';

/** A repository's content at one commit, in a bare repository of our own. */
export interface Snapshot {
  gitDir: string;
  /** Commit (git) or SHA-256 of the archive. */
  commit: string;
  /** Tree with its submodules in place. */
  tree: string;
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env, LC_ALL: 'C.UTF-8', GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh', GIT_CONFIG_COUNT: '4', GIT_CONFIG_KEY_0: 'core.autocrlf', GIT_CONFIG_VALUE_0: 'false',
  GIT_CONFIG_KEY_1: 'gc.auto', GIT_CONFIG_VALUE_1: '0', GIT_CONFIG_KEY_2: 'protocol.version', GIT_CONFIG_VALUE_2: '2', GIT_CONFIG_KEY_3: 'advice.detachedHead', GIT_CONFIG_VALUE_3: 'false',
  ...(process.stdin.isTTY ? {} : { GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: process.env.GIT_SSH_COMMAND ?? 'ssh -o BatchMode=yes' }),
});

export const git = (args: string[], options: { gitDir?: string; cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> =>
  run('git', options.gitDir ? ['--git-dir', options.gitDir, ...args] : args, { ...(options.cwd ? { cwd: options.cwd } : {}), ...(options.input === undefined ? {} : { input: options.input }), env: { ...environment(), ...options.env } });

/** A URL as git takes it: paths are relative to the distro repository. */
export const absoluteUrl = (url: string, root: string): string => (/^[a-z+]+:\/\//.test(url) || /^[^/]+@?[^/]*:/.test(url) || isAbsolute(url) ? url : resolve(root, url));

const isCommit = (v: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(v);

/** The commit that a branch, tag (peeled) or HEAD is now, by one ls-remote. */
export async function resolveRef(url: string, version: string | undefined): Promise<Result<string>> {
  if (version !== undefined && isCommit(version)) return good(version);
  const asked = version ?? 'HEAD';
  const listed = await git(['ls-remote', '--', url, ...(version === undefined ? ['HEAD'] : [`refs/heads/${version}`, `refs/tags/${version}`, `refs/tags/${version}^{}`])]);
  if (listed.code !== 0) return bad(error('source-unreachable', `can't read ${url}: ${lastLine(listed)}`, { hint: 'is the URL right, and does `git ls-remote` work with it?' }));
  const refs = new Map(listed.stdout.split('\n').filter(Boolean).map((l) => l.split('\t').reverse() as [string, string]));
  const commit = refs.get(`refs/heads/${asked}`) ?? refs.get(`refs/tags/${asked}^{}`) ?? refs.get(`refs/tags/${asked}`) ?? (version === undefined ? refs.get('HEAD') : undefined);
  return commit ? good(commit) : bad(error('source-ref', `${url} has no branch or tag '${asked}'`));
}

const lastLine = (o: Outcome): string => {
  const lines = o.stderr.trim().split('\n');
  return (lines.find((l) => /^(fatal|error):/.test(l)) ?? lines[lines.length - 1] ?? `git ended with ${o.code}`).replace(/^(fatal|error): /, '');
};

const hasTree = async (gitDir: string, object: string): Promise<boolean> => (await git(['cat-file', '-e', `${object}^{tree}`], { gitDir })).code === 0;

/** Brings one commit (not its history) into a repository under `state`, submodules included. */
export async function fetchCommit(url: string, commit: string, state: string): Promise<Result<Snapshot>> {
  const gitDir = join(state, 'git', `${sha256(url).slice(0, 24)}.git`);
  const marker = join(gitDir, 'slipway', commit);
  const known = readIf(marker);
  if (known && (await hasTree(gitDir, known))) return good({ gitDir, commit, tree: known });
  return withLock(`${gitDir}.lock`, async () => {
    if (!exists(join(gitDir, 'HEAD'))) {
      mkdirSync(gitDir, { recursive: true });
      const made = await git(['init', '--quiet', '--bare', gitDir]);
      if (made.code !== 0) return bad(error('source-store', `can't make ${gitDir}: ${lastLine(made)}`));
    }
    // A machine that died may have left git's own lock; nobody else writes here while we hold ours.
    const stale = join(gitDir, 'shallow.lock');
    if (exists(stale) && Date.now() - statSync(stale).mtimeMs > 600_000) rmSync(stale);
    const fetched = await fetchInto(gitDir, url, commit, 0);
    if (!fetched.ok) return fetched;
    mkdirSync(join(gitDir, 'slipway'), { recursive: true });
    writeWhole(marker, fetched.value);
    return good({ gitDir, commit, tree: fetched.value });
  });
}

async function fetchInto(gitDir: string, url: string, commit: string, depth: number): Promise<Result<string>> {
  if (depth > 10) return bad(error('source-submodule', `${url}: submodules are nested more than 10 deep`));
  if (!(await hasTree(gitDir, commit))) {
    let fetched = await git(['fetch', '--quiet', '--no-tags', '--depth', '1', '--', url, commit], { gitDir });
    // A server may refuse a commit that is no tip: then its branches and tags are taken whole.
    if (fetched.code !== 0) fetched = await git(['fetch', '--quiet', '--tags', '--', url, '+refs/heads/*:refs/slipway/heads/*', '+refs/tags/*:refs/slipway/tags/*'], { gitDir });
    if (fetched.code !== 0) return bad(error('source-unreachable', `can't fetch ${url}: ${lastLine(fetched)}`));
    if (!(await hasTree(gitDir, commit))) return bad(error('source-ref', `${url} has no commit ${commit}`));
  }
  const links = (await git(['ls-tree', '-r', '-z', '--full-tree', commit], { gitDir })).stdout.split('\0').filter((l) => l.startsWith('160000 ')).map((l) => ({ commit: l.slice(14).split('\t')[0]!.trim(), path: l.slice(l.indexOf('\t') + 1) }));
  if (!links.length) return good((await git(['rev-parse', `${commit}^{tree}`], { gitDir })).stdout.trim());
  const listed = await git(['config', '--blob', `${commit}:.gitmodules`, '--null', '--list'], { gitDir });
  const entries = new Map<string, { path?: string; url?: string }>();
  for (const line of listed.stdout.split('\0')) {
    const m = /^submodule\.([^\n]*)\.(path|url)\n([^]*)$/.exec(line);
    if (m) entries.set(m[1]!, { ...entries.get(m[1]!), [m[2]!]: m[3]! });
  }
  const index = join(gitDir, `slipway-index-${process.pid}-${sha256(`${url}${commit}${Math.random()}`).slice(0, 8)}`);
  // A work tree that is never written to: read-tree --prefix asks for one.
  const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: gitDir };
  try {
    await git(['read-tree', commit], { gitDir, env });
    for (const link of links) {
      const entry = [...entries.values()].find((e) => e.path === link.path);
      if (!entry?.url) continue;
      if (entry.url.startsWith('-') || entry.url.startsWith('ext::')) return bad(error('source-submodule', `${url}: the submodule ${link.path} has the URL ${JSON.stringify(entry.url)}, which is not allowed`));
      const inner = await fetchInto(gitDir, submoduleUrl(url, entry.url), link.commit, depth + 1);
      if (!inner.ok) return inner;
      await git(['update-index', '--force-remove', '--', link.path], { gitDir, env });
      const added = await git(['read-tree', `--prefix=${link.path}/`, inner.value], { gitDir, env });
      if (added.code !== 0) return bad(error('source-submodule', `${url}: can't place the submodule ${link.path}: ${lastLine(added)}`));
    }
    return good((await git(['write-tree'], { gitDir, env })).stdout.trim());
  } finally {
    rmSync(index, { force: true });
  }
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

/** A tar or zip archive, checked against its SHA-256, as a tree in a repository under `state`; one folder around everything is taken off. */
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
    if (digest !== commit) return bad(error('source-checksum', `${url} has the SHA-256 ${digest}, not ${commit}`, { hint: 'the archive changed, or the checksum is wrong: find out which before you write the new one down' }));
    const content = join(folder, 'content');
    mkdirSync(content);
    const unpacked = entry.type === 'zip' ? await run('unzip', ['-q', file, '-d', content]) : await run('tar', ['-x', '--no-same-owner', '-f', file, '-C', content]);
    if (unpacked.code !== 0) return bad(error('source-archive', `can't unpack ${url}: ${lastLine(unpacked)}`));
    const top = readdirSync(content, { withFileTypes: true });
    const root = top.length === 1 && top[0]!.isDirectory() ? join(content, top[0]!.name) : content;
    return await withLock(`${gitDir}.lock`, async () => {
      if (!exists(join(gitDir, 'HEAD'))) {
        mkdirSync(gitDir, { recursive: true });
        await git(['init', '--quiet', '--bare', gitDir]);
      }
      mkdirSync(join(gitDir, 'info'), { recursive: true });
      writeFileSync(join(gitDir, 'info', 'attributes'), '* -text -ident -filter\n');
      const env = { GIT_INDEX_FILE: join(folder, 'index') };
      const added = await git(['--work-tree', root, 'add', '--all', '--force', '.'], { gitDir, env, cwd: root });
      if (added.code !== 0) return bad(error('source-archive', `can't read ${url}: ${lastLine(added)}`));
      const tree = (await git(['write-tree'], { gitDir, env })).stdout.trim();
      mkdirSync(join(gitDir, 'slipway'), { recursive: true });
      writeWhole(marker, tree);
      return good({ gitDir, commit, tree });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file by http, https, file or path. */
export async function download(url: string, file: string): Promise<Result<string>> {
  const local = url.startsWith('file://') ? decodeURIComponent(new URL(url).pathname) : /^[a-z+]+:\/\//.test(url) ? undefined : url;
  try {
    if (local !== undefined) {
      copyFileSync(local, file);
      return good(file);
    }
    const got = await run('curl', ['--silent', '--show-error', '--fail', '--location', '--proto', '=http,https', '--output', file, '--', url]);
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

/** Names that git checks out are below `folder`, which must be empty: the tree's files, modes and links, nothing of git itself. */
export async function checkout(snapshot: { gitDir: string }, tree: string, folder: string): Promise<Result<string>> {
  mkdirSync(folder, { recursive: true });
  const index = `${folder}.index`;
  try {
    const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: folder };
    const read = await git(['read-tree', tree], { gitDir: snapshot.gitDir, env, cwd: folder });
    const out = read.code === 0 ? await git(['checkout-index', '--all', '--quiet', `--prefix=${folder}/`], { gitDir: snapshot.gitDir, env, cwd: folder }) : read;
    return out.code === 0 ? good(folder) : bad(error('source-store', `can't check out ${tree}: ${lastLine(out)}`));
  } finally {
    rmSync(index, { force: true });
  }
}
