import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The user's home folder: HOME, or the one in the system's list of users if HOME is unset, empty or relative. Otherwise
 * keys and state would be written to the current folder.
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  try {
    return userInfo().homedir;
  } catch {
    // The user is not in the system's list.
    return '/nonexistent';
  }
}
