import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bad, error, good, warning, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import { exists, noteUse, readIf, sha256File, writeWhole, makeFolder } from '../../io/files.ts';
import { withMutex } from '../../io/mutex.ts';
import { run } from '../../io/process.ts';
import { slowly } from '../../io/slow.ts';
import { readBody } from '../../io/response.ts';
import { sizeText } from '../../model/sizes.ts';
import { decoded } from '../../model/urls.ts';
import type { ArchiveEntry } from '../../model/rosdistro.ts';
import { archiveFault, readingArchive } from './archive-size.ts';
import { localFault, loginOf } from './credentials.ts';
import { hasTree, type Snapshot } from './fetch.ts';
import { git, hostOf, gitReason, plainReason, stallSeconds, storeFault, outputOf } from './process.ts';
import { messageOf } from '../../io/faults.ts';

/** A bare repository for files that have none. Stores files byte for byte. */
async function ensureContentRepository(gitDir: string): Promise<void> {
  // Tests by reading: git would wait forever for a FIFO.
  if (readIf(join(gitDir, 'HEAD')) === undefined) {
    makeFolder(gitDir);
    await git(['init', '--quiet', '--bare', gitDir]);
  }
  makeFolder(join(gitDir, 'info'));
  writeFileSync(join(gitDir, 'info', 'attributes'), '* -text -ident -filter\n');
}

/**
 * Fetches a tar or zip archive, verifies its SHA-256, and stores its content as a tree in a repository under `state`. A
 * single top-level folder is removed.
 */
export async function fetchArchive(entry: ArchiveEntry, url: string, state: string): Promise<Result<Snapshot>> {
  const fault = localFault(url);
  if (fault) return bad(fault);
  const commit = entry.sha256;
  const gitDir = join(state, 'git', 'archives.git');
  const marker = join(gitDir, 'slipway', commit);
  const known = readIf(marker);
  if (known && (await hasTree(gitDir, known))) {
    noteUse(gitDir);
    return good({ gitDir, commit, tree: known });
  }
  const folder = mkdtempSync(join(tmpdir(), 'slipway-archive-'));
  try {
    const file = join(folder, 'archive');
    const got = await download(url, file);
    if (!got.ok) return got;
    const digest = await sha256File(file);
    if (digest !== commit)
      return bad(
        error('source-checksum', `${url} has the SHA-256 ${digest}, not ${commit}`, {
          hint: 'either the archive changed or the checksum is wrong: find out which before you change the checksum',
        }),
      );
    const content = join(folder, 'content');
    mkdirSync(content);
    const fits = await archiveFault(file, entry.type);
    if (fits !== undefined) return bad(error('source-archive', `${url} ${fits}`));
    const unpacked =
      entry.type === 'zip'
        ? await readingArchive(['unzip', '-q', file, '-d', content])
        : await readingArchive(['tar', '-x', '--no-same-owner', '--no-same-permissions', '-f', file, '-C', content]);
    if (unpacked.code !== 0) return bad(error('source-archive', `can't unpack ${url}: ${gitReason(unpacked)}`));
    const [top, ...others] = readdirSync(content, { withFileTypes: true });
    const root = top?.isDirectory() && !others.length ? join(content, top.name) : content;
    return await withMutex(`${gitDir}.lock`, async () => {
      await ensureContentRepository(gitDir);
      const env = { GIT_INDEX_FILE: join(folder, 'index') };
      const added = await git(['--work-tree', root, 'add', '--all', '--force', '.'], { gitDir, env, cwd: root });
      if (added.code !== 0) return bad(storeFault(`can't read ${url}`, added, gitDir, 'source-archive'));
      const tree = await outputOf(['write-tree'], { gitDir, env });
      if (!tree.ok) return tree;
      makeFolder(join(gitDir, 'slipway'));
      writeWhole(marker, tree.value);
      return good({ gitDir, commit, tree: tree.value }, await lostSubmodules(root, url));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Warns of submodules that an archive lacks, as those of hosting services do: the build would miss their files. */
async function lostSubmodules(root: string, url: string): Promise<Diagnostic[]> {
  const modules = join(root, '.gitmodules');
  if (!exists(modules)) return [];
  const listed = await git(['config', '--no-includes', '--file', modules, '--get-regexp', '\\.path$']);
  return listed.stdout.split('\n').flatMap((line) => {
    const path = line.slice(line.indexOf(' ') + 1);
    if (!line || path.startsWith('/') || path.split('/').includes('..')) return [];
    const there = exists(join(root, path)) && readdirSync(join(root, path)).length > 0;
    return there
      ? []
      : [
          warning('source-submodule', `${url} lacks the submodule ${path}, which archives do not contain`, {
            hint: 'use the git repository, or an archive that contains the submodules',
          }),
        ];
  });
}

/**
 * Stores the current files of a folder, committed or not, as a tree in a repository under `state`. Excludes what
 * .gitignore excludes; includes nested git repositories (submodules).
 */
export async function snapshotFolder(folder: string, state: string): Promise<Result<Snapshot>> {
  const gitDir = join(state, 'git', 'folders.git');
  return withMutex(`${gitDir}.lock`, async () => {
    await ensureContentRepository(gitDir);
    noteUse(gitDir);
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
    if (added.code !== 0) return bad(storeFault(`can't read ${folder}`, added, gitDir, 'source-folder'));
    const listed = await outputOf(['ls-files', '--stage', '-z'], { gitDir, env, cwd: folder });
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
      const removed = await outputOf(['update-index', '--force-remove', '--', path], {
        gitDir,
        env: { ...env, GIT_WORK_TREE: folder },
        cwd: folder,
      });
      const placed = removed.ok
        ? await outputOf(['read-tree', `--prefix=${path}/`, inner.value], {
            gitDir,
            env: { ...env, GIT_WORK_TREE: gitDir },
          })
        : removed;
      if (!placed.ok) return placed;
    }
    return await outputOf(['write-tree'], { gitDir, env });
  } finally {
    rmSync(index, { force: true });
  }
}

/** Limit for downloads in bytes: archives and indices are smaller, and a server may send without end. */
const largestDownload = 4 * 2 ** 30;

const downloadOptions = [
  '--silent --show-error --fail --location --max-redirs 10 --globoff --remote-time',
  '--proto =http,https --proto-redir =http,https',
  `--connect-timeout 30 --max-time 3600 --speed-limit 1 --speed-time ${stallSeconds}`,
].flatMap((options) => options.split(' '));

/** The message for a server's answer 404. */
export const answeredMissing = 'the server has no such file (404)';
const answered = (status: number): string => {
  if (status === 404) return answeredMissing;
  return status === 401 || status === 403 ? `the server allows no access (${status})` : `the server answered ${status}`;
};

/** curl's message without its prefixes and numbers. */
function curlReason(said: string): string {
  const status = /returned error: (\d{3})/.exec(said)?.[1];
  return status === undefined ? plainReason(said.trim().replace(/^curl: \(\d+\) /, '')) : answered(Number(status));
}

/** The local path of a URL or path; undefined if it is remote. */
function localPath(url: string): string | undefined {
  if (url.startsWith('file://')) return decoded(new URL(url).pathname);
  return /^[a-z+]+:\/\//.test(url) ? undefined : url;
}

/** Copies a regular local file. Refuses FIFOs and devices, which may have no end. */
function copyRegular(from: string, to: string, most: number): string | undefined {
  const found = statSync(from);
  if (!found.isFile()) return 'it is no regular file';
  if (found.size > most) return tooMuch(most);
  copyFileSync(from, to);
  return undefined;
}

const tooMuch = (most: number): string => `it is larger than ${sizeText(most)}`;

/**
 * Gets a file by http, https, file URL or path, of limited size. With `since`, writes nothing if the server has no
 * newer version.
 */
export async function download(
  url: string,
  file: string,
  { since, most = largestDownload }: { since?: string | undefined; most?: number } = {},
): Promise<Result<string>> {
  try {
    const local = localPath(url);
    if (local !== undefined) {
      const fault = copyRegular(local, file, most);
      return fault === undefined ? good(file) : bad(error('source-unreachable', `can't fetch ${url}: ${fault}`));
    }
    const { plain, login } = loginOf(url);
    const got = await slowly(
      hostOf(url),
      run(
        'sh',
        // curl can't limit a response without a length, so the kernel does, in blocks of 512 bytes.
        [
          '-c',
          `ulimit -f ${Math.ceil(most / 512) + 1}; exec curl "$@"`,
          'sh',
          ...downloadOptions,
          '--max-filesize',
          String(most),
          ...(since === undefined ? [] : ['--time-cond', since]),
          '--output',
          file,
          ...(login ? ['--config', '-'] : []),
          '--',
          plain,
        ],
        login
          ? { input: `user = ${JSON.stringify(`${login.env.SLIPWAY_URL_USER}:${login.env.SLIPWAY_URL_PASSWORD}`)}\n` }
          : {},
      ),
    );
    if (got.code === 127) {
      const response = await slowly(hostOf(url), fetch(url, { signal: AbortSignal.timeout(3_600_000) }));
      if (!response.ok) return bad(error('source-unreachable', `can't fetch ${url}: ${answered(response.status)}`));
      const body = await readBody(response, Math.min(most, 1 << 30));
      if (!body) return bad(error('source-unreachable', `can't fetch ${url}: ${tooMuch(most)}`));
      writeFileSync(file, body);
    } else if (got.code !== 0) {
      const why = got.signal === 'SIGXFSZ' || got.code === 63 ? tooMuch(most) : curlReason(got.stderr);
      return bad(error('source-unreachable', `can't fetch ${url}: ${why}`));
    }
    return good(file);
  } catch (e) {
    return bad(error('source-unreachable', `can't fetch ${url}: ${messageOf(e)}`));
  }
}
