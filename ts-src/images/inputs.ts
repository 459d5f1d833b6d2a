import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { ImageSpec } from '../model/images.ts';
import { readIf } from '../io/files.ts';
import { run } from '../io/process.ts';
import { LeftBehindError, readLeft, walkLeft } from '../io/untrusted.ts';
import { Locator } from '../read/yaml.ts';

/** Files that an image takes from the distro repository. */
export interface Inputs {
  /** Digest of all files. */
  digest: string;
  /** Lines of authorized_keys by user. */
  keys: ReadonlyMap<string, string>;
  /** Contents, in the order of `files`. */
  files: readonly Buffer[];
  overlay: Buffer | undefined;
  hook: Buffer | undefined;
}

const largest = 256 << 20;

/** Reads the files that distro.yaml names for an image. Reports every fault with its line. */
export async function readInputs(
  root: string,
  distroFile: string,
  name: string,
  spec: ImageSpec,
): Promise<Result<Inputs>> {
  const faults: Diagnostic[] = [];
  const locator = new Locator(readIf(distroFile) ?? '');
  const fault = (path: readonly PropertyKey[], message: string, hint?: string) =>
    faults.push(
      error('image-input', message, { file: distroFile, line: locator.line(['images', name, ...path]), hint }),
    );
  const read = async (file: string, path: readonly PropertyKey[], most = largest): Promise<Buffer | undefined> => {
    try {
      const data = await readLeft(root, normal(file), most);
      if (data) return data;
      fault(path, `images.${name} names ${file}, which is not there`);
    } catch (e) {
      if (!(e instanceof LeftBehindError)) throw e;
      fault(path, `images.${name}: ${e.message}`);
    }
    return undefined;
  };
  const keys = new Map<string, string>();
  for (const [i, user] of spec.users.entries()) {
    const lines: string[] = [];
    for (const [j, file] of user.keys.entries()) {
      const text = (await read(file, ['users', i, 'keys', j], 1 << 20))?.toString('utf8');
      if (text === undefined) continue;
      const found = publicKeys(text);
      if (found === undefined)
        fault(
          ['users', i, 'keys', j],
          `${file} holds something else than public SSH keys`,
          'one key a line, as in *.pub',
        );
      else lines.push(...found);
    }
    keys.set(user.name, lines.map((l) => `${l}\n`).join(''));
  }
  const files: Buffer[] = [];
  for (const [i, { from }] of spec.files.entries()) files.push((await read(from, ['files', i])) ?? Buffer.alloc(0));
  const hook = spec.hook === undefined ? undefined : await read(spec.hook, ['hook'], 1 << 20);
  if (hook && !hook.subarray(0, 2).equals(Buffer.from('#!')))
    fault(['hook'], `${spec.hook} does not begin with "#!"`, 'name its interpreter in its first line');
  const overlay = spec.overlay === undefined ? undefined : await packOverlay(root, spec.overlay);
  if (typeof overlay === 'string') fault(['overlay'], overlay);
  if (faults.length) return bad(...faults);
  const packed = typeof overlay === 'string' ? undefined : overlay;
  const parts = [...files, hook, packed].map((b) => (b ? sha256(b) : null));
  return good({
    digest: sha256(JSON.stringify([parts, [...keys]])),
    keys,
    files,
    overlay: packed,
    hook,
  });
}

const normal = (path: string): string =>
  path
    .split('/')
    .filter((p) => p !== '' && p !== '.')
    .join('/');

/** The keys in a file, without comments; undefined if it contains anything else. */
function publicKeys(text: string): string[] | undefined {
  const lines = text
    .split('\n')
    .map((l) => l.trim())
    .filter((l) => l !== '' && !l.startsWith('#'));
  return lines.length &&
    lines.every((l) => /^(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]{16,}( [^\0-\x1f]*)?$/.test(l))
    ? lines
    : undefined;
}

/** Packs a folder reproducibly as tar. Returns a message if that is not possible. */
async function packOverlay(root: string, folder: string): Promise<Buffer | string> {
  const path = normal(folder);
  try {
    const found = await walkLeft(root, path, { most: 100_000 });
    const strange = found.find((f) => f.kind !== 'a file' && f.kind !== 'a link');
    if (strange) return `the overlay holds ${strange.kind}: ${strange.path}`;
    if (!found.length) return `the overlay ${folder} holds no files, or is not there`;
    const total = found.reduce((n, f) => n + lstatSync(join(root, f.path)).size, 0);
    if (total > largest) return `the overlay ${folder} is larger than ${largest >> 20} MiB`;
  } catch (e) {
    if (e instanceof LeftBehindError) return e.message;
    throw e;
  }
  const normalized = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--format=gnu'];
  const chunks: Buffer[] = [];
  const packed = await run('tar', ['-c', ...normalized, '--mode=u=rwX,go=rX', '-C', join(root, path), '.'], {
    onOutput: (chunk) => chunks.push(chunk),
  });
  return packed.code === 0 ? Buffer.concat(chunks) : `the overlay could not be read: ${packed.stderr.trim()}`;
}
