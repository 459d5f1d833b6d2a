import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { exists, noteUse, temporaryBeside, makeFolder } from '../../io/files.ts';
import { sha256 } from '../../model/digest.ts';
import { sizeText } from '../../model/sizes.ts';
import { run } from '../../io/process.ts';
import { git, gitReason, patiently, storeFault } from './process.ts';
import { largestTree, listTree, tooLarge, type TreeEntry } from './tree.ts';

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

/** Fetches files of Git LFS: a package must not ship their pointers. */
async function bringLargeFiles(gitDir: string, held: readonly TreeEntry[], folder: string): Promise<Result<string>> {
  const files = held.map((e) => e.path).filter((f) => f === '.gitattributes' || f.endsWith('/.gitattributes'));
  if (!files.some((f) => readText(join(folder, f)).includes('filter=lfs'))) return good(folder);
  const found = await run('find', [
    folder,
    '-type',
    'f',
    '-size',
    '-2',
    '-exec',
    'grep',
    '-lZ',
    '^version https://git-lfs.github.com/spec/v1$',
    '{}',
    '+',
  ]);
  const pointers = found.stdout.split('\0').filter(Boolean);
  const [pointer] = pointers;
  if (pointer === undefined) return good(folder);
  const fault = (why: string) =>
    bad(
      error(
        'source-lfs',
        `${relative(folder, pointer)} and ${pointers.length - 1} more are stored with Git LFS: ${why}`,
        {
          hint:
            'install git-lfs on the machine that reads sources; the ' +
            'server must offer LFS below the URL of the repository',
        },
      ),
    );
  const origin = (await git(['config', 'remote.origin.url'], { gitDir })).stdout.trim();
  if ((await git(['lfs', 'version'])).code !== 0) return fault('git-lfs is not installed');
  if (!origin) return fault('it is not known where they are');
  // Ignores the URL in the repository's .lfsconfig: logins go to the repository's host only.
  const server = [
    '-c',
    `lfs.url=${origin.replace(/(\.git)?\/*$/, '.git')}/info/lfs`,
    '-c',
    'lfs.basictransfersonly=true',
  ];
  let total = 0;
  for (const file of pointers) {
    const pointer = readText(file);
    const got = await patiently(
      () => [...server, 'lfs', 'smudge'],
      { gitDir, input: pointer, binary: true, cwd: gitDir, env: { GIT_LFS_SKIP_SMUDGE: '0' } },
      { url: origin, reporter: {} },
    );
    const bytes = Buffer.from(got.stdout, 'latin1');
    const digest = /^oid sha256:([0-9a-f]{64})$/m.exec(pointer)?.[1];
    if (got.code !== 0 || sha256(bytes) !== digest)
      return fault(got.code === 0 ? 'what the server sent is not it' : gitReason(got));
    total += bytes.length;
    if (total > largestTree.bytes) return tooLarge(origin, `${sizeText(largestTree.bytes)} in Git LFS`);
    writeFileSync(file, bytes);
  }
  return good(folder);
}

const readText = (file: string): string => {
  const status = lstatSync(file, { throwIfNoEntry: false });
  return status?.isFile() && status.size < 1 << 20 ? readFileSync(file, 'utf8') : '';
};

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
  const kept = join(state, 'refs', commit);
  if (!exists(kept)) {
    makeFolder(join(state, 'refs'));
    const temporary = temporaryBeside(kept);
    const out = await checkout({ gitDir }, commit, temporary);
    if (!out.ok) return out;
    try {
      renameSync(temporary, kept);
    } catch {
      // Another slipway process wrote the same files first.
      rmSync(temporary, { recursive: true, force: true });
    }
  } else noteUse(kept);
  return good({ folder: kept, top, commit });
}
