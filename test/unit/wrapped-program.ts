import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes a program that is found instead of another one, as a shell script made by `script` from the real one's path.
 * Returns the PATH for it.
 */
export function wrapProgram(folder: string, name: string, script: (real: string) => string): string {
  mkdirSync(folder);
  const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  writeFileSync(join(folder, name), `#!/bin/sh\n${script(real)}\n`, { mode: 0o755 });
  return `${folder}:${process.env.PATH}`;
}
