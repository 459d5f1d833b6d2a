import { bad, error, good, isError, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { runLimited } from '../io/limited.ts';
import { withSigner, type SigningKey } from './signing.ts';

const day = 86_400_000;
/** How long before a key's expiry runs warn about it. */
const notice = 60 * day;

/**
 * Checks signing keys: warns about keys that expire soon or are weak. An expired key is an error, because apt would
 * refuse its signatures. `publicKey` is armored; `now` is in milliseconds since 1970.
 */
export async function keyHealth(publicKey: string, now: number): Promise<Diagnostic[]> {
  const keys = await keysOf(publicKey);
  return keys.ok ? keys.value.flatMap((key) => judgeKey(key, now)) : keys.diagnostics;
}

/** Size limit of keys in bytes. Who can write to the place that serves a channel can replace them there. */
export const largestKey = 1 << 20;

/** The keys of an armored text with their expiry. */
export async function keysOf(publicKey: string): Promise<Result<Key[]>> {
  if (publicKey.length > largestKey) return bad(error('signing-key', 'the public key is larger than a MiB'));
  // A home folder that does not exist: gpg writes nothing there, and the user's own is not read.
  const shown = await runLimited(
    'gpg',
    ['--homedir', '/nonexistent/slipway', '--batch', '--no-tty', '--no-options', '--no-keyring'].concat([
      '--trust-model',
      'always',
      '--with-colons',
      '--show-keys',
    ]),
    largestKey,
    { input: publicKey },
  );
  return shown.code === 0
    ? good(keysIn(shown.stdout))
    : bad(error('signing-key', `gpg can't read the public key: ${shown.stderr.trim()}`));
}

/**
 * Test signature, so that an unusable key is reported before hours of building. A key that will be generated is not
 * tested.
 */
export async function trySigning(key: SigningKey, now: number): Promise<Diagnostic[]> {
  if (key.kind === 'made') return [];
  const tried = await withSigner(key, async (signer) => {
    const health = await keyHealth(signer.publicKey, now);
    const signed = await signer.sign('a try\n', 'clearsign');
    return signed.ok || health.some(isError) ? good(health) : signed;
  });
  return tried.ok ? tried.value : tried.diagnostics;
}

export interface Key {
  fingerprint: string;
  /** Expiry of the last key that can sign, in milliseconds since 1970; undefined: never. */
  ends: number | undefined;
  weak: string | undefined;
}

/** Primary keys with their longest-lived signing key, from gpg's listing (doc/DETAILS). */
export function keysIn(colons: string): Key[] {
  const keys: Key[] = [];
  let signing: (number | undefined)[] = [];
  let primaryEnds: number | undefined;
  const close = () => {
    const key = keys[keys.length - 1];
    if (!key) return;
    const last = signing.includes(undefined) ? undefined : Math.max(0, ...signing.map((e) => e ?? 0));
    const ends = [primaryEnds, last].filter((e) => e !== undefined);
    key.ends = ends.length ? Math.min(...ends) : undefined;
  };
  for (const line of colons.split('\n')) {
    const f = line.split(':');
    const kind = f[0];
    const ends = f[6] ? Number(f[6]) * 1000 : undefined;
    if (kind === 'pub') {
      close();
      signing = [];
      primaryEnds = ends;
      keys.push({ fingerprint: '', ends: undefined, weak: weakness(Number(f[3]), Number(f[2])) });
    }
    const key = keys[keys.length - 1];
    if ((kind === 'pub' || kind === 'sub') && f[11]?.includes('s') && f[1] !== 'r') signing.push(ends);
    if (kind === 'fpr' && key && !key.fingerprint) key.fingerprint = f[9] ?? '';
  }
  close();
  return keys;
}

/** Why a key is weak. Algorithms by their numbers in RFC 9580. */
function weakness(algorithm: number, bits: number): string | undefined {
  if (algorithm === 17) return 'DSA';
  return [1, 2, 3].includes(algorithm) && bits < 2048 ? `RSA of ${bits} bits` : undefined;
}

function judgeKey({ fingerprint, ends, weak }: Key, now: number): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const short = fingerprint.slice(-16);
  const date = (at: number) => new Date(at).toISOString().slice(0, 10);
  if (ends !== undefined && ends <= now)
    diagnostics.push(
      error('key-expired', `the signing key ${short} expired on ${date(ends)}`, {
        hint: 'extend it (gpg --quick-set-expire) or sign with another key; nothing was published',
      }),
    );
  else if (ends !== undefined && ends - now < notice)
    diagnostics.push(
      warning(
        'key-expiring',
        `the signing key ${short} expires on ${date(ends)}, in ${Math.floor((ends - now) / day)} days`,
        { hint: 'extend it, or also sign with a second key soon, so that robots know that key in time' },
      ),
    );
  if (weak !== undefined)
    diagnostics.push(
      warning('key-weak', `the signing key ${short} is ${weak}: newer releases of apt refuse what it signs`, {
        hint: 'also sign with an rsa4096 or ed25519 key',
      }),
    );
  return diagnostics;
}
