import { join } from 'node:path';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeFile } from '../io/write.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { runLimited } from '../io/limited.ts';
import { run } from '../io/process.ts';
import { isClearsigned, said } from '../read/apt-index.ts';

/** Fingerprint of each key → its primary key, from gpg's listing (doc/DETAILS). */
export function primaryKeys(colons: string): Map<string, string> {
  const primaries = new Map<string, string>();
  let primary: string | undefined;
  let fresh = false;
  for (const line of colons.split('\n')) {
    const f = line.split(':');
    const kind = f[0] ?? '';
    if (kind === 'pub' || kind === 'sec') fresh = true;
    const fingerprint = f[9] ?? '';
    if (kind !== 'fpr' || !/^[0-9A-F]+$/.test(fingerprint)) continue;
    if (fresh) primary = fingerprint;
    fresh = false;
    if (primary !== undefined) primaries.set(fingerprint, primary);
  }
  return primaries;
}

/** Fingerprints of signing keys in gpg's status lines (SIG_CREATED). */
export const signersIn = (status: string): string[] =>
  [...status.matchAll(/^\[GNUPG:\] SIG_CREATED (?:\S+ ){5}([0-9A-F]{16,64})$/gm)].flatMap((m) => m[1] ?? []);

/**
 * Checks that each key has signed: gpg skips unusable keys and still succeeds. Robots that know only the skipped key
 * could not update.
 */
export function checkSigners(
  wanted: readonly string[],
  made: readonly string[],
  primaries: ReadonlyMap<string, string>,
): Result<void> {
  const signed = new Set(made.map((fingerprint) => primaries.get(fingerprint) ?? fingerprint));
  const missing = wanted.filter((fingerprint) => !signed.has(fingerprint));
  return missing.length
    ? bad(
        error('signature-missing', `no signature was made by the key ${missing.join(', ')}`, {
          hint:
            'the key may have expired, be revoked or have no secret part here: ' +
            'renew it, or remove it from signing_key',
        }),
      )
    : good(undefined);
}

/** Options of gpg for public keys in a folder. It needs no agent, which would outlive a slipway that is killed. */
const verifying = (folder: string): string[] => [
  '--batch',
  '--no-tty',
  '--no-autostart',
  '--homedir',
  folder,
  '--trust-model',
  'always',
];

/** Size limit of a signed text in bytes: an index of images with some ten thousand entries. */
const largest = 64 << 20;

/** The text that one of these keys signed (`clearsign`); undefined if none did. */
export async function signedText(signed: Buffer, publicKey: string): Promise<string | undefined> {
  if (signed.length > largest || !isClearsigned(signed)) return undefined;
  return inTemporary('signed', async (folder) => {
    const file = join(folder, 'signed');
    writeFile(file, signed);
    const gpg = [...verifying(folder), '--status-fd', '2'];
    const imported = await run('gpg', [...gpg, '--import'], { input: publicKey });
    const checked = await runLimited('gpg', [...gpg, '--decrypt', file], largest);
    // gpg takes what a revoked key signed, which may have been stolen.
    const { code, stderr, stdout } = checked;
    const isSigned = imported.code === 0 && code === 0 && said(stderr, 'VALIDSIG') && !said(stderr, 'REVKEYSIG');
    return isSigned ? stdout : undefined;
  });
}

/** Verifies a signature made by a program, with the public keys. The signed text must be this one. */
export async function checkSignature(
  signature: string,
  text: string | Buffer,
  form: 'clearsign' | 'detached',
  publicKey: string,
  wanted: readonly string[],
): Promise<Result<void>> {
  return inTemporary('signature', async (folder) => {
    writeFile(join(folder, 'signature'), signature);
    writeFile(join(folder, 'text'), text);
    const gpg = (args: string[], input?: string) =>
      run('gpg', [...verifying(folder), ...args], input === undefined ? {} : { input });
    await gpg(['--import'], publicKey);
    const listed = await gpg(['--with-colons', '--list-keys']);
    const args = form === 'clearsign' ? ['--decrypt', join(folder, 'signature')] : [];
    const checked = await gpg([
      '--status-fd',
      '2',
      ...(args.length ? args : ['--verify', join(folder, 'signature'), join(folder, 'text')]),
    ]);
    const valid = [...checked.stderr.matchAll(/^\[GNUPG:\] VALIDSIG ([0-9A-F]+)/gm)].flatMap((m) => m[1] ?? []);
    const signers = checkSigners(wanted, valid, primaryKeys(listed.stdout));
    if (!signers.ok) return signers;
    const trimmed = (lines: string) => lines.replace(/[ \t]+$/gm, '').trimEnd();
    return form === 'detached' || trimmed(checked.stdout) === trimmed(text.toString())
      ? good(undefined)
      : bad(error('signature-missing', 'the signing command signed a different text'));
  });
}
