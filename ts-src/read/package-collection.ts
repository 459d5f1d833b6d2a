import { join } from 'node:path';
import { error, Faults, type Diagnostic } from '../model/diagnostics.ts';
import { append } from '../model/lists.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { ownIn } from '../model/maps.ts';
import type { SourcePackage } from '../model/plan.ts';
import type { Repository } from '../model/rosdistro.ts';
import { readFolder } from './folders.ts';
import type { RepositoryPackages } from './packages.ts';
import type { Released } from './releases.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

export type LockedRepositories = Lockfile['distributions'][string];

/** The packages of a distribution by name. Duplicates are errors. */
export class PackageCollection {
  readonly packages = new Map<string, SourcePackage>();
  readonly diagnostics: Diagnostic[] = [];
  /** Packages whose manifest has errors. */
  readonly broken = new Set<string>();
  private readonly places = new Map<string, Repository>();

  constructor(private readonly name: string) {}

  add(p: SourcePackage, repository: Repository): void {
    const other = this.packages.get(p.name);
    const first = this.places.get(p.name);
    if (!other || !first) {
      this.packages.set(p.name, p);
      this.places.set(p.name, repository);
      return;
    }
    const at = first.line === undefined ? first.file : `${first.file}:${first.line}`;
    this.diagnostics.push(
      error(
        'package-twice',
        `the package '${p.name}' is in '${other.repository}' (${other.file}) and in '${repository.name}' (${p.file})`,
        {
          file: repository.file,
          line: repository.line,
          hint:
            first === repository
              ? 'leave one, or mark one with COLCON_IGNORE'
              : `leave it in one of them, or mark one with COLCON_IGNORE; '${first.name}' is at ${at}`,
        },
      ),
    );
  }

  addReleases(all: readonly Released[], locked: LockedRepositories | undefined): void {
    const faults = new Faults(`the distribution '${this.name}'`);
    for (const r of all) this.addReleased(r, locked, faults);
    append(this.diagnostics, faults.all());
  }

  private addReleased(r: Released, locked: LockedRepositories | undefined, faults: Faults): void {
    faults.add(r.manifest.diagnostics);
    const { repository, packageName } = r;
    if (!r.manifest.ok) {
      this.broken.add(packageName);
      return;
    }
    const manifest = r.manifest.value;
    if (manifest.name !== packageName)
      faults.add([
        error('package-name', `the manifest of '${packageName}' has the name '${manifest.name}'`, {
          file: repository.file,
          line: repository.line,
          hint: 'the entry and package.xml must have the same name',
        }),
      ]);
    const pin = ownIn(ownIn(locked, repository.name)?.packages, packageName);
    this.add(
      {
        name: manifest.name,
        repository: repository.name,
        manifest,
        file: r.file,
        ...(r.buildBackend === undefined ? {} : { buildBackend: r.buildBackend }),
        source: pin?.commit ? { ...r.source, commit: pin.commit, ...(pin.tree ? { tree: pin.tree } : {}) } : r.source,
        released: r.version,
      },
      repository,
    );
  }

  addRepository(found: RepositoryPackages & { url: string }, repository: Repository): void {
    for (const name of found.broken) this.broken.add(name);
    for (const p of found.packages)
      this.add(
        {
          name: p.manifest.name,
          repository: repository.name,
          manifest: p.manifest,
          file: p.file,
          ...(p.buildBackend === undefined ? {} : { buildBackend: p.buildBackend }),
          source: { url: found.url, commit: found.commit, tree: p.tree, path: p.path },
        },
        repository,
      );
  }

  /** Adds the packages in a folder of the distro repository, from its current files. */
  addFolder(workspace: Workspace, folder: string): void {
    const read = readFolder(workspace.root, folder, {
      lost: (name) => this.broken.add(name),
      confined: workspace.confined === true,
    });
    append(
      this.diagnostics,
      read.diagnostics.map((d) => {
        if (d.file !== undefined) return d;
        const line = lineOf(workspace.file, ['distributions', this.name, 'folders']);
        return { ...d, file: workspace.file, ...(line === undefined ? {} : { line }) };
      }),
    );
    if (!read.ok) return;
    const url = join(workspace.root, folder);
    for (const p of read.value)
      this.add(
        {
          name: p.manifest.name,
          repository: p.repository,
          manifest: p.manifest,
          file: p.file,
          ...(p.buildBackend === undefined ? {} : { buildBackend: p.buildBackend }),
          source: { url, path: p.path },
        },
        { name: p.repository, file: p.file },
      );
  }
}
