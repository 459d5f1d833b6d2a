import { bad, error, type Result } from '../model/diagnostics.ts';
import type { Outcome, RunOptions } from '../io/process.ts';
import type { SigningRoom } from './signing-room.ts';

/** A GnuPG home, and how programs are run that use it. */
export type Home = Pick<SigningRoom, 'home' | 'run'>;

export const gpg = (at: Home, args: string[], options?: RunOptions): Promise<Outcome> =>
  at.run('gpg', ['--batch', '--yes', '--no-tty', '--homedir', at.home, ...args], options);

/** The last message of gpg. */
export const gpgReason = (o: Outcome): string =>
  o.stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('[GNUPG:]'))
    .pop() || `it ended with ${o.signal ?? o.code}`;

export const failed = (what: string, o: Outcome): Result<never> =>
  bad(error('signing-key', `gpg could not ${what}: ${gpgReason(o)}`, { hint: hintOf(o) }));

/** If a passphrase is wrong, gpg-agent tries to ask the user and reports that it can't. */
function hintOf(o: Outcome): string {
  if (o.code === 127) return 'run `slipway doctor` to see what this machine lacks';
  if (/Inappropriate ioctl|[Bb]ad passphrase|[Nn]o passphrase|pinentry/.test(o.stderr))
    return 'the passphrase of the key is wrong or missing: see SLIPWAY_SIGNING_PASSPHRASE, or signingPassphrase of the pipeline';
  return 'run the same command again';
}

/** Fingerprints of primary keys. */
export const fingerprintsIn = (colons: string): string[] =>
  [...colons.matchAll(/^(?:sec|pub):(?:.*\n)(?:(?!fpr:).*\n)*?fpr:+([0-9A-F]+):/gm)].map(
    ([, fingerprint = '']) => fingerprint,
  );
