import { good, type Result } from '../model/diagnostics.ts';
import { exists, makeFolder } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { failed, fingerprintsIn, gpg } from './gpg.ts';
import type { SigningRoom } from './signing-room.ts';

/** Copies a GnuPG home without its sockets from `$1` to `$2`, which appears atomically. */
const copyHome = `set -eu
new=$(mktemp -d "$2.new-XXXXXX")
for name in pubring.kbx trustdb.gpg private-keys-v1.d openpgp-revocs.d; do
  if [ -e "$1/$name" ]; then cp -R "$1/$name" "$new/"; fi
done
rm -rf "$2"; mv "$new" "$2"`;

/** Brings the generated key of this state into the room; generates it on first use. */
export async function bringMadeKey(room: SigningRoom, key: { home: string; name: string }): Promise<Result<void>> {
  const there = await bringKept(room, key.home);
  if (!there.ok || there.value) return there.ok ? good(undefined) : there;
  return withMutex(`${key.home}.lock`, async () => {
    const other = await bringKept(room, key.home);
    if (!other.ok || other.value) return other.ok ? good(undefined) : other;
    return makeKey(room, key);
  });
}

/** Copies the state's key into the room. False if there is none. */
async function bringKept(room: SigningRoom, home: string): Promise<Result<boolean>> {
  if (!exists(`${home}/pubring.kbx`)) return good(false);
  const brought = await room.run('sh', ['-c', copyHome, 'copy', home, room.home]);
  if (brought.code !== 0) return failed('bring its keys', brought);
  const listed = await gpg(room, ['--with-colons', '--list-secret-keys']);
  // An interrupted gpg also lists no keys. A second key must not be generated then.
  return listed.code === 0 ? good(fingerprintsIn(listed.stdout).length > 0) : failed('list its keys', listed);
}

async function makeKey(room: SigningRoom, key: { home: string; name: string }): Promise<Result<void>> {
  const made = await gpg(room, [
    '--passphrase',
    '',
    '--pinentry-mode',
    'loopback',
    '--quick-generate-key',
    `${key.name} packages (slipway)`,
    'rsa3072',
    'sign',
    'never',
  ]);
  if (made.code !== 0) return failed('make a key', made);
  makeFolder(key.home, 0o700);
  const kept = await room.run('sh', ['-c', copyHome, 'copy', room.home, key.home]);
  return kept.code === 0 ? good(undefined) : failed('keep the key', kept);
}
