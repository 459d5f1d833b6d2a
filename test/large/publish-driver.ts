import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../e2e/helpers.ts';

/** Bundles the publishing program for a test into its folder, and creates a key without passphrase in `gpg`. */
export async function makePublisher(folder: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/bench/publish-driver.ts')],
    bundle: true,
    platform: 'node',
    outfile: join(folder, 'driver.cjs'),
    logLevel: 'error',
  });
  mkdirSync(join(folder, 'gpg'), { mode: 0o700 });
  const gpg = ['--batch', '--homedir', join(folder, 'gpg'), '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'ed25519', 'sign', 'never'], { stdio: 'ignore' });
}
