import { posix } from 'node:path';
import type { SystemFile } from '../model/system-files.ts';

/** One member of a package, or of the tree that it is packed from. */
export interface Member {
  /** Absolute, as it would be installed: `/opt/acme/d/lib/x`. */
  path: string;
  type: 'file' | 'directory' | 'link' | 'hard link' | 'device' | 'FIFO' | 'socket' | 'unknown';
  mode: number;
  /** Target of a link as it is written. */
  target: string;
}

/** Where members of a package may be, and where its links may lead. */
export interface AllowedPaths {
  /** Folders below which members may lie; the folders themselves and those above them may be members too. */
  folders: readonly string[];
  /** Single files beside those, which the plan names. */
  files?: readonly string[];
  /** Links to these are allowed beside links to members of `folders`: the system's, and those of underlays. */
  targets: readonly string[];
  /** Links that belong to the packaging itself: path and target. */
  links: ReadonlyMap<string, string>;
}

/**
 * Where links may lead in every package: libraries and data of the system, nothing that changes or decides anything.
 */
const systemTargets = ['/usr/lib', '/usr/lib64', '/usr/include', '/usr/share', '/lib', '/lib64'];

/** Folders of a package of the distribution, and the files of the system that distro.yaml lets it have. */
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

/** Bytes of a path in a package: where it is unpacked, other folders stand before it. */
export const longestPath = 1000;

/** Most faults that are told of one package. */
const told = 10;

/**
 * What forbids to publish a package with these members, each with its path; empty where nothing does. Device files,
 * set-id bits, paths outside of the allowed folders, and links that lead elsewhere are faults, whoever made them.
 */
export function memberFaults(members: readonly Member[], allowed: AllowedPaths): string[] {
  const faults: string[] = [];
  const seen = new Map<string, Member>();
  const parents = new Set(members.map((m) => posix.dirname(m.path)));
  for (const m of members) {
    if (faults.length >= told) break;
    const fault = memberFault(m, allowed) ?? (seen.has(m.path) ? 'is there twice' : undefined);
    // A folder that has no place there is told by what lies in it.
    const inner = m.type === 'directory' && fault === outside(allowed) && parents.has(m.path);
    if (fault !== undefined && !inner) faults.push(`${shown(m.path)} ${fault}`);
    seen.set(m.path, m);
  }
  for (const m of members) {
    if (faults.length >= told) break;
    const fault = allowed.links.has(m.path) ? undefined : placeFault(m, seen, allowed);
    if (fault !== undefined) faults.push(`${shown(m.path)} ${fault}`);
  }
  return faults;
}

/** A path as it can be told: what a terminal would obey is escaped. */
const shown = (path: string): string => JSON.stringify(path.slice(0, 300)).slice(1, -1);

const outside = (allowed: AllowedPaths): string =>
  `is outside the prefix ${allowed.folders[0] ?? ''}: install it below CMAKE_INSTALL_PREFIX, or declare it in package_settings (system_files)`;

function memberFault(m: Member, allowed: AllowedPaths): string | undefined {
  // Control characters of both sets, line separators, and what was no UTF-8.
  if (/[\0-\x1f\x7f-\x9f\u2028\u2029\ufffd]/.test(m.path)) return 'has control characters in its name, or is not UTF-8';
  if (m.path !== '/' && (m.path !== posix.normalize(m.path) || !m.path.startsWith('/') || m.path.endsWith('/')))
    return 'is no plain path';
  if (Buffer.byteLength(m.path) > longestPath) return `is a path of more than ${longestPath} bytes`;
  if (m.type !== 'file' && m.type !== 'directory' && m.type !== 'link' && m.type !== 'hard link')
    return `is a ${m.type === 'unknown' ? 'member of unknown type' : m.type}`;
  if (m.type === 'link' && allowed.links.get(m.path) === m.target) return undefined;
  if (m.type !== 'directory' && allowed.folders.includes(m.path)) return `is a ${m.type} where a folder belongs`;
  const single = m.type === 'file' && allowed.files?.includes(m.path) === true;
  const places = [...allowed.folders, ...(allowed.files ?? []), ...allowed.links.keys()];
  const parent = m.type === 'directory' && (m.path === '/' || places.some((f) => f !== m.path && below(f, m.path)));
  if (!parent && !single && !isWithin(m.path, allowed.folders)) return outside(allowed);
  if (m.type === 'link') return undefined;
  if (m.mode & 0o6000) return 'has a set-user-id or set-group-id bit';
  if (m.mode & 0o1000) return 'has a sticky bit';
  if (m.mode & 0o002) return 'is writable by everybody';
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
  return isWithin(end, allowed.folders) || isWithin(end, allowed.targets)
    ? undefined
    : `is a link to ${shown(m.target)}, outside of the package's prefix and of the system's libraries`;
}

/** Where a link leads, links of the package on its way followed; undefined where it goes in circles. */
function resolve(link: Member, members: ReadonlyMap<string, Member>): string | undefined {
  const parts = (target: string) => target.split('/').filter((p) => p !== '' && p !== '.');
  let at = link.target.startsWith('/') ? [] : parts(posix.dirname(link.path));
  const todo = parts(link.target).reverse();
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '..') {
      at.pop();
      continue;
    }
    const member = members.get(`/${[...at, part].join('/')}`);
    if (member?.type !== 'link') {
      at.push(part);
      continue;
    }
    if (++followed > 40) return undefined;
    if (member.target.startsWith('/')) at = [];
    todo.push(...parts(member.target).reverse());
  }
  return `/${at.join('/')}`;
}
