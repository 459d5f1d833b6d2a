import { dirname } from 'node:path';
import { PackageFileError, readControlPart, readDataPart } from '../io/deb.ts';
import type { TarMember, TarSink } from '../io/tar.ts';
import { shownName } from '../io/untrusted.ts';
import { sizeText } from '../model/sizes.ts';
import {
  longestPath,
  memberFaults,
  mostPaths,
  targetFault,
  type AllowedPaths,
  type Member,
  type PackageFault,
} from './members.ts';

/**
 * Requirements for storing and publishing a Debian package: it contains what was planned, and nothing that dpkg would
 * run.
 */
export interface DebPolicy {
  /** Undefined: any. */
  package?: string;
  version?: string;
  architecture?: string;
  /** Allowed relations in these fields, as written; undefined: any. */
  provides?: readonly string[];
  conflicts?: readonly string[];
  replaces?: readonly string[];
  /** Files of /etc that dpkg protects from being overwritten; undefined: any. */
  conffiles?: readonly string[];
  /** Undefined: anywhere. */
  allowed?: AllowedPaths;
}

export interface DebContents {
  /** Text of its control file. */
  control: string;
  /** Other control members: `md5sums`, `shlibs`. */
  members: Map<string, string>;
  /** Paths without folders, with a leading slash, sorted. */
  files: string[];
  folders: string[];
}

/** Allowed members of the control part. dpkg would run others, or change its behaviour. */
const controlMembers = new Set(['control', 'md5sums', 'shlibs', 'conffiles']);
/** Plain paths only: dpkg reads a word before a path as a directive. */
const conffile = /^\/etc\/[A-Za-z0-9_.+@/-]+$/;
/** Limits in bytes. The control files of all packages of a suite are in one index, which each machine downloads. */
const largestMembers: Readonly<Record<string, number>> = { control: 4 << 20, conffiles: 1 << 20 };
/** Maximum number of reported faults of a control part. */
const mostFaults = 10;
/** Allowed fields. Excludes Essential, Protected, Pre-Depends, Breaks and Multi-Arch. */
const controlFields = new Set([
  'Package',
  'Source',
  'Version',
  'Architecture',
  'Maintainer',
  'Installed-Size',
  'Depends',
  'Provides',
  'Conflicts',
  'Replaces',
  'Section',
  'Priority',
  'Homepage',
  'Vcs-Git',
  'Vcs-Browser',
  'Bugs',
  'Description',
  'Auto-Built-Package',
  'Build-Ids',
]);
const mostFiles = 500_000;
/** Maximum total size of a package's files; sparse files count in full. */
export const mostBytes = 16 * 2 ** 30;

/** Why a package file may not be stored or published; empty if it may. Does not unpack it. */
export async function debFaults(file: string, policy: DebPolicy): Promise<PackageFault[]> {
  try {
    await readDeb(file, policy);
    return [];
  } catch (e) {
    if (e instanceof PackageFileError) return [{ text: e.message, remedy: e.remedy }];
    throw e;
  }
}

/**
 * Reads an untrusted Debian package. Calls `begin` with each member in order, after checking that it lies in a folder
 * of the package. Returns faults of the whole package at the end. Throws PackageFileError.
 */
export async function readDeb(
  file: string,
  policy: DebPolicy,
  begin: (member: TarMember) => TarSink | undefined = () => undefined,
): Promise<DebContents> {
  const control = controlText(await readControlPart(file));
  const conffiles = policy.conffiles?.map((f) => `${f}\n`).join('') ?? '';
  const ofControl = [
    ...control.faults,
    ...((control.members.get('conffiles') ?? '') === conffiles ? [] : ['its conffiles are not those planned']),
    ...controlFaults(control.text, policy),
  ];
  refuse(ofControl.map((text) => ({ text })));
  const tree = new Tree();
  await readDataPart(file, (member) => {
    tree.add(member);
    return begin(member);
  });
  refuse(memberFaults(tree.members, policy.allowed ?? { folders: ['/'], targets: ['/'], links: new Map() }));
  control.members.delete('control');
  return { control: control.text.trimEnd(), members: control.members, ...tree.contents() };
}

function refuse(faults: readonly PackageFault[]): void {
  if (!faults.length) return;
  const remedy = faults.find((f) => f.remedy !== undefined)?.remedy;
  throw new PackageFileError(faults.map((f) => f.text).join('; '), remedy);
}

/** Whether a text is a list of files of /etc, one a line. One pattern for all lines would overflow its stack. */
const isConffiles = (text: string): boolean =>
  text.endsWith('\n') &&
  text
    .slice(0, -1)
    .split('\n')
    .every((line) => conffile.test(line));

/** The text of the control members, and faults: members that dpkg would run or obey. Throws PackageFileError. */
export function controlText(parts: readonly { member: TarMember; data: Buffer }[]): {
  text: string;
  members: Map<string, string>;
  faults: string[];
} {
  const members = new Map<string, string>();
  const faults: string[] = [];
  for (const { member, data } of parts) {
    const { path, kind } = member;
    if (path === '' && kind === 'folder') continue;
    if (faults.length >= mostFaults) break;
    const most = Object.hasOwn(largestMembers, path) ? largestMembers[path] : undefined;
    if (most !== undefined && data.length > most)
      throw new PackageFileError(`its control part has a file "${path}" of more than ${sizeText(most)}`);
    if (kind !== 'file' || !controlMembers.has(path))
      faults.push(`its control part has "${shownName(path)}", which dpkg would obey`);
    else if (members.has(path)) faults.push(`its control part has "${path}" twice`);
    else if (path === 'conffiles' && !isConffiles(data.toString('utf8')))
      faults.push('its control part has "conffiles", which dpkg would obey');
    else members.set(path, data.toString('utf8'));
  }
  return { text: members.get('control') ?? '', members, faults };
}

/** Faults of a control file's text. */
export function controlFaults(control: string, policy: DebPolicy): string[] {
  const fields = fieldsOf(control);
  if (typeof fields === 'string') return [fields];
  const faults: string[] = [];
  const wants = (field: string, value: string | undefined) => {
    const is = fields.get(field) ?? '';
    if (value !== undefined && is !== value)
      faults.push(`its ${field} is "${shownName(is)}", planned was "${shownName(value)}"`);
  };
  wants('Package', policy.package);
  wants('Version', policy.version);
  wants('Architecture', policy.architecture);
  wants('Provides', policy.provides?.join(', '));
  wants('Conflicts', policy.conflicts?.join(', '));
  wants('Replaces', policy.replaces?.join(', '));
  for (const field of fields.keys())
    if (!controlFields.has(field)) faults.push(`its control file has the field "${shownName(field)}"`);
  return faults.slice(0, mostFaults);
}

/** The fields of a stanza (deb822); a message unless the text is exactly one well-formed stanza. */
function fieldsOf(text: string): Map<string, string> | string {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(line)) return 'its control file has control characters';
    const [, written, value] = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)$/.exec(line) ?? [];
    if (written !== undefined && value !== undefined) {
      const name = written.toLowerCase().replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
      if (fields.has(name)) return `its control file has the field ${shownName(name)} twice`;
      fields.set((last = name), value.trim());
    } else if (/^[ \t]+\S/.test(line) && last !== undefined)
      fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`);
    else return 'its control file is no single stanza';
  }
  return fields;
}

/**
 * Checks a package's members in order. Each needs a unique name and a parent folder that came before it, so unpacking
 * them in this order into an empty folder can't leave that folder.
 */
class Tree {
  readonly members: Member[] = [];
  private readonly kinds = new Map<string, TarMember['kind']>([['', 'folder']]);
  private bytes = 0;
  private paths = 0;

  add(member: TarMember): void {
    const { path, kind } = member;
    const wrong = (why: string) => new PackageFileError(`/${shownName(path)} ${why}`);
    const target = kind === 'hard link' ? member.target.replace(/^\.\//, '') : member.target;
    const types = { file: 'file', folder: 'directory', link: 'link', 'hard link': 'hard link' } as const;
    this.members.push({
      path: `/${path}`,
      type: types[kind],
      mode: kind === 'link' ? 0o777 : member.mode,
      target: kind === 'hard link' ? `/${target}` : target,
    });
    const long = kind === 'link' ? targetFault(target) : undefined;
    if (long !== undefined) throw wrong(long);
    this.paths += Buffer.byteLength(path) + Buffer.byteLength(target);
    if (this.paths > mostPaths) throw wrong(`makes its paths longer than ${sizeText(mostPaths)} together`);
    if (member.user !== 0 || member.group !== 0 || !member.owners.every((name) => name === '' || name === 'root'))
      throw wrong('is not owned by root');
    if (path === '' && kind === 'folder') return;
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(path)) throw wrong('has control characters in its name');
    if (path.split('/').some((p) => p === '' || p === '.' || p === '..' || Buffer.byteLength(p) > 255))
      throw wrong('is no plain path');
    if (Buffer.byteLength(path) >= longestPath) throw wrong(`is a path of more than ${longestPath} bytes`);
    if (this.kinds.has(path)) throw wrong('is there twice');
    const parent = dirname(path);
    if (this.kinds.get(parent === '.' ? '' : parent) !== 'folder') throw wrong('lies in no folder of the package');
    if ((this.bytes += member.size) > mostBytes) throw wrong('makes the package larger than 16 GiB');
    if (this.kinds.size >= mostFiles) throw wrong(`is one more than the ${mostFiles} files that a package may have`);
    if (kind === 'link' && (target === '' || target.includes('\0'))) throw wrong('is a link to no path');
    if (kind === 'hard link') {
      if (this.kinds.get(target) !== 'file')
        throw wrong(`is a hard link to ${shownName(member.target)}, which is no file of the package`);
      member.target = target;
    }
    this.kinds.set(path, kind === 'hard link' ? 'file' : kind);
  }

  contents(): { files: string[]; folders: string[] } {
    const files: string[] = [];
    const folders: string[] = [];
    for (const [path, kind] of this.kinds) if (path !== '') (kind === 'folder' ? folders : files).push(path);
    return { files: files.map((f) => `/${f}`).sort(), folders };
  }
}
