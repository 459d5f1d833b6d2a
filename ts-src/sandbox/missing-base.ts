import { bad, error, type Result } from '../model/diagnostics.ts';

/** The answer if a base would have to be made or fetched, and must not be. */
export const notHere = (name: string, architecture: string): Result<never> =>
  bad(error('base-missing', `the base system of ${name} ${architecture} is not on this machine, or is to be renewed`));
