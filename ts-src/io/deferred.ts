const pending: (() => void)[] = [];

/**
 * Work that can wait until everything was said: what is kept for the next run. Done by `finishLater`, lost where we are
 * killed.
 */
export function defer(work: () => void): void {
  pending.push(work);
}

/** A copy that could not be kept costs time in the next run, and nothing else. */
export function finishDeferred(): void {
  for (const work of pending.splice(0)) {
    try {
      work();
    } catch {
      /* a full disk, a folder that can't be written */
    }
  }
}
