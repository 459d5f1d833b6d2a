import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { arMembers, readMember, type ArMember } from './ar.ts';
import { readTar, TarError, TarReader, type TarMember, type TarSink } from './tar.ts';
import { shownName } from './untrusted.ts';
import { reasonIn } from './faults.ts';

/** A Debian package is damaged, or contains something that Slipway's packages never contain. */
export class PackageFileError extends Error {
  /** As of a LeftBehindError. */
  readonly code = 'ESTORE';

  /** `remedy`: what to do about it, where the message does not say. */
  constructor(
    message: string,
    readonly remedy?: string,
  ) {
    super(message);
  }
}

/** The parts of a Debian package's file (deb(5)). */
export interface DebParts {
  control: ArMember;
  data: ArMember;
}

const largestControl = 64 << 20;

/** The parts of a package file. Throws if there is anything else in it. */
export function debParts(file: string): DebParts {
  const [version, control, data, ...more] = arMembers(file) ?? [];
  if (!control || !data || more.length || version?.name !== 'debian-binary') throw noPackage();
  if (!/^control\.tar(\.\w+)?$/.test(control.name) || !/^data\.tar(\.\w+)?$/.test(data.name)) throw noPackage();
  if (control.size > largestControl) throw new PackageFileError('its control part is too large');
  return { control, data };
}

const noPackage = () => new PackageFileError('it is no Debian package');

/** Wraps a command to run as an unprivileged user, if this process is root: for programs that read untrusted files. */
export function withoutRights(command: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [...command];
  const rights = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--inh-caps=-all'];
  return ['setpriv', ...rights, '--bounding-set=-all', ...command];
}

/** Members of a package's control part. Starts no process for packages made by Slipway. */
export async function readControlPart(file: string): Promise<{ member: TarMember; data: Buffer }[]> {
  const { control } = debParts(file);
  if (isReadHere(control)) {
    const tar = controlArchive(control, readMember(file, control));
    return asPackage(() => readTar(tar));
  }
  const parts: Buffer[] = [];
  let size = 0;
  await stream(file, '--ctrl-tarfile', (chunk) => {
    size += chunk.length;
    if (size > largestControl) throw new PackageFileError('its control part is too large');
    parts.push(chunk);
  });
  return asPackage(() => readTar(Buffer.concat(parts)));
}

/** Whether a control part can be read without a process: uncompressed, or compressed by gzip. */
export const isReadHere = ({ name }: ArMember): boolean => name === 'control.tar' || name === 'control.tar.gz';

/** The archive in such a part. */
export const controlArchive = ({ name }: ArMember, data: Buffer): Buffer =>
  name === 'control.tar.gz' ? unzipped(data) : data;

function unzipped(data: Buffer): Buffer {
  try {
    return gunzipSync(data, { maxOutputLength: largestControl });
  } catch {
    throw new PackageFileError('its control part is damaged, or too large');
  }
}

/** Reads the members of a package's data part in order. dpkg-deb only decompresses it. */
export async function readDataPart(file: string, begin: (member: TarMember) => TarSink | undefined): Promise<void> {
  debParts(file);
  const reader = new TarReader(begin);
  try {
    await stream(file, '--fsys-tarfile', (chunk) => asPackage(() => reader.push(chunk)));
    asPackage(() => reader.end());
  } finally {
    reader.close();
  }
}

export function asPackage<T>(read: () => T): T {
  try {
    return read();
  } catch (e) {
    if (e instanceof TarError) throw new PackageFileError(`it is no package that dpkg-deb wrote: ${e.message}`);
    throw e;
  }
}

async function stream(file: string, action: string, take: (chunk: Buffer) => void): Promise<void> {
  const input = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const [program = '', ...args] = withoutRights(['dpkg-deb', action, '-']);
  const child = spawn(program, args, {
    stdio: [input, 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
  });
  closeSync(input);
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (words.length < 10_000) words += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  ended.catch(() => undefined);
  try {
    for await (const chunk of child.stdout ?? []) if (chunk instanceof Buffer) take(chunk);
  } catch (e) {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
    throw e;
  }
  if ((await ended) !== 0) throw new PackageFileError(`dpkg-deb can't read it: ${shownName(reasonIn(words))}`);
}
