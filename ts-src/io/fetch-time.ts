import { longestFetch } from './patience.ts';
import { whileWaiting } from './signals.ts';

/**
 * Runs work that others may keep from ending: its signal fires after the longest time of a fetch, when this process is
 * asked to end, and with `own`. `isLate` tells whether the time is over.
 */
export async function withinFetchTime<T>(
  work: (signal: AbortSignal, isLate: () => boolean) => Promise<T>,
  own?: AbortSignal,
): Promise<T> {
  const late = AbortSignal.timeout(longestFetch);
  const stopped = new AbortController();
  const done = whileWaiting(() => stopped.abort());
  try {
    return await work(AbortSignal.any([late, stopped.signal, ...(own ? [own] : [])]), () => late.aborted);
  } finally {
    done();
  }
}
