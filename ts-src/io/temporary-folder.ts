import { lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './files.ts';
import { removeTree } from './remove-tree.ts';

/** Milliseconds that a folder of a killed process stays: another machine or container may share the place. */
const day = 86_400_000;

const swept = new Set<string>();

/**
 * Creates a folder for temporary files; the caller removes it. `purpose`: a word for people who find it. `under`:
 * default is this machine's place for temporary files, which may be memory.
 */
export function temporaryFolder(purpose: string, under = tmpdir()): string {
  makeFolder(under);
  if (!swept.has(under)) sweep(under);
  swept.add(under);
  return mkdtempSync(join(under, `slipway-${purpose}-${process.pid}-`));
}

/** Runs something with a folder for temporary files, and removes that. Parameters as for `temporaryFolder`. */
export async function inTemporary<T>(
  purpose: string,
  use: (folder: string) => T | Promise<T>,
  under?: string,
): Promise<T> {
  const folder = temporaryFolder(purpose, under);
  try {
    return await use(folder);
  } finally {
    removeTree(folder);
  }
}

/** Removes folders that killed processes of this user left. */
function sweep(under: string): void {
  for (const name of readdirSync(under)) {
    const pid = Number(/^slipway-[a-z]+-(\d+)-\w{6}$/.exec(name)?.[1] ?? NaN);
    const path = join(under, name);
    const found = Number.isNaN(pid) ? undefined : lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs < day || isRunning(pid)) continue;
    try {
      removeTree(path);
    } catch {
      /* files of a sandbox's users in it; `slipway clean` of their state removes them */
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
