import { userInfo, type UserInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The user's home folder: HOME, or the one in the system's list of users if HOME is unset, empty or relative. Otherwise
 * keys and state would be written to the current folder.
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  // The user may not be in the system's list.
  return account()?.homedir ?? '/nonexistent';
}

/** The user in the system's list; undefined if it is not there, as with `docker run --user 1234`. */
export function account(): UserInfo<string> | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}
