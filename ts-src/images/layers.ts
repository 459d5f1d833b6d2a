import { append } from '../model/lists.ts';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { makeRoom } from '../model/make-room.ts';
import { sizeText } from '../model/sizes.ts';
import { programFault, type Outcome } from '../io/process.ts';
import { naming, writeBytes } from '../io/write.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { exists, privateFolder, readJson, writeWhole } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { aptEnvironment } from '../sandbox/base-system.ts';
import type { Bind } from '../sandbox/driver.ts';
import { enterToInstall, whyEnded } from '../sandbox/install-entry.ts';
import { installLimits } from '../sandbox/limits.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { LeftBehindError, readEnd, shownName } from '../io/untrusted.ts';
import { imagesFolder, type Room } from './room.ts';
import { TarScanner } from './scan-tar.ts';
import { secretsIn, type Finding } from './scan.ts';
import { tarFile } from './tar-writer.ts';
import { scripts } from './scripts.ts';

/** A layer of an image: the changes to the layers below it. */
export interface Layer {
  key: string;
  /** Its files in overlayfs's form. */
  root: string;
  /** Its files in OCI's form, with `.wh.` files for removals. */
  tar: string;
  /** SHA-256 of the tar. */
  diffId: string;
  size: number;
  /** Names of all files of the root up to this layer, each ended by NUL. */
  names: string;
  secrets: Finding[];
}

export interface LayerRequest {
  key: string;
  /** Description for people. */
  what: string;
  /** Topmost first, the base last. */
  below: readonly Layer[];
  kind: 'install' | 'own';
  packages: readonly string[];
  binds: readonly Bind[];
  epoch: number;
}

const most = 2_000_000;
/** Bytes of a path, as for packages: mke2fs 1.47 writes beyond its memory if a path has 2,040 or more. */
const longestPath = 1000;
const folderOf = (room: Room, key: string): string => join(imagesFolder(room.state), 'layers', key);

interface Kept extends Omit<Layer, 'root' | 'tar' | 'names'> {
  schema: 1;
}

function kept(room: Room, key: string): Layer | undefined {
  const folder = folderOf(room, key);
  const found = readJson<Kept>(join(folder, 'layer.json'));
  if (found?.schema !== 1 || found.key !== key || !exists(join(folder, 'root'))) return undefined;
  const { schema: _, ...layer } = found;
  // Records the time of the last use.
  utimesSync(join(folder, 'layer.json'), new Date(), new Date());
  return { ...layer, root: join(folder, 'root'), tar: join(folder, 'layer.tar'), names: join(folder, 'names') };
}

/** The base as the lowest layer. */
export async function baseLayer(room: Room): Promise<Layer> {
  const { base } = room;
  const folder = folderOf(room, `base-${base.digest.slice(0, 24)}`);
  const names = join(folder, 'names');
  if (!exists(names)) {
    const nothing = join(newScratch(room.state), 'nothing');
    mkdirSync(nothing);
    writeWhole(names, await namesOf(room, [nothing, base.root]), { sync: false });
  }
  const known = readJson<{ size: number; secrets: Finding[] }>(join(folder, 'base.json'));
  const measured = known ?? (await measure(base.tar));
  if (!known) writeWhole(join(folder, 'base.json'), JSON.stringify(measured), { sync: false });
  return { key: base.digest, root: base.root, tar: base.tar, diffId: base.digest, names, ...measured };
}

async function measure(tar: string): Promise<{ size: number; secrets: Finding[] }> {
  const secrets: Finding[] = [];
  const reader = scanner(secrets, false);
  for await (const chunk of createReadStream(tar, { highWaterMark: 1 << 20 }))
    if (Buffer.isBuffer(chunk)) reader.push(chunk);
  return { size: statSync(tar).size, secrets };
}

/** Secrets of a layer that are told and kept: a layer may have hundreds of thousands. */
const mostSecrets = 20;

const scanner = (secrets: Finding[], everywhere: boolean): TarScanner =>
  new TarScanner((path, size, content) => {
    if (secrets.length < mostSecrets) append(secrets, secretsIn(path, size, content, everywhere));
  });

/** Makes a layer, or takes it from the cache by its key. */
export async function makeLayer(room: Room, request: LayerRequest): Promise<Result<Layer>> {
  const there = kept(room, request.key);
  if (there) return good(there);
  return withMutex(
    `${folderOf(room, request.key)}.lock`,
    async () => {
      const other = kept(room, request.key);
      if (other) return good(other);
      room.progress(`making ${request.what}`);
      const work = newScratch(room.state);
      const root = join(work, 'kept');
      const made = await enterToInstall(room.driver, room.state, {
        root: { layers: request.below.map((l) => l.root), keep: root },
        network: false,
        user: 'root',
        work,
        env: { ...aptEnvironment(undefined), SOURCE_DATE_EPOCH: String(request.epoch) },
        log: room.log,
        binds: [...request.binds],
        command: ['sh', '-c', scripts.layer, 'layer', request.kind, String(request.epoch), ...request.packages],
        signal: room.signal,
      });
      if (made.code !== 0) return bad(failure(room, request, made));
      const staged = join(work, 'layer');
      mkdirSync(staged);
      renameSync(root, join(staged, 'root'));
      const packed = await packLayer(room, request, staged);
      if (!packed.ok) return packed;
      const folder = folderOf(room, request.key);
      privateFolder(imagesFolder(room.state));
      await room.driver.remove(folder);
      renameSync(staged, folder);
      return good({
        ...packed.value,
        root: join(folder, 'root'),
        tar: join(folder, 'layer.tar'),
        names: join(folder, 'names'),
      });
    },
    { waiting: () => room.progress(`waiting for another slipway that makes ${request.what}`) },
  );
}

function failure(room: Room, request: LayerRequest, made: Outcome) {
  const end = exists(room.log) ? readEnd(room.log, 20_000) : '';
  const full = /No space left on device/.test(`${end}\n${made.stderr}`);
  const why = full ? `: the disk of ${room.state} is full` : whyEnded(made);
  // The log also contains earlier builds.
  const begun = end.lastIndexOf('slipway: the hook\n');
  const hook = begun >= 0 && !end.includes('slipway: the hook ended well', begun);
  const lines = end.trimEnd().split('\n');
  const line = hook
    ? lines.filter((l) => l.trim() !== '' && !l.startsWith('slipway: the hook')).pop()
    : lines.filter((l) => /^(E: |dpkg: error|slipway: )|: (line \d+|not found)/.test(l)).pop();
  return error(
    hook && !full ? 'image-hook' : 'image-install',
    `${hook ? 'the hook failed, so ' : ''}${request.what} could not be made${why}${why || line === undefined ? '' : `: ${line}`}`,
    { file: room.log, hint: full ? makeRoom : 'the cause is at the end of that log' },
  );
}

/** Most bytes of the names of a root's files: they must fit a text. A usual root has 10 MB of them. */
const mostNames = 256 << 20;

/** What sort(1) does not hold in memory, it writes to a folder of temporary files. */
const listScript = 'find m -xdev -mindepth 1 -printf "%P\\0" | head -c "$1" | LC_ALL=C sort -z';

/** Names of the files in a root, sorted, without mounted file systems. */
async function namesOf(room: Room, layers: readonly string[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const listed = await room.driver.read({
    layers,
    work: newScratch(room.state),
    command: ['sh', '-c', listScript, 'list', String(mostNames + 1)],
    onOutput: (chunk) => {
      size += chunk.length;
      if (size > mostNames)
        throw new LeftBehindError(`the names of a root's files take more than ${sizeText(mostNames)}`);
      chunks.push(chunk);
    },
    signal: room.signal,
  });
  if (listed.code !== 0) throw programFault('a root could not be listed', room.state, listed);
  return Buffer.concat(chunks);
}

const split = (names: Buffer): string[] => names.toString('latin1').split('\0').slice(0, -1);

/** `.wh.` members for a layer's removals. A removed folder needs only one for itself. */
export function whiteouts(before: readonly string[], after: ReadonlySet<string>): string[] {
  const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  return before
    .filter((path) => {
      const parent = parentOf(path);
      return !after.has(path) && (parent === '' || after.has(parent));
    })
    .map((path) => {
      const parent = parentOf(path);
      const prefix = parent === '' ? '' : `${parent}/`;
      return `${prefix}.wh.${path.slice(prefix.length)}`;
    })
    .sort();
}

/** Packs a layer's own files as tar, without the devices that overlayfs uses as whiteouts. */
const packScript = `cd l0/. && find . -mindepth 1 ! -type c ! -type b ! -type s -print0 | LC_ALL=C sort -z |
  tar --create --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --numeric-owner \\
    --xattrs --xattrs-include=security.capability --mtime="@$1" --clamp-mtime --no-recursion --null --files-from=-`;

async function packLayer(
  room: Room,
  request: LayerRequest,
  staged: string,
): Promise<Result<Omit<Layer, 'root' | 'tar' | 'names'>>> {
  const layers = [join(staged, 'root'), ...request.below.map((l) => l.root)];
  const names = await namesOf(room, layers);
  const after = split(names);
  if (after.length > most) return bad(error('image-install', `${request.what} holds more than ${most} files`));
  const long = after.find((path) => path.length > longestPath);
  if (long !== undefined)
    return bad(
      error('image-install', `${request.what} holds a path of more than ${longestPath} bytes: /${shownName(long)}`),
    );
  writeWhole(join(staged, 'names'), names, { sync: false });
  const below = request.below[0];
  const before = below ? split(readFileSync(below.names)) : [];
  const secrets: Finding[] = [];
  const reader = scanner(secrets, request.kind === 'own');
  const hash = createHash('sha256');
  const tar = join(staged, 'layer.tar');
  const out = openSync(tar, 'w');
  // Files may be sparse on disk, and are not in a tar.
  const { disk: largest } = installLimits(room.state);
  let size = 0;
  const write = (chunk: Buffer) => {
    size += chunk.length;
    if (size > largest) throw new LeftBehindError(`the files of ${request.what} take more than ${sizeText(largest)}`);
    writeBytes(out, chunk, tar);
    hash.update(chunk);
  };
  try {
    for (const path of whiteouts(before, new Set(after))) write(tarFile(path, Buffer.alloc(0), request.epoch));
    const packed = await room.driver.read({
      layers,
      work: newScratch(room.state),
      command: ['sh', '-c', packScript, 'pack', String(request.epoch)],
      onOutput: (chunk) => {
        write(chunk);
        reader.push(chunk);
      },
      signal: room.signal,
    });
    if (packed.code !== 0) throw programFault('a layer could not be packed', staged, packed);
    naming(tar, () => fsyncSync(out));
  } finally {
    closeSync(out);
  }
  const layer = { key: request.key, diffId: hash.digest('hex'), size, secrets };
  writeWhole(join(staged, 'layer.json'), JSON.stringify({ schema: 1, ...layer } satisfies Kept));
  return good(layer);
}

/** Refuses layers that contain secrets. */
export function checkSecrets(image: string, layers: readonly Layer[]): Result<true> {
  const found = layers.flatMap((l) => l.secrets);
  if (!found.length) return good(true);
  return bad(
    found.slice(0, mostSecrets).map(({ path, what }) =>
      error('image-secret', `the image '${image}' would hold ${what}: /${shownName(path)}`, {
        hint: 'remove it in the hook, or do not add it',
      }),
    ),
  );
}
