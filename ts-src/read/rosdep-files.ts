import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIf } from '../io/files.ts';
import { bad, error, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { ParseCache } from './parse-cache.ts';
import { layerRosdep } from './rosdep.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

/** Reads rosdep's rules, for all keys or the wanted ones. */
export function readRosdep(workspace: Workspace, wanted?: ReadonlySet<string>): Result<RosdepDatabase> {
  const diagnostics: Diagnostic[] = [];
  const files = workspace.distro.rosdep.flatMap((file, i) => {
    const text = readIf(join(workspace.root, file));
    if (text === undefined)
      diagnostics.push(
        error('file-missing', `'rosdep' names ${file}, which does not exist`, {
          file: workspace.file,
          line: lineOf(workspace.file, ['rosdep', i]),
          hint: "rosdep's own files are rosdep/base.yaml and python.yaml of the rosdistro repository: put copies there",
        }),
      );
    return text === undefined ? [] : [{ file, text }];
  });
  const layered = layerRosdep(
    files,
    wanted,
    wanted && existsSync(workspace.state) ? new ParseCache(workspace.state, 'rosdep') : undefined,
  );
  if (diagnostics.length) return bad(diagnostics, ...layered.diagnostics);
  return layered;
}
