import { openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { first } from '../model/lists.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { exists } from '../io/files.ts';
import { plainEnvironment, run, type Outcome, type RunOptions } from '../io/process.ts';
import { checkSignature, checkSigners, primaryKeys, signersIn } from './signatures.ts';
import { failed, fingerprintsIn, gpg, gpgReason, type Home } from './gpg.ts';
import { bringMadeKey } from './made-key.ts';
import { openRoom, type SigningRoom } from './signing-room.ts';
import { codeOf } from '../io/faults.ts';
import { homeFolder } from '../io/home.ts';

/** A file with a secret key, as exported by `gpg --armor --export-secret-keys`. */
export interface KeyFile {
  file: string;
  passphrase?: string | undefined;
}

/** The signing keys of a repository. Several keys sign together. */
export type SigningKey =
  | { kind: 'files'; keys: KeyFile[] }
  /** Keys in the user's own GnuPG home, with its agent. */
  | { kind: 'keyring'; home: string; keys: string[] }
  /** A key without passphrase that is generated on first use and stored in a GnuPG home. */
  | { kind: 'made'; home: string; name: string }
  /**
   * A signing program (a KMS, a smart card on another machine). Its last argument is `clearsign` or `detached`; it
   * reads the text from standard input and writes the armored signature.
   */
  | { kind: 'command'; command: string[]; publicKey: string };

/**
 * Signs texts. Use:
 *
 *     const signed = await withSigner(key, async (signer) => {
 *       const inRelease = await signer.sign(release, 'clearsign');
 *       const detached = await signer.sign(release, 'detached');   // Release.gpg
 *       …signer.publicKey, signer.fingerprints…
 *     });
 *
 * Secret keys and passphrases stay in memory: in a GnuPG home on a tmpfs inside a private mount namespace. It ends with
 * this process, and so does gpg-agent. Passphrases are passed by descriptor.
 */
export interface Signer {
  /** Fingerprints of the primary keys, in the given order. */
  fingerprints: readonly string[];
  /** Armored public keys. */
  publicKey: string;
  sign(text: string | Buffer, form: 'clearsign' | 'detached'): Promise<Result<string>>;
  /** Runs a program that calls gpg itself, with the keys of `fingerprints` in GNUPGHOME. */
  run(command: string, args: string[], options?: RunOptions): Promise<Outcome>;
}

export async function withSigner<T>(key: SigningKey, work: (signer: Signer) => Promise<Result<T>>): Promise<Result<T>> {
  if (key.kind === 'command') {
    const signer = await commandSigner(key);
    return signer.ok ? work(signer.value) : signer;
  }
  if (key.kind === 'keyring') {
    const signer = await signerOf({ home: key.home, run }, key.keys);
    return signer.ok ? work(signer.value) : signer;
  }
  const room = await openRoom();
  try {
    const filled = key.kind === 'files' ? await importKeys(room, key.keys) : await bringMadeKey(room, key);
    if (!filled.ok) return filled;
    const signer = await signerOf(room, []);
    return signer.ok ? await work(signer.value) : signer;
  } finally {
    await room.close();
  }
}

/** Reads the passphrase from standard input, then imports the key from descriptor 3 and tells the agent. */
const importScript = `set -eu
IFS= read -r passphrase || :
printf 'allow-preset-passphrase\\n' > "$1/gpg-agent.conf"
printf %s "$passphrase" | gpg --batch --yes --no-tty --homedir "$1" --pinentry-mode loopback --passphrase-fd 0 --import /dev/fd/3
[ -n "$passphrase" ] || exit 0
preset=$(gpgconf --list-dirs libexecdir)/gpg-preset-passphrase
for grip in $(gpg --batch --no-tty --homedir "$1" --with-colons --with-keygrip -K | sed -n 's/^grp:*\\([0-9A-F]*\\):.*/\\1/p'); do
  [ ! -e "$1/preset-$grip" ] || continue
  : > "$1/preset-$grip"
  printf %s "$passphrase" | GNUPGHOME=$1 "$preset" --preset "$grip"
done`;

async function importKeys(room: SigningRoom, keys: readonly KeyFile[]): Promise<Result<void>> {
  for (const { file, passphrase } of keys) {
    let descriptor: number;
    try {
      descriptor = openSync(file, 'r');
    } catch (e) {
      return bad(
        error('signing-key', `the file with the secret key can't be read: ${codeOf(e)}`, {
          file,
        }),
      );
    }
    const imported = await room.run('sh', ['-c', importScript, 'import', room.home], {
      input: `${passphrase ?? ''}\n`,
      descriptors: [descriptor],
    });
    closeSync(descriptor);
    if (imported.code !== 0)
      return bad(
        error(
          'signing-key',
          /no valid OpenPGP data|processed: 0/.test(imported.stderr)
            ? 'the file holds no secret key'
            : `gpg can't read the secret key: ${gpgReason(imported)}`,
          {
            file,
            hint: 'export the key with `gpg --armor --export-secret-keys`',
          },
        ),
      );
  }
  return good(undefined);
}

async function signerOf(at: Home, keys: readonly string[]): Promise<Result<Signer>> {
  const listed = await gpg(at, ['--with-colons', '--list-secret-keys', '--', ...keys]);
  const fingerprints = [...new Set(fingerprintsIn(listed.stdout))];
  if (listed.code === 127) return failed('list its keys', listed);
  const all = [...primaryKeys(listed.stdout).keys()];
  const unknown = keys.filter(
    (key) => /^[0-9A-Fa-f]{16,40}$/.test(key) && !all.some((f) => f.endsWith(key.toUpperCase())),
  );
  if (!fingerprints.length || unknown.length)
    return bad(
      error('signing-key', `the secret key ${(unknown.length ? unknown : keys).join(', ')} is not in ${at.home}`, {
        hint: 'import it with `gpg --import FILE`, correct signing_key in distro.yaml, or remove it: then a key is made',
      }),
    );
  const exported = await gpg(at, ['--armor', '--export', '--', ...fingerprints]);
  if (exported.code !== 0 || !isWholeKey(exported.stdout)) return failed('export the public key', exported);
  const primaries = primaryKeys(listed.stdout);
  const by = fingerprints.flatMap((f) => ['--local-user', f]);
  const afterFirst = firstAlone();
  return good({
    fingerprints,
    publicKey: exported.stdout,
    sign(text, form) {
      const how = form === 'clearsign' ? ['--clearsign'] : ['--armor', '--detach-sign'];
      return afterFirst(async () => {
        const signed = await gpg(at, ['--status-fd', '2', '--digest-algo', 'SHA512', ...by, ...how], { input: text });
        if (signed.code !== 0 || !signed.stdout) return failed('sign', signed);
        const checked = checkSigners(fingerprints, signersIn(signed.stderr), primaries);
        return checked.ok ? good(signed.stdout) : checked;
      });
    },
    run: (command, args, options = {}) =>
      at.run(command, args, { ...options, env: { ...plainEnvironment(), ...options.env, GNUPGHOME: at.home } }),
  });
}

/**
 * Lets the first call end before others begin. gpg-agent rewrites an imported key in place at its first use; a
 * concurrent reader would find the end of the old text after the new one ("Invalid value").
 */
function firstAlone(): <T>(work: () => Promise<T>) => Promise<T> {
  let first: Promise<unknown> | undefined;
  return (work) => {
    if (first) return first.then(work);
    const begun = work();
    first = begun.catch(() => undefined);
    return begun;
  };
}

async function commandSigner({ command, publicKey }: SigningKey & { kind: 'command' }): Promise<Result<Signer>> {
  const text = exists(publicKey) ? readFileSync(publicKey, 'utf8') : '';
  const shown = await run('gpg', ['--batch', '--no-tty', '--with-colons', '--show-keys', '--', publicKey]);
  const fingerprints = fingerprintsIn(shown.stdout);
  if (!fingerprints.length || !isWholeKey(text))
    return bad(
      error('signing-key', 'the public key of the signing command is not an armored OpenPGP key', { file: publicKey }),
    );
  const program = first(command);
  const args = command.slice(1);
  return good({
    fingerprints,
    publicKey: text,
    async sign(message, form) {
      const signed = await run(program, [...args, form], { input: message });
      const begin = form === 'clearsign' ? '-----BEGIN PGP SIGNED MESSAGE-----' : '-----BEGIN PGP SIGNATURE-----';
      if (signed.code === 0 && signed.stdout.startsWith(begin)) {
        const checked = await checkSignature(signed.stdout, message, form, text, fingerprints);
        return checked.ok ? good(signed.stdout) : checked;
      }
      return bad(
        error(
          'signing-key',
          `the signing command ${program} ${signed.code === 0 ? 'wrote no signature' : `failed: ${gpgReason(signed)}`}`,
        ),
      );
    },
    run: () => Promise.resolve({ code: 127, signal: null, stdout: '', stderr: 'a signing command has no key to lend' }),
  });
}

export const isWholeKey = (text: string | undefined): boolean =>
  text?.trimEnd().endsWith('-----END PGP PUBLIC KEY BLOCK-----') ?? false;

/** The key of distro.yaml's `signing_key`; else one that is generated on first use and stored beside the state. */
export const keyOf = (
  named: string | readonly string[] | undefined,
  state: string,
  organization: string,
): SigningKey =>
  named === undefined
    ? { kind: 'made', home: join(state, 'gnupg'), name: organization }
    : {
        kind: 'keyring',
        home: process.env.GNUPGHOME ?? join(homeFolder(), '.gnupg'),
        keys: [named].flat(),
      };

/**
 * The key file named by the step's environment. Removes its passphrase from the environment, so that programs do not
 * inherit it.
 */
export function keyFromEnvironment(env: NodeJS.ProcessEnv): SigningKey | undefined {
  const passphrase = env.SLIPWAY_SIGNING_PASSPHRASE;
  delete env.SLIPWAY_SIGNING_PASSPHRASE;
  return env.SLIPWAY_SIGNING_KEY_FILE
    ? { kind: 'files', keys: [{ file: env.SLIPWAY_SIGNING_KEY_FILE, passphrase }] }
    : undefined;
}
