import { dirname, join } from 'node:path';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { readIf } from '../io/files.ts';
import { checkStateFolder, checkStore } from './own-folder.ts';
import { ParseCache } from './parse-cache.ts';

/** A distro repository on disk, and its state folder. */
export interface Workspace {
  root: string;
  file: string;
  state: string;
  distro: Distro;
  /** Base of relative repository URLs: the root, even if the files of an earlier commit are read from elsewhere. */
  urlBase: string;
  /** Set for a pull request: its files are not read through symlinks that lead out of the root. */
  confined?: true;
  /** Base of relative paths of keys, if it is not the root. */
  keyRoot?: string;
}

export const distroMissing = (file: string): Diagnostic =>
  error('distro-missing', 'there is no such file', {
    file,
    hint: 'run slipway in a distro repository, name its file with --distro, or make one with `slipway init`',
  });

/** Reads the distro file. An unchanged valid file is not validated again. */
export async function readWorkspace(file: string, given: string | undefined): Promise<Result<Workspace>> {
  const text = readIf(file);
  if (text === undefined) return bad(distroMissing(file));
  const root = dirname(file);
  const state = given ?? join(root, '.slipway');
  const own = checkStateFolder(root, state);
  const memory = new ParseCache<Distro>(state, 'distro');
  let distro = memory.get(text);
  if (!distro) {
    // Imported on demand: the schema is half of the program's start.
    const { parseDistro } = await import('./distro.ts');
    const parsed = parseDistro(text, file);
    if (!parsed.ok) return parsed;
    distro = parsed.value;
    memory.put(text, () => parsed.value);
  }
  const fault = (await own) ?? (await checkStore(distro.store, root, state));
  return fault ? bad(fault) : good({ root, file, state, distro, urlBase: root });
}
