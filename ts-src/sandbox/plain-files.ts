import { run, type Outcome } from '../io/process.ts';

/** Removes everything except files and folders: programs in a base may leave symlinks that lead out among its lists. */
export const keepPlainFiles = (folder: string): Promise<Outcome> =>
  run('find', [folder, '-mindepth', '1', '!', '-type', 'f', '!', '-type', 'd', '-delete']);
