import { realpathSync, statSync } from 'node:fs';
import { writeWhole } from './files.ts';
import { appendFile } from './write.ts';

const standardOutput = /^\/(?:dev\/stdout|(?:dev|proc\/self)\/fd\/1)$/;

/**
 * Writes a file that the user named. A link stays, and what it leads to is written. Devices, pipes and open files, such
 * as `/dev/null` and `/dev/stdout`, are written to and never replaced.
 */
export function writeNamed(path: string, text: string): void {
  // As a pipe of Node, which is a socket, it can't be opened by its path.
  if (standardOutput.test(path)) {
    process.stdout.write(text);
    return;
  }
  const found = statSync(path, { throwIfNoEntry: false });
  const special = found ? !found.isFile() && !found.isDirectory() : false;
  if (special || /^\/(?:dev|proc)\//.test(path)) appendFile(path, text);
  else writeWhole(found ? realpathSync(path) : path, text);
}
