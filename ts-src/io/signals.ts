const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** An abort signal for the termination of this process. Calls `first` once at that time. `done` ends the watch. */
export function untilStopped(first: () => void = () => undefined): { signal: AbortSignal; done(): void } {
  const abort = new AbortController();
  const stop = () => {
    if (!abort.signal.aborted) first();
    abort.abort();
  };
  for (const name of signals) process.on(name, stop);
  return { signal: abort.signal, done: () => signals.forEach((name) => process.off(name, stop)) };
}

const waits = new Set<() => void>();
const stopWaits = (): void => waits.forEach((stop) => stop());

/**
 * Calls `stop` if this process is asked to end before the returned function is called. One listener serves all waits.
 */
export function whileWaiting(stop: () => void): () => void {
  if (!waits.size) for (const name of signals) process.on(name, stopWaits);
  waits.add(stop);
  return () => {
    if (waits.delete(stop) && !waits.size) for (const name of signals) process.off(name, stopWaits);
  };
}
