import type { Store } from '../../store/store.ts';
import type { TaskGraph } from '../task-graph.ts';

/**
 * Finds file conflicts between packages of a run: dpkg would refuse to install the second one, or its files would hide
 * the other's.
 */
export class FileOwners {
  private readonly listed = new WeakMap<TaskGraph, Set<string>>();
  constructor(private readonly store: Store) {}

  /**
   * Registers a package's files. Returns the reason if it may not have one. The first call reads the lists of all other
   * packages.
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
      const files = await this.store.readParsed(record.files);
      if (Array.isArray(files))
        graph.owners.take(
          name,
          (files as unknown[]).filter((f) => typeof f === 'string'),
        );
    });
  }
}
