import { join } from 'node:path';
import { exists, readRegular, writeWhole } from '../io/files.ts';
import { compare, error, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';

/** A run's id, and its files in base64 by path in the distro repository. */
interface RunFiles {
  id: string;
  files: Readonly<Record<string, string>>;
}

/** Writes the distro repository's files of a run to a folder of the state. Returns the folder. */
export function writeFiles({ id, files }: RunFiles, state: string): string {
  const root = join(state, 'cache', 'runs', id, 'distro');
  for (const [path, content] of Object.entries(files))
    if (!exists(join(root, path))) writeWhole(join(root, path), Buffer.from(content, 'base64'), { sync: false });
  return root;
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
