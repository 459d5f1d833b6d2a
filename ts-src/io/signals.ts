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
