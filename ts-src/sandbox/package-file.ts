import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { shownName } from '../io/untrusted.ts';
import { readTar, TarError, type TarMember } from './tar-reader.ts';

/** What a package file may hold: what slipway itself makes, and nothing else. */
export interface PackagePolicy {
  /** Its Debian name, `acme-d-lower`; left out: any. */
  package?: string;
  version?: string;
  architecture?: string;
  /** Virtual packages that it provides, and no others. */
  provides?: readonly string[];
  conflicts?: readonly string[];
  replaces?: readonly string[];
  /** Where its files lie, without the first slash, beside its own documentation; left out: anywhere. */
  prefix?: string;
  /** Debug symbols have places of their own. */
  debug?: boolean;
}

export class PackageFileError extends Error {}

export interface PackageContents {
  /** Text of its control file. */
  control: string;
  /** Further control members: `md5sums`, `shlibs`. */
  members: Map<string, string>;
  /** All but folders, with the first slash, sorted. */
  files: string[];
  folders: string[];
}

/** Is given the members of a package in their order, each checked. */
export interface PackageSink {
  begin(member: TarMember): { write(data: Buffer): void; end(): void };
}

const nowhere: PackageSink = { begin: () => ({ write: () => undefined, end: () => undefined }) };
const mostFiles = 500_000;
const mostBytes = 16 * 2 ** 30;
const mostControl = 32 << 20;

/**
 * Reads a Debian package that may have been made by anybody. dpkg-deb only decompresses it, as a user without rights;
 * its members are checked one by one before the sink gets them. Throws PackageFileError with the reason.
 */
export async function readPackageFile(
  file: string,
  policy: PackagePolicy,
  sink: PackageSink = nowhere,
): Promise<PackageContents> {
  try {
    const { control, members } = await readControl(file, policy);
    const checker = new MemberChecker(policy);
    await stream(file, '--fsys-tarfile', (chunks) =>
      readTar(chunks, (member) => {
        checker.check(member);
        return sink.begin(member);
      }),
    );
    return { control, members, files: checker.files().map((f) => `/${f}`), folders: checker.folders() };
  } catch (e) {
    if (e instanceof TarError) throw new PackageFileError(e.message);
    throw e;
  }
}

/** Runs dpkg-deb on a file as a user of no rights, and gives what it writes to `read`. */
async function stream(
  file: string,
  action: string,
  read: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const input = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const command = ['dpkg-deb', action, '-'];
  const weak = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
  const [program = '', ...args] = process.getuid?.() === 0 ? [...weak, '--inh-caps=-all', ...command] : command;
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
    await read(child.stdout as unknown as AsyncIterable<Buffer>);
  } catch (e) {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
    throw e;
  }
  const code = await ended;
  if (code !== 0)
    throw new PackageFileError(`dpkg-deb can't read it: ${shownName(words.trim().split('\n').pop() ?? '')}`);
}

async function readControl(
  file: string,
  policy: PackagePolicy,
): Promise<{ control: string; members: Map<string, string> }> {
  const members = new Map<string, string>();
  let size = 0;
  await stream(file, '--ctrl-tarfile', (chunks) =>
    readTar(chunks, ({ path, kind, size: length }) => {
      if (path === '' && kind === 'folder') return nowhere.begin({} as TarMember);
      if (kind !== 'file' || !allowedMembers.has(path) || members.has(path))
        throw new PackageFileError(
          `it has the control member ${shownName(path)}, which packages of slipway don't have`,
        );
      size += length;
      if (size > mostControl) throw new PackageFileError('its control members are larger than 32 MiB');
      const parts: Buffer[] = [];
      members.set(path, '');
      return { write: (data) => parts.push(data), end: () => members.set(path, Buffer.concat(parts).toString('utf8')) };
    }),
  );
  const control = members.get('control');
  if (control === undefined) throw new PackageFileError('it has no control file');
  members.delete('control');
  checkControl(control, policy);
  return { control: control.trimEnd(), members };
}

const allowedMembers = new Set(['control', 'md5sums', 'shlibs', 'symbols']);
const allowedFields = new Set([
  'package',
  'source',
  'version',
  'architecture',
  'maintainer',
  'installed-size',
  'depends',
  'provides',
  'conflicts',
  'replaces',
  'section',
  'priority',
  'multi-arch',
  'homepage',
  'description',
  'build-ids',
  'auto-built-package',
]);

/** One paragraph with fields that packages of slipway have, with the planned values where there are any. */
export function checkControl(control: string, policy: PackagePolicy): void {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of control.trimEnd().split('\n')) {
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line))
      throw new PackageFileError('its control file has control characters');
    const field = /^([A-Za-z][A-Za-z0-9-]*):[ \t]?(.*)$/.exec(line);
    const name = field?.[1]?.toLowerCase();
    if (field && name !== undefined) {
      if (fields.has(name) || !allowedFields.has(name))
        throw new PackageFileError(
          `its control file has ${fields.has(name) ? 'twice' : 'the field'} ${shownName(field[1] ?? '')}`,
        );
      fields.set((last = name), field[2] ?? '');
    } else if (/^[ \t]\S/.test(line) && last) fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
    else throw new PackageFileError(`its control file has the line '${shownName(line)}'`);
  }
  const wanted: [string, string | undefined][] = [
    ['package', policy.package],
    ['version', policy.version],
    ['architecture', policy.architecture],
  ];
  for (const [name, value] of wanted)
    if (value !== undefined && fields.get(name) !== value)
      throw new PackageFileError(`its ${name} is '${shownName(fields.get(name) ?? '')}', not '${value}'`);
  for (const name of ['provides', 'conflicts', 'replaces'] as const) {
    const planned = policy[name];
    if (!planned) continue;
    const extra = (fields.get(name) ?? '')
      .split(',')
      .map((e) => e.trim())
      .filter((e) => e && !planned.includes(e.replace(/\s.*$/s, '')));
    if (extra.length) throw new PackageFileError(`it ${name} '${shownName(extra[0] ?? '')}', which was not planned`);
  }
}

const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Checks each member of a package against its policy and those before it. */
class MemberChecker {
  private readonly kinds = new Map<string, TarMember['kind']>([['', 'folder']]);
  private readonly places: string[] | undefined;
  private bytes = 0;
  constructor(policy: PackagePolicy) {
    const own = policy.debug ? ['usr/lib/debug/.build-id', 'usr/lib/debug/.dwz'] : policy.prefix;
    this.places = own === undefined ? undefined : [own, `usr/share/doc/${policy.package}`].flat();
  }

  files = (): string[] => [...this.kinds].flatMap(([path, kind]) => (kind === 'folder' ? [] : [path])).sort();
  folders = (): string[] => [...this.kinds].flatMap(([path, kind]) => (kind === 'folder' ? [path] : []));

  check(member: TarMember): void {
    const { path, kind } = member;
    const refuse = (why: string) => new PackageFileError(`/${shownName(path)} ${why}`);
    if (path === '' && kind === 'folder') return;
    const parts = path.split('/');
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(path)) throw refuse('has a name with control characters');
    if (parts.some((p) => p === '' || p === '.' || p === '..' || Buffer.byteLength(p) > 255) || path.length > 4000)
      throw refuse('is no path');
    if (this.kinds.has(path)) throw refuse('is there twice');
    const parent = dirname(path);
    if (this.kinds.get(parent === '.' ? '' : parent) !== 'folder') throw refuse('lies in no folder of the package');
    const allowed = this.places?.some((p) => within(path, p) || (kind === 'folder' && within(p, path))) ?? true;
    if (!allowed) throw refuse(`lies outside of /${this.places?.[0] ?? ''}`);
    if (member.mode & 0o7000) throw refuse('is set-user-id, set-group-id or sticky');
    if (member.mode & 0o002 && kind !== 'link') throw refuse('may be written by everybody');
    if (member.user !== 0 || member.group !== 0) throw refuse('does not belong to root');
    this.bytes += member.size;
    if (this.bytes > mostBytes) throw refuse('makes the package larger than 16 GiB');
    if (this.kinds.size >= mostFiles) throw refuse(`is one more than the ${mostFiles} files that a package may have`);
    if (kind === 'link') this.checkTarget(path, member.target);
    if (kind === 'hard link') {
      const target = member.target.replace(/^\.\//, '');
      if (this.kinds.get(target) !== 'file') throw refuse('is a hard link to no file of the package');
      member.target = target;
    }
    this.kinds.set(path, kind === 'hard link' ? 'file' : kind);
  }

  private checkTarget(path: string, target: string): void {
    const refuse = (why: string) =>
      new PackageFileError(`/${shownName(path)} is a link to '${shownName(target)}', ${why}`);
    // eslint-disable-next-line no-control-regex
    if (target === '' || target.length > 4000 || /[\u0000-\u001f\u007f]/.test(target)) throw refuse('which is no path');
    const full = target.startsWith('/') ? posix.normalize(target).slice(1) : posix.join(dirname(path), target);
    if (full === '..' || full.startsWith('../')) throw refuse('which leads out of the root');
    const system = /^(usr|lib|lib64|lib32|libx32|bin|sbin|opt)(\/|$)/;
    const alternatives = within(full, 'etc/alternatives');
    if (this.places && !this.places.some((p) => within(full, p)) && !system.test(full) && !alternatives)
      throw refuse('neither in its prefix nor a file of the system');
  }
}
