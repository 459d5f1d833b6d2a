// The files of deploy/ as an object, path → text. The bundle contains them, so that `slipway deploy init` needs no
// checkout.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the module in imports. */
export const deployModule = 'slipway:deploy';

/** @param {string} root @returns {Record<string, string>} */
export function deployFiles(root) {
  const folder = join(root, 'deploy');
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
}

/** @param {string} root */
export const deploySource = (root) => `export default ${JSON.stringify(deployFiles(root))}`;
