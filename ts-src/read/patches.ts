import { join } from 'node:path';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { exists } from '../io/files.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

/** Patches in `package_settings` that the distro repository lacks. */
export const missingPatches = ({ distro, root, file }: Workspace): Diagnostic[] =>
  Object.entries(distro.package_settings).flatMap(([pattern, { patches }]) =>
    patches.flatMap((patch, i) =>
      exists(join(root, patch))
        ? []
        : error('file-missing', `package_settings of '${pattern}' names the patch ${patch}, which does not exist`, {
            file,
            line: lineOf(file, ['package_settings', pattern, 'patches', i]),
            hint: 'put it there, or correct the path: it is relative to distro.yaml',
          }),
    ),
  );
