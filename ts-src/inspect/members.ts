import { append } from '../model/lists.ts';
import { posix } from 'node:path';
import { withinTime } from '../io/bounded.ts';
import type { SystemFile } from '../model/system-files.ts';

/** A member of a package, or of the tree that is packed. */
export interface Member {
  /** Absolute path as installed: `/opt/acme/d/lib/x`. */
  path: string;
  type: 'file' | 'directory' | 'link' | 'hard link' | 'device' | 'FIFO' | 'socket' | 'unknown';
  mode: number;
  /** Target of a symlink, as written. */
  target: string;
}

/** Where a package may have members, and where its symlinks may lead. */
export interface AllowedPaths {
  /** Members may lie below these folders. The folders themselves and their parents may be members, too. */
  folders: readonly string[];
  /** Additional single files that the plan names. */
  files?: readonly string[];
  /** Allowed targets of symlinks besides `folders`: the system's, and those of underlays. */
  targets: readonly string[];
  /** Symlinks of the packaging itself: path and target. */
  links: ReadonlyMap<string, string>;
}

/** Symlink targets allowed in every package: the system's libraries and data, nothing that configures it. */
const systemTargets = ['/usr/lib', '/usr/lib64', '/usr/include', '/usr/share', '/lib', '/lib64'];

/** Targets of symlinks in a Python virtual environment. */
const systemPython = /^\/usr\/bin\/python3(?:\.\d{1,3})?$/;

/** Allowed folders of a package of the distribution, and the system files that distro.yaml allows. */
export const allowedPaths = (
  debian: string,
  prefix: string,
  underlayPrefixes: readonly string[],
  systemFiles: readonly SystemFile[] = [],
): AllowedPaths => ({
  folders: [prefix, `/usr/share/doc/${debian}`],
  files: systemFiles.map((f) => f.target),
  targets: [...systemTargets, ...underlayPrefixes],
  links: new Map(systemFiles.flatMap(({ link }) => (link ? [[link.path, link.target] as const] : []))),
});

export const allowedDebugPaths = (debian: string): AllowedPaths => ({
  folders: ['/usr/lib/debug/.build-id'],
  targets: [],
  links: new Map([[`/usr/share/doc/${debian}-dbgsym`, debian]]),
});

const below = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
const isWithin = (path: string, folders: readonly string[]): boolean => folders.some((f) => below(path, f));

/** Why a package may not be published. `remedy`: what to do about it, where the text does not say. */
export interface PackageFault {
  text: string;
  remedy?: string | undefined;
}

/** Maximum length of a path in bytes; unpacking adds folders before it. */
export const longestPath = 1000;

/** Limit for the paths and link targets of a package, together in bytes. */
export const mostPaths = 128 << 20;

/** Why a link may not be packed; its target alone is checked. */
export const targetFault = (target: string): string | undefined =>
  Buffer.byteLength(target) > longestPath ? `is a link to a path of more than ${longestPath} bytes` : undefined;

/** Maximum number of reported faults of one package. */
const mostFaults = 10;

/**
 * Why a package with these members may not be published, with paths; empty if it may. Faults are device files, set-id
 * bits, paths outside of the allowed folders, and symlinks that lead elsewhere.
 */
export const memberFaults = (members: readonly Member[], allowed: AllowedPaths): PackageFault[] =>
  withinTime('its list of files', () => faultsOf(members, allowed));

function faultsOf(members: readonly Member[], allowed: AllowedPaths): PackageFault[] {
  const faults: PackageFault[] = [];
  const seen = new Map<string, Member>();
  const parents = new Set(members.map((m) => posix.dirname(m.path)));
  for (const m of members) {
    if (faults.length >= mostFaults) break;
    const fault = memberFault(m, allowed) ?? (seen.has(m.path) ? { text: 'is there twice' } : undefined);
    // A folder outside of the allowed ones is reported by its contents.
    const inner = m.type === 'directory' && fault?.remedy === remedies.outside && parents.has(m.path);
    if (fault !== undefined && !inner) faults.push({ ...fault, text: `${shown(m.path)} ${fault.text}` });
    seen.set(m.path, m);
  }
  for (const m of members) {
    if (faults.length >= mostFaults) break;
    const fault = allowed.links.has(m.path) ? undefined : placeFault(m, seen, allowed);
    if (fault !== undefined) faults.push({ text: `${shown(m.path)} ${fault}` });
  }
  return faults;
}

/** A path for messages, with control characters escaped. */
const shown = (path: string): string => JSON.stringify(path.slice(0, 300)).slice(1, -1);

const remedies = {
  outside: 'install it below CMAKE_INSTALL_PREFIX, or declare it in package_settings (system_files)',
  rights:
    'clear it where it is set (chmod u-s,g-s); a systemd unit or a udev rule ' +
    '(package_settings, system_files) can give the program its rights',
  everybody: 'clear it where it is set (chmod o-w)',
  sticky: 'clear it where it is set (chmod -t)',
};

function memberFault(m: Member, allowed: AllowedPaths): PackageFault | undefined {
  const form = formFault(m, allowed);
  if (form !== undefined) return { text: form };
  if (m.type === 'link' && allowed.links.get(m.path) === m.target) return undefined;
  if (!isPlaced(m, allowed))
    return { text: `is outside the prefix ${allowed.folders[0] ?? ''}`, remedy: remedies.outside };
  if (m.type === 'link') return undefined;
  if (m.mode & 0o6000) return { text: 'has a set-user-id or set-group-id bit', remedy: remedies.rights };
  if (m.mode & 0o1000) return { text: 'has a sticky bit', remedy: remedies.sticky };
  if (m.mode & 0o002) return { text: 'is writable by everybody', remedy: remedies.everybody };
  return undefined;
}

/** Whether a member lies where its package may have it. */
function isPlaced(m: Member, allowed: AllowedPaths): boolean {
  const single = m.type === 'file' && allowed.files?.includes(m.path) === true;
  const places = [...allowed.folders, ...(allowed.files ?? []), ...allowed.links.keys()];
  const parent = m.type === 'directory' && (m.path === '/' || places.some((f) => f !== m.path && below(f, m.path)));
  return parent || single || isWithin(m.path, allowed.folders);
}

/** What is wrong with a member wherever it lies: its name or its type. */
function formFault(m: Member, allowed: AllowedPaths): string | undefined {
  // Control characters, line separators, and characters that were not UTF-8.
  if (/[\0-\x1f\x7f-\x9f\u2028\u2029\ufffd]/.test(m.path)) return 'has control characters in its name, or is not UTF-8';
  if (m.path !== '/' && (m.path !== posix.normalize(m.path) || !m.path.startsWith('/') || m.path.endsWith('/')))
    return 'is no plain path';
  if (/\/\.wh\./.test(m.path)) return 'has a name that in images means that a file is removed';
  if (Buffer.byteLength(m.path) > longestPath) return `is a path of more than ${longestPath} bytes`;
  if (m.type !== 'file' && m.type !== 'directory' && m.type !== 'link' && m.type !== 'hard link')
    return `is a ${m.type === 'unknown' ? 'member of unknown type' : m.type}`;
  const long = m.type === 'link' ? targetFault(m.target) : undefined;
  if (long !== undefined) return long;
  const placed = m.type === 'link' && allowed.links.get(m.path) === m.target;
  if (m.type !== 'directory' && !placed && allowed.folders.includes(m.path))
    return `is a ${m.type} where a folder belongs`;
  return undefined;
}

function placeFault(m: Member, members: ReadonlyMap<string, Member>, allowed: AllowedPaths): string | undefined {
  for (let p = posix.dirname(m.path); p !== '/'; p = posix.dirname(p)) {
    const above = members.get(p);
    if (above && above.type !== 'directory') return `lies below ${shown(p)}, which is a ${above.type}`;
  }
  if (m.type === 'hard link') {
    const to = members.get(m.target);
    return to?.type === 'file' ? undefined : `is a hard link to ${shown(m.target)}, which is no file of the package`;
  }
  if (m.type !== 'link') return undefined;
  if (/[\0-\x1f\x7f-\x9f\ufffd]/.test(m.target)) return 'is a link to a name with control characters';
  const end = resolve(m, members);
  if (end === undefined) return `is a link to ${shown(m.target)}, which leads nowhere`;
  return isWithin(end, allowed.folders) || isWithin(end, allowed.targets) || systemPython.test(end)
    ? undefined
    : `is a link to ${shown(m.target)}, outside of the package's prefix and of the system's libraries`;
}

/**
 * The target of a symlink, following other symlinks of the package; undefined for a loop. Below a path that is too long
 * for a member there are none, so a step takes no more time the further it leads.
 */
function resolve(link: Member, members: ReadonlyMap<string, Member>): string | undefined {
  const parts = (target: string) => target.split('/').filter((p) => p !== '' && p !== '.');
  // The path at each step; undefined if it is too long.
  let at: (string | undefined)[] = [];
  const below = (part: string): string | undefined => {
    const above = at.length ? at.at(-1) : '';
    return above === undefined || above.length + part.length >= longestPath ? undefined : `${above}/${part}`;
  };
  if (!link.target.startsWith('/')) for (const part of parts(posix.dirname(link.path))) at.push(below(part));
  const todo = parts(link.target).reverse();
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '..') {
      at.pop();
      continue;
    }
    const path = below(part);
    const member = path === undefined ? undefined : members.get(path);
    if (member?.type !== 'link') {
      at.push(path);
      continue;
    }
    if (++followed > 40) return undefined;
    if (member.target.startsWith('/')) at = [];
    append(todo, parts(member.target).reverse());
  }
  return at.findLast((path) => path !== undefined) ?? '/';
}
