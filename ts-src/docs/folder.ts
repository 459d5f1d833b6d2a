import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, temporaryBeside } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { siteMark } from './site.ts';
import { removeTree } from '../io/remove-tree.ts';

/** Refuses to replace a folder that contains something other than a site. */
export function outputFault(output: string): Diagnostic | undefined {
  if (!existsSync(output) || !readdirSync(output).length || existsSync(join(output, siteMark))) return undefined;
  return error('output-taken', `the folder ${output} contains something other than a documentation site`, {
    hint: 'name another with --output',
  });
}

/** Writes a site beside its folder, then swaps the two. On a failure the old site stays. */
export async function writeFolder<T>(
  output: string,
  make: (write: (path: string, data: Buffer) => void) => Promise<T>,
): Promise<T> {
  const staged = temporaryBeside(output);
  const former = join(dirname(output), `.former-${process.pid}-${basename(output)}`);
  const folders = new Set<string>();
  try {
    const made = await make((path, data) => {
      const folder = dirname(join(staged, path));
      if (!folders.has(folder)) makeFolder(folder);
      folders.add(folder);
      writeFile(join(staged, path), data, { flag: 'wx' });
    });
    if (existsSync(output)) renameSync(output, former);
    renameSync(staged, output);
    return made;
  } finally {
    removeTree(staged);
    removeTree(former);
  }
}
