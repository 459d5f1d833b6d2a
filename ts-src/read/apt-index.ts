import { rmSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { isDigest } from '../model/stored.ts';
import { codeOf } from '../io/faults.ts';
import { readRegular } from '../io/files.ts';
import { runLimited } from '../io/limited.ts';
import { reasonOf, run, runForData, TooMuch, type Outcome } from '../io/process.ts';
import { utf8Text } from '../io/utf8.ts';

/**
 * Size limits in bytes for files of external apt repositories. Debian's own index of all packages is a quarter of the
 * largest.
 */
export const largestRelease = 16 << 20;
export const largestIndex = 256 << 20;

/**
 * Whether bytes are one clear-signed text and nothing else. Other OpenPGP messages hold compressed data, a few
 * kilobytes of which unpack to gigabytes, or several texts.
 */
export function isClearsigned(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  const begins = [...text.matchAll(/^-----BEGIN PGP [A-Z ,0-9/]+-----/gm)].map(([begin]) => begin);
  return (
    text.startsWith('-----BEGIN PGP SIGNED MESSAGE-----') &&
    text.trimEnd().endsWith('-----END PGP SIGNATURE-----') &&
    begins.length === 2 &&
    begins[1] === '-----BEGIN PGP SIGNATURE-----'
  );
}

/**
 * The content of an InRelease file. With a key, only the signed part: text around it is not covered by the signature.
 * `name`: for messages.
 */
export async function releaseText(file: string, key: string | undefined, name: string): Promise<Result<string>> {
  const unsigned = (why: string): Result<never> =>
    bad(
      error('underlay-signature', `the signature of ${name} is invalid: ${why}`, {
        hint: 'put the public key that signs this repository into the file of `key`',
      }),
    );
  if (key === undefined) return good(utf8Text(readRegular(file, largestRelease)));
  if (!isClearsigned(readRegular(file, largestRelease)))
    return unsigned('it is not a text with a signature (`gpg --clearsign`)');
  const [ring, signed] = [`${file}.gpg`, `${file}.signed`];
  try {
    const bytes = readRegular(key, largestRelease);
    const dearmored = bytes.toString('latin1').includes('-----BEGIN PGP')
      ? await runLimited('gpg', ['--batch', '--yes', '--dearmor', '--output', ring, key], largestRelease)
      : await run('cp', ['--', key, ring]);
    const checked =
      dearmored.code === 0
        ? await runLimited(
            'gpgv',
            ['--status-fd', '2', '--weak-digest', 'SHA1', '--keyring', ring, '--output', signed, '--', file],
            largestRelease,
          )
        : dearmored;
    if (checked.code === 127)
      return bad(
        error('underlay-signature', `the signature of ${name} can't be checked: ${checked.stderr}`, {
          hint: 'install the programs with apt-get install gnupg gpgv',
        }),
      );
    const worthless = dearmored.code === 0 ? worthlessIn(checked.stderr) : undefined;
    if (worthless !== undefined) return unsigned(worthless);
    if (!isSigned(checked)) return unsigned(whyUnsigned(checked));
    return good(utf8Text(readRegular(signed, largestRelease)));
  } finally {
    rmSync(ring, { force: true });
    rmSync(signed, { force: true });
  }
}

/** Whether gpg's status lines (doc/DETAILS) have one of this kind. */
export const said = (status: string, kind: string): boolean => new RegExp(`^\\[GNUPG:\\] ${kind} `, 'm').test(status);

/**
 * Whether a signature counts, by apt's rule: one of the keys has signed, and no signature is wrong. gpgv fails if
 * others have signed, too, as in the change from a key to the next.
 */
const isSigned = ({ code, stderr }: Outcome): boolean =>
  said(stderr, 'GOODSIG') &&
  said(stderr, 'VALIDSIG') &&
  !said(stderr, 'BADSIG') &&
  (code === 0 || (code === 2 && said(stderr, 'NO_PUBKEY')));

/** Why the only signature does not count, though gpgv takes it: it does so if its key has expired or is revoked. */
function worthlessIn(status: string): string | undefined {
  if (said(status, 'GOODSIG')) return undefined;
  if (said(status, 'REVKEYSIG')) return 'its key is revoked';
  if (said(status, 'EXPKEYSIG')) return 'its key has expired: if it was renewed, get it again';
  return said(status, 'EXPSIG') ? 'the signature has expired' : undefined;
}

/** Why gpg or gpgv found no valid signature, from its output. */
function whyUnsigned(outcome: Outcome): string {
  const text = outcome.stderr.replace(/^\[GNUPG:\].*\n?/gm, '');
  const signer = /using \w+ key ([0-9A-F]{16,40})/.exec(text)?.[1];
  if (/No public key/.test(text))
    return `it was made by the key ${signer ?? 'of somebody else'}, which the file of \`key\` does not hold`;
  if (/no valid OpenPGP data/.test(text)) return 'the file of `key` holds no key';
  return reasonOf({ ...outcome, stderr: text }).replace(/^gpgv?: /, '');
}

/** Digests (SHA-256) of a suite's files, from its Release file. */
export function digestsOf(release: string): Map<string, string> {
  const digests = new Map<string, string>();
  let inside = false;
  for (const line of release.split('\n')) {
    if (line.startsWith('SHA256:')) inside = true;
    else if (!line.startsWith(' ')) inside = false;
    else if (inside) {
      const [digest, , name] = line.trim().split(/\s+/);
      // The digest is used as a file name.
      if (name && isDigest(digest)) digests.set(name, digest);
    }
  }
  return digests;
}

/** Decompresses an index by the suffix of its name. Returns a message if that fails. */
export async function indexText(file: string, ending: string): Promise<{ text: string } | string> {
  const tooLarge = `it has more than ${largestIndex >> 20} MiB`;
  try {
    if (ending === '.xz') return await unpackedByXz(file);
    const bytes = readRegular(file, largestIndex);
    return { text: utf8Text(ending === '.gz' ? gunzipSync(bytes, { maxOutputLength: largestIndex }) : bytes) };
  } catch (e) {
    if (e instanceof TooMuch || ['ERR_BUFFER_TOO_LARGE', 'ELARGE'].includes(codeOf(e) ?? '')) return tooLarge;
    if (ending === '.gz' && e instanceof Error) return e.message;
    throw e;
  }
}

async function unpackedByXz(file: string): Promise<{ text: string } | string> {
  const args = ['--decompress', '--stdout', '--memlimit-decompress=1GiB', '--', file];
  const { outcome, data } = await runForData('xz', args, largestIndex);
  if (outcome.code === 0) return { text: utf8Text(data) };
  return outcome.stderr.trim() || `xz ended with ${outcome.signal ?? outcome.code}`;
}
