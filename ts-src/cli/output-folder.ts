import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bad, good, type Result } from '../model/diagnostics.ts';
import { distroMissing } from '../read/workspace.ts';
import { distroOptions, findDistro, type ValuesOf } from './command.ts';

/** Options of commands that read what the last build wrote. */
export const outputOptions = {
  distro: distroOptions.distro,
  output: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'output folder of the build (default: out beside the distro file)',
  },
} as const;

/** The output folder: the named one, or `out` beside the distro file. */
export function outputFolder(values: ValuesOf<typeof outputOptions>): Result<string> {
  if (values.output !== undefined) return good(resolve(values.output));
  const file = findDistro(values);
  return existsSync(file) ? good(join(resolve(file, '..'), 'out')) : bad(distroMissing(file));
}
