import { withinFetchTime } from '../io/fetch-time.ts';
import { tookTooLong } from '../io/patience.ts';
import type { Outcome } from '../io/process.ts';
import type { Driver, Entry } from './driver.ts';
import { installLimits } from './limits.ts';

/**
 * Enters a root to run programs of its archives, such as apt, and what its packages run when they are installed. They
 * may not end, or write without end: then the entry fails, and its standard error says so.
 */
export const enterToInstall = (driver: Driver, state: string, entry: Entry): Promise<Outcome> =>
  withinFetchTime(async (signal, isLate) => {
    const limits = installLimits(state);
    const outcome = await driver.enter({ ...entry, signal, limits });
    if (outcome.code === 0) return outcome;
    const told = (why: string): Outcome => ({ ...outcome, stderr: `${outcome.stderr}\n${why}` });
    if (outcome.exceeded === 'disk' && limits.isWhole)
      return told('No space left on device: packages may take half of what is free');
    if (outcome.exceeded) return told(`it took more ${outcome.exceeded} than it may`);
    if (!signal.aborted) return outcome;
    return told(isLate() ? `it ${tookTooLong}` : 'slipway was stopped');
  }, entry.signal);

/** Why an entry with a log was ended, after a colon; empty if it ended by itself. */
export const whyEnded = ({ stderr }: Outcome): string => (stderr.trim() ? `: ${stderr.trim()}` : '');
