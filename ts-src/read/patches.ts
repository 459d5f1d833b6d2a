import { join } from 'node:path';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { exists, isFile } from '../io/files.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

/** Patches in `package_settings` that the distro repository lacks, or that are no files. */
export const missingPatches = ({ distro, root, file }: Workspace): Diagnostic[] =>
  Object.entries(distro.package_settings).flatMap(([pattern, { patches }]) =>
    patches.flatMap((patch, i) =>
      isFile(join(root, patch))
        ? []
        : error('file-missing', `package_settings of '${pattern}' names the patch ${patch}, ${whyNot(root, patch)}`, {
            file,
            line: lineOf(file, ['package_settings', pattern, 'patches', i]),
            hint: 'put it there, or correct the path: it is relative to distro.yaml',
          }),
    ),
  );

const whyNot = (root: string, patch: string): string =>
  exists(join(root, patch)) ? 'which is no file' : 'which does not exist';
