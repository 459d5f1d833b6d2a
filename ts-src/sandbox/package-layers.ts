import { readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DebPolicy } from '../inspect/deb.ts';
import { unpackPackage } from '../inspect/unpack.ts';
import {
  exists,
  makeFolder,
  noteUse,
  privateFolder,
  readJson,
  sha256File,
  temporaryBeside,
  writeWhole,
} from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { programFault, run } from '../io/process.ts';
import { readLeft } from '../io/untrusted.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { codeOf } from '../io/faults.ts';
import { fieldOf } from '../text/stanza.ts';
import { removeTree } from '../io/remove-tree.ts';

export interface Unpacked {
  package: string;
  status: string;
  files: string[];
}

/** A package of the distribution in the store, and its allowed content. */
export interface OwnPackage {
  deb: StoredFile;
  policy: DebPolicy;
}

/** Size limit of a text file that is read. */
const largestText = 4 << 20;

/**
 * Failure of composing a root: packages that the store lost (by digest), or two packages that conflict. Undefined:
 * success.
 */
export type Composed = { lost: string[] } | { clash: string } | undefined;

/**
 * The distribution's packages, each unpacked once, so that a root with hundreds of them is made from hard links. They
 * have no maintainer scripts, so unpacking and updating dpkg's status is a complete installation.
 */
export class Packages {
  private readonly known = new Map<string, Unpacked>();
  constructor(
    private readonly state: string,
    private readonly store: Store,
  ) {}

  private folder = (digest: string): string => join(this.state, 'unpacked', digest);
  /** Beside the package's files, where it can't collide with them. */
  private contents = (digest: string): string => `${this.folder(digest)}.json`;

  /**
   * Undefined if the store's file is missing or damaged. Throws PackageFileError for a package that violates the
   * policy.
   */
  async unpack({ deb, policy }: OwnPackage): Promise<Unpacked | undefined> {
    const known = this.known.get(deb.sha256);
    const there = known ?? readJson<Unpacked>(this.contents(deb.sha256));
    if (there && exists(this.folder(deb.sha256))) {
      if (!known) noteUse(this.contents(deb.sha256));
      this.known.set(deb.sha256, there);
      return there;
    }
    const file = await this.store.path(deb);
    if (!file) return undefined;
    const unpacked = await this.unpackFile(file, deb.sha256, policy);
    this.known.set(deb.sha256, unpacked);
    return unpacked;
  }

  /**
   * Verifies and unpacks a new package that is not in the store yet. Throws PackageFileError if it violates the policy.
   */
  async take(file: string, policy: DebPolicy): Promise<Unpacked> {
    const digest = await sha256File(file);
    const unpacked = await this.unpackFile(file, digest, policy);
    this.known.set(digest, unpacked);
    return unpacked;
  }

  private async unpackFile(file: string, digest: string, policy: DebPolicy): Promise<Unpacked> {
    const target = this.folder(digest);
    // Untrusted packages must be unreachable for other users of this machine.
    privateFolder(join(this.state, 'unpacked'));
    const staged = temporaryBeside(target);
    try {
      const { control, members, files, folders } = await unpackPackage(file, staged, policy);
      const name = fieldOf(control, 'Package') ?? '';
      const info = join(staged, 'var/lib/dpkg/info');
      makeFolder(info);
      const paths = [...folders.filter(Boolean).map((f) => `/${f}`), ...files].sort();
      writeFile(join(info, `${name}.list`), `/.\n${paths.join('\n')}\n`, { flag: 'wx' });
      for (const [member, text] of members) writeFile(join(info, `${name}.${member}`), text, { flag: 'wx' });
      const unpacked: Unpacked = {
        package: name,
        status: control.replace(/^(Package: .*)$/m, '$1\nStatus: install ok installed'),
        files,
      };
      this.place(staged, target);
      writeWhole(this.contents(digest), JSON.stringify(unpacked), { sync: false });
      return unpacked;
    } finally {
      removeTree(staged);
    }
  }

  /**
   * Another slipway process may have been first. A partial folder, which a crash of the machine leaves, is replaced.
   */
  private place(staged: string, target: string): void {
    try {
      renameSync(staged, target);
    } catch (e) {
      const code = codeOf(e);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw e;
      if (readJson<Unpacked>(`${target}.json`)) return;
      removeTree(target);
      renameSync(staged, target);
    }
  }

  /** The text of a file in an unpacked package; undefined if it is missing. A large one is a LeftBehindError. */
  async text(digest: string, path: string): Promise<string | undefined> {
    return (await readLeft(this.folder(digest), path.replace(/^\/+/, ''), largestText))?.toString('utf8');
  }

  /** Makes a folder with all packages by hard links, and extends dpkg's status. */
  async compose(packages: readonly OwnPackage[], status: string, target: string): Promise<Composed> {
    const all: Unpacked[] = [];
    const lost: string[] = [];
    for (const one of packages) {
      const unpacked = await this.unpack(one);
      if (unpacked) all.push(unpacked);
      else lost.push(one.deb.sha256);
    }
    if (lost.length) return { lost };
    makeFolder(target);
    if (packages.length) {
      const folders = packages.map(({ deb }) => `${this.folder(deb.sha256)}/.`);
      const bring = (...how: string[]) => run('cp', [...how, '--target-directory', target, ...folders]);
      let linked = await bring('-al');
      // Hard links can't cross file systems, so files are copied.
      if (linked.code !== 0 && /cross-device/.test(linked.stderr)) {
        removeTree(target);
        makeFolder(target);
        linked = await bring('-a', '--reflink=auto');
      }
      if (linked.code !== 0) {
        const clash = clashOf(all);
        if (clash !== undefined) return { clash };
        // The folder is new, so failures come from the disk.
        throw programFault("can't put the root together", target, linked);
      }
    }
    makeFolder(join(target, 'var/lib/dpkg'));
    writeFile(
      join(target, 'var/lib/dpkg/status'),
      `${readFileSync(status, 'utf8').trimEnd()}\n\n${all.map((u) => `${u.status}\n`).join('\n')}`,
    );
    return undefined;
  }
}

/** Describes two packages that conflict in a root: a path is a file in one, and a file or folder in the other. */
function clashOf(packages: readonly Unpacked[]): string | undefined {
  const owners = new Map<string, string>();
  for (const { package: name, files } of packages)
    for (const file of files) {
      const owner = owners.get(file);
      if (owner !== undefined && owner !== name) return `'${owner}' and '${name}' both ship ${file}`;
      owners.set(file, name);
    }
  for (const { package: name, files } of packages)
    for (const file of files)
      for (let folder = dirname(file); folder !== '/'; folder = dirname(folder)) {
        const owner = owners.get(folder);
        if (owner !== undefined)
          return `'${owner}' ships ${folder} as a file or link, '${name}' ships files in ${folder}/`;
      }
  return undefined;
}
