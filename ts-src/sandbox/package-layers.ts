import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exists, readJson, temporaryBeside } from '../io/files.ts';
import { run } from '../io/process.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';

interface Unpacked {
  package: string;
  status: string;
  files: string[];
}

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

  /** Undefined where the store's file is gone or damaged. */
  async unpack(deb: StoredFile): Promise<Unpacked | undefined> {
    const there = this.known.get(deb.sha256) ?? readJson<Unpacked>(join(this.folder(deb.sha256), 'unpacked.json'));
    if (there) {
      this.known.set(deb.sha256, there);
      return there;
    }
    const file = await this.store.path(deb);
    if (!file) return undefined;
    const unpacked = await this.unpackFile(file, this.folder(deb.sha256));
    this.known.set(deb.sha256, unpacked);
    return unpacked;
  }

  private async unpackFile(file: string, target: string): Promise<Unpacked> {
    mkdirSync(join(this.state, 'unpacked'), { recursive: true });
    const staged = temporaryBeside(target);
    try {
      const raw = await run('dpkg-deb', ['--raw-extract', file, staged]);
      if (raw.code !== 0) throw new Error(`dpkg-deb can't unpack ${file}: ${raw.stderr}`);
      const control = join(staged, 'DEBIAN');
      const fields = readFileSync(join(control, 'control'), 'utf8').trimEnd();
      const name = /^Package: (\S+)/m.exec(fields)![1]!;
      const paths: string[] = [];
      const files: string[] = [];
      const walk = (folder: string, shown: string) => {
        for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
          if (shown === '' && entry.name === 'DEBIAN') continue;
          paths.push(`${shown}/${entry.name}`);
          if (entry.isDirectory()) walk(join(folder, entry.name), `${shown}/${entry.name}`);
          else files.push(`${shown}/${entry.name}`);
        }
      };
      walk(staged, '');
      const info = join(staged, 'var/lib/dpkg/info');
      mkdirSync(info, { recursive: true });
      writeFileSync(join(info, `${name}.list`), `/.\n${paths.join('\n')}\n`);
      for (const member of ['md5sums', 'shlibs', 'triggers'])
        if (exists(join(control, member))) renameSync(join(control, member), join(info, `${name}.${member}`));
      rmSync(control, { recursive: true });
      const unpacked: Unpacked = {
        package: name,
        status: fields.replace(/^(Package: .*)$/m, '$1\nStatus: install ok installed'),
        files,
      };
      writeFileSync(join(staged, 'unpacked.json'), JSON.stringify(unpacked));
      try {
        renameSync(staged, target);
      } catch (e) {
        // Another slipway was first; a half one, which only a crash of the machine leaves, is replaced.
        if ((e as NodeJS.ErrnoException).code !== 'ENOTEMPTY' && (e as NodeJS.ErrnoException).code !== 'EEXIST')
          throw e;
        if (!readJson<Unpacked>(join(target, 'unpacked.json'))) {
          rmSync(target, { recursive: true, force: true });
          renameSync(staged, target);
        }
      }
      return unpacked;
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  }

  /**
   * A folder with all of them, by hard links, and dpkg's status extended by them. Gives the digests of those that the
   * store lost: then there is no folder.
   */
  async compose(debs: StoredFile[], status: string, target: string): Promise<string[]> {
    const all: Unpacked[] = [];
    const lost: string[] = [];
    for (const deb of debs) {
      const u = await this.unpack(deb);
      if (u) all.push(u);
      else lost.push(deb.sha256);
    }
    if (lost.length) return lost;
    mkdirSync(target, { recursive: true });
    if (debs.length) {
      const linked = await run('cp', [
        '-al',
        '--target-directory',
        target,
        ...debs.map((d) => `${this.folder(d.sha256)}/.`),
      ]);
      if (linked.code !== 0)
        throw Object.assign(new Error(`can't put the root together: ${linked.stderr.trim().split('\n').pop()}`), {
          code: /No space/.test(linked.stderr) ? 'ENOSPC' : 'ELINK',
        });
      rmSync(join(target, 'unpacked.json'), { force: true });
    }
    mkdirSync(join(target, 'var/lib/dpkg'), { recursive: true });
    writeFileSync(
      join(target, 'var/lib/dpkg/status'),
      `${readFileSync(status, 'utf8').trimEnd()}\n\n${all.map((u) => `${u.status}\n`).join('\n')}`,
    );
    return [];
  }
}
