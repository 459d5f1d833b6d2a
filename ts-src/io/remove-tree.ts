import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { codeOf, messageOf } from './faults.ts';
import { plainEnvironment, programFault } from './process.ts';

/**
 * Removes a folder with all that is in it, or a file, if it is there. Node removes folders by recursion: those of
 * others may be nested deeper than its stack, or have longer paths than a system call takes. rm(1) has no such limit.
 */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (e) {
    if (!(e instanceof RangeError) && codeOf(e) !== 'ENAMETOOLONG') throw e;
    const { status, signal, stderr, error } = spawnSync('rm', ['-rf', '--one-file-system', '--', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      env: plainEnvironment(),
    });
    if (error) throw new Error(`can't remove ${path}: ${messageOf(error)}`);
    if (status !== 0)
      throw programFault(`can't remove ${path}`, path, { code: status ?? 128, signal, stderr, stdout: '' });
  }
}
