import { createContext, Script } from 'node:vm';
import { LeftBehindError } from './untrusted.ts';

const place = createContext({ work: undefined });
const script = new Script('work()');

/** Seconds that reading what one task left may take. Meanwhile this process does nothing else. */
const longest = 120;

/**
 * The time that may be spent on what code of others left: it may have been made to take hours, by a pattern that goes
 * over a text again and again, or by a count that a file tells.
 */
export class Patience {
  private left: number;
  constructor(private readonly seconds = longest) {
    this.left = seconds * 1000;
  }

  /** Does what must be done at once. Throws a LeftBehindError where the time is up; `what` is read, for people. */
  spend<T>(what: string, work: () => T): T {
    const before: unknown = place.work;
    const begun = performance.now();
    place.work = work;
    try {
      return script.runInContext(place, { timeout: Math.max(1, Math.ceil(this.left)) }) as T;
    } catch (e) {
      if (!isTimeUp(e)) throw e;
      throw new LeftBehindError(`${what} takes longer than ${this.seconds} seconds to read`);
    } finally {
      place.work = before;
      this.left -= performance.now() - begun;
    }
  }
}

/** It may be an error of the script's own realm. */
const isTimeUp = (e: unknown): boolean =>
  typeof e === 'object' && e !== null && 'code' in e && e.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

/** The same for one piece of work alone. */
export const withinTime = <T>(what: string, work: () => T): T => new Patience().spend(what, work);
