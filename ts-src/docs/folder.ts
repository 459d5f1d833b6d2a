import { existsSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeFile } from '../io/write.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { siteMark } from './site.ts';

/** Refuses to replace a folder that contains something other than a site. */
export function outputFault(output: string): Diagnostic | undefined {
  if (!existsSync(output) || !readdirSync(output).length || existsSync(join(output, siteMark))) return undefined;
  return error('output-taken', `the folder ${output} contains something other than a documentation site`, {
    hint: 'name another with --output',
  });
}

/**
 * Writes a site beside its folder, then swaps the two. On a failure the old site stays. What a killed process left
 * there is removed later.
 */
export const writeFolder = <T>(
  output: string,
  make: (write: (path: string, data: Buffer) => void) => Promise<T>,
): Promise<T> =>
  inTemporary(
    'site',
    async (beside) => {
      const [staged, former] = [join(beside, 'site'), join(beside, 'former')];
      const folders = new Set<string>();
      const made = await make((path, data) => {
        const folder = dirname(join(staged, path));
        if (!folders.has(folder)) makeFolder(folder);
        folders.add(folder);
        writeFile(join(staged, path), data, { flag: 'wx' });
      });
      if (existsSync(output)) renameSync(output, former);
      renameSync(staged, output);
      return made;
    },
    dirname(output),
  );
