import type { Store } from '../../store/store.ts';
import type { TaskGraph } from '../task-graph.ts';

/** Finds two packages of one run that ship the same file: apt would refuse the second. */
export class FileOwners {
  private readonly listed = new WeakMap<TaskGraph, Set<string>>();
  constructor(private readonly store: Store) {}

  /**
   * Takes a package's files, or gives the reason why it may not have one. The first call reads the lists of all others.
   */
  async claim(graph: TaskGraph, n: number, files: readonly string[]): Promise<string | undefined> {
    const name = graph.scope.packages[n]!.name;
    await this.readOthers(graph, n);
    for (const file of files) {
      const owner = graph.owners.get(file);
      if (owner !== undefined && owner !== name) return `it ships ${file}, which '${owner}' ships too`;
    }
    for (const file of files) graph.owners.set(file, name);
    return undefined;
  }

  private async readOthers(graph: TaskGraph, n: number): Promise<void> {
    let listed = this.listed.get(graph);
    if (!listed) this.listed.set(graph, (listed = new Set()));
    const missing = graph.records.flatMap((record, i) =>
      record && i !== n && !listed.has(record.key) ? [{ record, name: graph.scope.packages[i]!.name }] : [],
    );
    for (const { record } of missing) listed.add(record.key);
    await this.store.many(missing, async ({ record, name }) => {
      const text = await this.store.readText(record.files);
      if (text !== undefined) for (const file of JSON.parse(text) as string[]) graph.owners.set(file, name);
    });
  }
}
