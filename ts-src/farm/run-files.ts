import { join } from 'node:path';
import { exists, readRegular, writeWhole } from '../io/files.ts';
import { compare, error, type Diagnostic } from '../model/diagnostics.ts';
import { inNamespace } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';

/**
 * This machine's folder for copies of a run's files. Runs of a namespace have folders of their own, whatever id they
 * claim.
 */
export const runFolder = (state: string, id: string, untrusted: string | undefined): string =>
  join(state, 'cache/runs', inNamespace(id, untrusted));

/** The same for the logs of its tasks, which their results name. */
export const runOutput = (state: string, id: string, untrusted: string | undefined): string =>
  join(state, 'runs', inNamespace(id, untrusted));

/** Writes the distro repository's files of a run, in base64 by path, to a folder. Returns the folder. */
export function writeFiles(files: Readonly<Record<string, string>>, folder: string): string {
  for (const [path, content] of Object.entries(files))
    if (!exists(join(folder, path))) writeWhole(join(folder, path), Buffer.from(content, 'base64'), { sync: false });
  return folder;
}

/** Size limit of a patch or key in bytes. */
const largest = 64 << 20;

/** Files of the distro repository that agents' builds read. */
export function filesOf(
  distro: Distro,
  root: string,
  keyRoot = root,
): { files: Record<string, string>; diagnostics: Diagnostic[] } {
  const paths = new Map<string, string>();
  for (const s of Object.values(distro.package_settings)) for (const p of s.patches) paths.set(p, root);
  for (const p of Object.values(distro.platforms)) {
    if (p.mirror?.key) paths.set(p.mirror.key, keyRoot);
    for (const u of Object.values(p.underlays)) if (u.key) paths.set(u.key, keyRoot);
  }
  const files: Record<string, string> = {};
  const diagnostics: Diagnostic[] = [];
  for (const [path, from] of [...paths].sort(([a], [b]) => compare(a, b))) {
    try {
      files[path] = readRegular(join(from, path), largest).toString('base64');
    } catch {
      diagnostics.push(error('file-missing', `the distro file names ${path}, which is not there`));
    }
  }
  return { files, diagnostics };
}
