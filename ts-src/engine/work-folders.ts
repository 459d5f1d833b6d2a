import { environmentFault, reportInternal } from '../io/faults.ts';
import type { Driver } from '../sandbox/driver.ts';
import { newScratch } from '../sandbox/scratch.ts';

/** Folders of running tasks. They are removed in the background: what waits for a result need not wait for this. */
export class WorkFolders {
  private readonly removals = new Set<Promise<void>>();
  /** `note` is told of a folder that can't be removed. */
  constructor(
    private readonly options: { driver: Pick<Driver, 'remove'>; state: string; note: (text: string) => void },
  ) {}

  /** Runs `work` in a new folder. */
  async use<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = newScratch(this.options.state);
    try {
      return await work(folder);
    } finally {
      this.remove(folder);
    }
  }

  private remove(folder: string): void {
    const { driver, note } = this.options;
    const removal = driver
      .remove(folder)
      .catch((e: unknown) => note(`${folder} is left: ${environmentFault(e) ?? reportInternal(e)}`))
      .finally(() => this.removals.delete(removal));
    this.removals.add(removal);
  }

  /** Waits until all used folders are removed. */
  async removed(): Promise<void> {
    await Promise.all(this.removals);
  }
}
