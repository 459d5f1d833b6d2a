import { posix } from 'node:path';
import type { Store } from '../../store/store.ts';
import type { TaskGraph } from '../task-graph.ts';

/** Who ships what: files and links by their paths, and the folders that these lie in. */
export class ShippedPaths {
  private readonly files = new Map<string, string>();
  private readonly folders = new Map<string, Set<string>>();

  /** Why a package may not have these files beside those of others; undefined where it may. */
  clash(name: string, files: readonly string[]): string | undefined {
    const looked = new Set<string>();
    for (const file of files) {
      const owner = this.files.get(file);
      if (owner !== undefined && owner !== name) return `it ships ${file}, which '${owner}' ships too`;
      const inside = [...(this.folders.get(file) ?? [])].find((other) => other !== name);
      if (inside !== undefined) return `it ships ${file} as a file or link, and '${inside}' ships files in ${file}/`;
      for (let folder = posix.dirname(file); folder !== '/' && !looked.has(folder); folder = posix.dirname(folder)) {
        looked.add(folder);
        const above = this.files.get(folder);
        if (above !== undefined && above !== name)
          return `it ships files in ${folder}/, and '${above}' ships ${folder} as a file or link`;
      }
    }
    return undefined;
  }

  take(name: string, files: readonly string[]): void {
    for (const file of files) {
      this.files.set(file, name);
      for (let folder = posix.dirname(file); folder !== '/'; folder = posix.dirname(folder)) {
        const owners = this.folders.get(folder);
        if (owners?.has(name)) break;
        if (owners) owners.add(name);
        else this.folders.set(folder, new Set([name]));
      }
    }
  }
}

/** Finds two packages of one run of which dpkg would refuse the second, or of which one would hide the other's files. */
export class FileOwners {
  private readonly listed = new WeakMap<TaskGraph, Set<string>>();
  constructor(private readonly store: Store) {}

  /**
   * Takes a package's files, or gives the reason why it may not have one. The first call reads the lists of all others.
   */
  async claim(graph: TaskGraph, n: number, files: readonly string[]): Promise<string | undefined> {
    const name = graph.scope.packages[n]?.name ?? '';
    await this.readOthers(graph, n);
    const clash = graph.owners.clash(name, files);
    if (clash === undefined) graph.owners.take(name, files);
    return clash;
  }

  private async readOthers(graph: TaskGraph, n: number): Promise<void> {
    let listed = this.listed.get(graph);
    if (!listed) this.listed.set(graph, (listed = new Set()));
    const missing = graph.records.flatMap((record, i) => {
      const name = graph.scope.packages[i]?.name;
      return record && name !== undefined && i !== n && !listed.has(record.key) ? [{ record, name }] : [];
    });
    for (const { record } of missing) listed.add(record.key);
    await this.store.many(missing, async ({ record, name }) => {
      const text = await this.store.readText(record.files);
      const files: unknown = text === undefined ? [] : JSON.parse(text);
      if (Array.isArray(files))
        graph.owners.take(
          name,
          (files as unknown[]).filter((f) => typeof f === 'string'),
        );
    });
  }
}
