import { run, type Outcome } from '../io/process.ts';

/** Removes what is no file or folder: what ran in a base may leave links among its lists, which lead out of it. */
export const keepPlainFiles = (folder: string): Promise<Outcome> =>
  run('find', [folder, '-mindepth', '1', '!', '-type', 'f', '!', '-type', 'd', '-delete']);
