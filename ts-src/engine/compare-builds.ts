import { existsSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import { makeFolder } from '../io/files.ts';
import { reasonOf, run } from '../io/process.ts';
import { compareParts, type PartChange } from '../render/abi.ts';
import { describe, type Part } from '../inspect/interface.ts';
import { PackageFileError, withoutRights } from '../io/deb.ts';
import { unpackPackage } from '../inspect/unpack.ts';
import type { Store } from '../store/store.ts';

/** The interface differences between two builds. `details`: abidiff's output by library. */
export interface ComparedBuilds {
  changes: PartChange[];
  details: { path: string; text: string }[];
}

/** Files of a build, the binary package first. */
export async function filesOfBuild(store: Store, debs: readonly StoredFile[]): Promise<Result<string[]>> {
  const files: string[] = [];
  for (const deb of debs) {
    const path = await store.path(deb);
    if (path === undefined) return bad(error('selection', `the store lost ${deb.name}`, { hint: 'build it again' }));
    files.push(path);
  }
  return good(files);
}

/** Compares two builds by their files (the package, then its debug symbols). Unpacks them below `folder`. */
export async function compareBuilds(
  before: readonly string[],
  after: readonly string[],
  folder: string,
): Promise<Result<ComparedBuilds>> {
  // Not readable for others, whatever the folder above is.
  const room = join(makeFolder(join(folder, 'closed'), 0o700), 'builds');
  makeFolder(room, 0o755);
  const [a, b] = [await unpack(before, join(room, 'before')), await unpack(after, join(room, 'after'))];
  if (!a.ok) return a;
  if (!b.ok) return b;
  const changes = compareParts(a.value.parts, b.value.parts);
  return good({
    changes,
    details: await abidiff(
      room,
      a.value,
      b.value,
      changes.filter((c) => c.symbols).map((c) => c.path),
    ),
  });
}

interface Unpacked {
  parts: Part[];
  root: string;
  debug: string | undefined;
}

async function unpack(files: readonly string[], folder: string): Promise<Result<Unpacked>> {
  const [root, debug] = [join(folder, 'package'), join(folder, 'debug')];
  for (const [i, file] of files.slice(0, 2).entries()) {
    try {
      await unpackPackage(file, i === 0 ? root : debug, {});
    } catch (e) {
      if (!(e instanceof PackageFileError)) throw e;
      return bad(error('selection', `${basename(file)} can't be unpacked: ${e.message}`));
    }
  }
  return good({
    parts: describe(root).parts,
    root,
    debug: files.length > 1 ? join(debug, 'usr/lib/debug') : undefined,
  });
}

/** Size limit of a report in bytes. */
const mostText = 16 << 20;

/** Limits of abidiff, which reads what a package's author wrote: KiB of memory, and seconds of CPU time. */
const [mostMemory, mostSeconds] = [8 << 20, 300];

/**
 * Runs abidiff in a folder that others can't enter. As root it loses its rights, so the folder has another name for it
 * alone. Without the right to mount it finds only what it can reach by relative paths, which is no debug symbols.
 */
const abidiffScript = `command -v abidiff > /dev/null || exit 127
ulimit -v ${mostMemory}
ulimit -t ${mostSeconds}
if [ "$(id -u)" -eq 0 ] && unshare --mount --propagation private true 2> /dev/null; then
  exec unshare --mount --propagation private sh -c 'mount --bind . /mnt && cd /mnt && exec "$@"' sh "$@"
fi
exec "$@"`;

/**
 * libabigail's report on changed libraries; empty if it is not installed or there are no debug symbols. It runs without
 * rights, in a folder that only paths below it lead to.
 */
async function abidiff(
  folder: string,
  before: Unpacked,
  after: Unpacked,
  libraries: readonly string[],
): Promise<{ path: string; text: string }[]> {
  if (!before.debug || !after.debug) return [];
  const below = (path: string): string => relative(folder, path);
  const found: { path: string; text: string }[] = [];
  for (const path of libraries) {
    const files = [join(before.root, path), join(after.root, path)];
    if (!files.every(existsSync)) continue;
    const symbols = ['--debug-info-dir1', below(before.debug), '--debug-info-dir2', below(after.debug)];
    const args = withoutRights(['abidiff', ...symbols, ...files.map(below)]);
    const asked = await run('sh', ['-c', abidiffScript, 'abidiff', ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
      limit: mostText,
    });
    if (asked.code === 127) return [];
    // The exit code is a set of bits; the first two are its own failures (abidiff(1)).
    const failed = asked.signal !== null || (asked.code & 3) !== 0;
    const text = failed ? `it failed: ${reasonOf(asked)}` : asked.stdout.trim();
    if (text) found.push({ path, text });
  }
  return found;
}
