import { copyFileSync, lstatSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { exists, makeFolder, sha256File, temporaryBeside } from '../../io/files.ts';
import { run } from '../../io/process.ts';
import { sizeText } from '../../model/sizes.ts';
import { download, latest } from './download.ts';
import { LfsServer, reasonOf, type LargeObject } from './lfs-server.ts';
import { git } from './process.ts';
import { largestTree, tooLarge, type TreeEntry } from './tree.ts';

interface Pointer extends LargeObject {
  file: string;
}

/** Fetches files of Git LFS into a checkout of a repository: a package must not ship their pointers. */
export async function bringLargeFiles(
  gitDir: string,
  held: readonly TreeEntry[],
  folder: string,
): Promise<Result<string>> {
  const files = held.map((e) => e.path).filter((f) => f === '.gitattributes' || f.endsWith('/.gitattributes'));
  if (!files.some((f) => readText(join(folder, f)).includes('filter=lfs'))) return good(folder);
  const pointers = await pointersIn(folder);
  if (typeof pointers === 'string')
    return bad(
      error('source-lfs', `${relative(folder, pointers)} begins like a file of Git LFS, but names no content`),
    );
  const [any] = pointers;
  if (!any) return good(folder);
  const origin = (await git(['config', 'remote.origin.url'], { gitDir })).stdout.trim();
  const bytes = pointers.reduce((sum, p) => sum + p.size, 0);
  if (bytes > largestTree.bytes) return tooLarge(origin, `${sizeText(largestTree.bytes)} in Git LFS`);
  const fault = (why: string, { file }: Pointer = any) =>
    bad(
      error('source-lfs', `${relative(folder, file)}, one of ${pointers.length} files of Git LFS: ${why}`, {
        hint: 'the server must offer LFS below the URL of the repository',
      }),
    );
  const lacking = pointers.filter((p) => !exists(keptAt(gitDir, p.oid)));
  if (lacking.length) {
    const server = await LfsServer.of(origin);
    if (typeof server === 'string') return fault(server);
    const got = await fetchObjects(gitDir, server, lacking);
    if (got) return fault(got.why, got.pointer);
  }
  for (const pointer of pointers) {
    const kept = keptAt(gitDir, pointer.oid);
    if ((await sha256File(kept)) !== pointer.oid) {
      rmSync(kept, { force: true });
      return fault('the copy on this machine was damaged, and is removed: try again', pointer);
    }
    copyFileSync(kept, pointer.file);
  }
  return good(folder);
}

const keptAt = (gitDir: string, oid: string): string => join(gitDir, 'lfs', 'objects', oid.slice(0, 2), oid);

/** The pointers among a checkout's files; a text is the path of one that is damaged. */
async function pointersIn(folder: string): Promise<Pointer[] | string> {
  const first = '^version https://git-lfs.github.com/spec/v1$';
  const found = await run('find', [folder, '-type', 'f', '-size', '-2', '-exec', 'grep', '-lZ', first, '{}', '+']);
  const pointers: Pointer[] = [];
  for (const file of found.stdout.split('\0').filter(Boolean)) {
    const text = readText(file);
    const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
    const size = /^size (\d{1,15})$/m.exec(text)?.[1];
    if (oid !== undefined && size !== undefined) pointers.push({ file, oid, size: Number(size) });
    else if (text.startsWith('version ')) return file;
  }
  return pointers;
}

/** Fetches objects into a repository's folder. Returns why one could not be had. */
async function fetchObjects(
  gitDir: string,
  server: LfsServer,
  pointers: readonly Pointer[],
): Promise<{ why: string; pointer: Pointer } | undefined> {
  const until = latest();
  const wanted = [...new Map(pointers.map((p) => [p.oid, p])).values()];
  for (let i = 0; i < wanted.length; i += 100) {
    const some = wanted.slice(i, i + 100);
    const answered = await server.ask(some, until);
    for (const pointer of some) {
      const offer =
        typeof answered === 'string' ? answered : (answered.get(pointer.oid) ?? 'the server does not have it');
      if (typeof offer === 'string') return { why: offer, pointer };
      const kept = keptAt(gitDir, pointer.oid);
      makeFolder(dirname(kept));
      const temporary = temporaryBeside(kept);
      try {
        const got = await download(offer.href, temporary, { most: pointer.size, config: offer.config, until });
        if (!got.ok) return { why: reasonOf(got.diagnostics, offer.href), pointer };
        if (!exists(temporary) || (await sha256File(temporary)) !== pointer.oid)
          return { why: 'what the server sent is not it', pointer };
        renameSync(temporary, kept);
      } finally {
        rmSync(temporary, { force: true });
      }
    }
  }
  return undefined;
}

const readText = (file: string): string => {
  const status = lstatSync(file, { throwIfNoEntry: false });
  return status?.isFile() && status.size < 1 << 20 ? readFileSync(file, 'utf8') : '';
};
