import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DebPolicy } from '../inspect/deb.ts';
import { unpackPackage } from '../inspect/unpack.ts';
import { exists, noteUse, privateFolder, readJson, sha256File, temporaryBeside, writeWhole } from '../io/files.ts';
import { programFault, run } from '../io/process.ts';
import { readLeft } from '../io/untrusted.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { codeOf } from '../io/faults.ts';

export interface Unpacked {
  package: string;
  status: string;
  files: string[];
}

/** A package of the distribution in the store, and what it may hold. */
export interface OwnPackage {
  deb: StoredFile;
  policy: DebPolicy;
}

/** Largest configuration that is read. */
const largestText = 4 << 20;

/** What came of composing a root: done, packages that the store lost (by digest), or two that don't fit together. */
export type Composed = { lost: string[] } | { clash: string } | undefined;

/**
 * Our own packages unpacked once each, so that a root with hundreds of them is put together from links. They have no
 * maintainer scripts, so unpacking them and telling dpkg's database is all that installing them would do.
 */
export class Packages {
  private readonly known = new Map<string, Unpacked>();
  constructor(
    private readonly state: string,
    private readonly store: Store,
  ) {}

  private folder = (digest: string): string => join(this.state, 'unpacked', digest);
  /** Beside the package's files, where none of them can be. */
  private contents = (digest: string): string => `${this.folder(digest)}.json`;

  /** Undefined where the store's file is gone or damaged. Throws PackageFileError where it is none of ours. */
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

  /** Checks and unpacks a package that is not yet in the store. Throws PackageFileError where it is not as planned. */
  async take(file: string, policy: DebPolicy): Promise<Unpacked> {
    const digest = await sha256File(file);
    const unpacked = await this.unpackFile(file, digest, policy);
    this.known.set(digest, unpacked);
    return unpacked;
  }

  private async unpackFile(file: string, digest: string, policy: DebPolicy): Promise<Unpacked> {
    const target = this.folder(digest);
    // Nobody else of this machine may reach what strangers packed.
    privateFolder(join(this.state, 'unpacked'));
    const staged = temporaryBeside(target);
    try {
      const { control, members, files, folders } = await unpackPackage(file, staged, policy);
      const name = /^Package: (\S+)$/m.exec(control)?.[1] ?? '';
      const info = join(staged, 'var/lib/dpkg/info');
      mkdirSync(info, { recursive: true });
      const paths = [...folders.filter(Boolean).map((f) => `/${f}`), ...files].sort();
      writeFileSync(join(info, `${name}.list`), `/.\n${paths.join('\n')}\n`, { flag: 'wx' });
      for (const [member, text] of members) writeFileSync(join(info, `${name}.${member}`), text, { flag: 'wx' });
      const unpacked: Unpacked = {
        package: name,
        status: control.replace(/^(Package: .*)$/m, '$1\nStatus: install ok installed'),
        files,
      };
      this.place(staged, target);
      writeWhole(this.contents(digest), JSON.stringify(unpacked), { sync: false });
      return unpacked;
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  }

  /** Another slipway may have been first; a half one, which only a crash of the machine leaves, is replaced. */
  private place(staged: string, target: string): void {
    try {
      renameSync(staged, target);
    } catch (e) {
      const code = codeOf(e);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw e;
      if (readJson<Unpacked>(`${target}.json`)) return;
      rmSync(target, { recursive: true, force: true });
      renameSync(staged, target);
    }
  }

  /** The text of a file of a package that was unpacked; undefined where it is none, or too large. */
  async text(digest: string, path: string): Promise<string | undefined> {
    return (await readLeft(this.folder(digest), path.replace(/^\/+/, ''), largestText))?.toString('utf8');
  }

  /** A folder with all of them, by hard links, and dpkg's status extended by them. */
  async compose(packages: readonly OwnPackage[], status: string, target: string): Promise<Composed> {
    const all: Unpacked[] = [];
    const lost: string[] = [];
    for (const one of packages) {
      const unpacked = await this.unpack(one);
      if (unpacked) all.push(unpacked);
      else lost.push(one.deb.sha256);
    }
    if (lost.length) return { lost };
    mkdirSync(target, { recursive: true });
    if (packages.length) {
      const folders = packages.map(({ deb }) => `${this.folder(deb.sha256)}/.`);
      const bring = (...how: string[]) => run('cp', [...how, '--target-directory', target, ...folders]);
      let linked = await bring('-al');
      // A file system of its own below a package's folder: its files are copied.
      if (linked.code !== 0 && /cross-device/.test(linked.stderr)) {
        rmSync(target, { recursive: true, force: true });
        mkdirSync(target, { recursive: true });
        linked = await bring('-a', '--reflink=auto');
      }
      if (linked.code !== 0) {
        const clash = clashOf(all);
        if (clash !== undefined) return { clash };
        // Nothing else of ours is in its way: what the disk refuses is the user's world.
        throw programFault("can't put the root together", target, linked);
      }
    }
    mkdirSync(join(target, 'var/lib/dpkg'), { recursive: true });
    writeFileSync(
      join(target, 'var/lib/dpkg/status'),
      `${readFileSync(status, 'utf8').trimEnd()}\n\n${all.map((u) => `${u.status}\n`).join('\n')}`,
    );
    return undefined;
  }
}

/** Two packages that can't be in one root: a file of one is a file, or a folder, of the other. */
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
