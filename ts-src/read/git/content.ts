import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, warning, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import { exists, makeFolder, noteUse, readIf, sha256File, writeWhole } from '../../io/files.ts';
import { inTemporary } from '../../io/temporary-folder.ts';
import { writeFile } from '../../io/write.ts';
import { withMutex } from '../../io/mutex.ts';
import { longestFetch, tookTooLong } from '../../io/patience.ts';
import { programFault, run } from '../../io/process.ts';
import type { ArchiveEntry } from '../../model/rosdistro.ts';
import { localFault } from './credentials.ts';
import { download } from './download.ts';
import { hasTree, type Snapshot } from './fetch.ts';
import { ensureRepository } from './repository.ts';
import { git, outputOf, storeFault } from './process.ts';
import { firstBelow, unpackArchive } from './unpack.ts';

/** A bare repository for files that have none. Stores files byte for byte. */
async function ensureContentRepository(gitDir: string): Promise<Result<void>> {
  const whole = await ensureRepository(gitDir);
  if (!whole.ok) return whole;
  makeFolder(join(gitDir, 'info'));
  writeFile(join(gitDir, 'info', 'attributes'), '* -text -ident -filter\n');
  return whole;
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
  return inTemporary(
    'archive',
    async (folder) => {
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
      const unpacked = await unpackArchive(file, entry.type, url, join(folder, 'content'));
      if (!unpacked.ok) return unpacked;
      const root = unpacked.value;
      await removeRepositories(root);
      return withMutex(`${gitDir}.lock`, async () => {
        const whole = await ensureContentRepository(gitDir);
        if (!whole.ok) return whole;
        const env = { GIT_INDEX_FILE: join(folder, 'index') };
        const added = await git(['--work-tree', root, 'add', '--all', '--force', '.'], {
          gitDir,
          env,
          cwd: root,
          limited: true,
        });
        if (added.code !== 0) return bad(storeFault(`can't read ${url}`, added, gitDir, 'source-archive'));
        const tree = await outputOf(['write-tree'], { gitDir, env });
        if (!tree.ok) return tree;
        makeFolder(join(gitDir, 'slipway'));
        writeWhole(marker, tree.value);
        return good({ gitDir, commit, tree: tree.value }, await lostSubmodules(root, url));
      });
    },
    join(state, 'git', 'unpacking'),
  );
}

/**
 * Removes what makes git take a folder of an archive for a repository: git would follow the links in it, to devices
 * without end and to repositories of this machine, and leave out the folder's files.
 */
async function removeRepositories(root: string): Promise<void> {
  const removed = await run('find', [root, '-name', '.git', '-prune', '-exec', 'rm', '-rf', '--', '{}', '+']);
  if (removed.code !== 0) throw programFault(`can't remove repositories in ${root}`, root, removed);
}

/** A FIFO, socket or device below a user's folder that git would read, without end; undefined if there is none. */
export function endlessForGit(folder: string): Promise<string | undefined> {
  const special = (test: string) => ['!', test, 'f', '!', test, 'd', '!', test, 'l'];
  const inRepository = ['-path', '*/.git/*', ...special('-xtype')];
  const named = ['-name', '.git*', ...special('-type')];
  return firstBelow(folder, ['(', ...named, '-o', ...inRepository, ')']);
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
    const whole = await ensureContentRepository(gitDir);
    if (!whole.ok) return whole;
    noteUse(gitDir);
    const endless = await endlessForGit(folder);
    if (endless !== undefined)
      return bad(
        error('source-folder', `can't read ${folder}: ${endless} is a FIFO, a socket or a device`, {
          hint: 'remove it: git reads the file of that name',
        }),
      );
    const tree = await treeOfFolder(gitDir, folder, 0);
    return tree.ok ? good({ gitDir, commit: tree.value, tree: tree.value }) : tree;
  });
}

async function treeOfFolder(gitDir: string, folder: string, depth: number): Promise<Result<string>> {
  const index = join(gitDir, `slipway-index-${process.pid}-${depth}`);
  const env = { GIT_INDEX_FILE: index };
  const signal = AbortSignal.timeout(longestFetch);
  try {
    const added = await git(['-c', 'advice.addEmbeddedRepo=false', '--work-tree', folder, 'add', '--all', '.'], {
      gitDir,
      env,
      cwd: folder,
      limited: true,
      signal,
    });
    if (signal.aborted)
      return bad(
        error('source-folder', `reading ${folder} ${tookTooLong}`, {
          hint: 'files that no build needs belong into .gitignore',
        }),
      );
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
