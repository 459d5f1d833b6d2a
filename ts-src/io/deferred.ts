const pending: (() => void)[] = [];

/**
 * Postpones work, such as writing caches, until all output is printed. `finishDeferred` runs it; it is lost if the
 * process is killed.
 */
export function defer(work: () => void): void {
  pending.push(work);
}

/** A cache that can't be written only costs time in the next run. */
export function finishDeferred(): void {
  for (const work of pending.splice(0)) {
    try {
      work();
    } catch {
      /* a full disk, a folder that can't be written */
    }
  }
}
