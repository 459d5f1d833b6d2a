import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import { run } from '../io/process.ts';
import { compareParts, type PartChange } from '../render/abi.ts';
import { describe, type Part } from '../inspect/interface.ts';
import { PackageFileError } from '../io/deb.ts';
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
  const [a, b] = [await unpack(before, join(folder, 'before')), await unpack(after, join(folder, 'after'))];
  if (!a.ok) return a;
  if (!b.ok) return b;
  const changes = compareParts(a.value.parts, b.value.parts);
  return good({
    changes,
    details: await abidiff(
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

/** libabigail's report on changed libraries; empty if it is not installed or there are no debug symbols. */
async function abidiff(
  before: Unpacked,
  after: Unpacked,
  libraries: readonly string[],
): Promise<{ path: string; text: string }[]> {
  if (!before.debug || !after.debug) return [];
  const found: { path: string; text: string }[] = [];
  for (const path of libraries) {
    const files = [join(before.root, path), join(after.root, path)];
    if (!files.every(existsSync)) continue;
    const asked = await run('abidiff', ['--debug-info-dir1', before.debug, '--debug-info-dir2', after.debug, ...files]);
    if (asked.code === 127) return [];
    if (asked.stdout.trim()) found.push({ path, text: asked.stdout.trim() });
  }
  return found;
}
