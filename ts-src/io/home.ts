import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The home of who runs us. A variable that is empty or relative would put keys and state into whatever folder we are
 * called in: then the system's list of users counts.
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  try {
    return userInfo().homedir;
  } catch {
    // A user that the system does not know has none.
    return '/nonexistent';
  }
}
