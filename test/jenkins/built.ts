import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jenkins as runJenkins } from './harness.mjs';

/** A build that the harness ran. */
export interface Built {
  result: string;
  failure: string | null;
  description: string;
  log: string;
  home: string;
  trace: string;
}
export const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;

/** Makes a signing key. Its secret part is in `key.asc`, for a credential. */
export function makeKey(folder: string): void {
  const home = join(folder, 'gpg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'ed25519', 'sign', 'never'], { stdio: 'ignore' });
  writeFileSync(join(folder, 'key.asc'), execFileSync('gpg', [...gpg, '--armor', '--export-secret-keys']));
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
}
