import { createContext, Script } from 'node:vm';
import { LeftBehindError } from './untrusted.ts';

const place = createContext({ work: undefined });
const script = new Script('work()');

/** Time limit in seconds for parsing the output of one task. It blocks this process. */
const longest = 120;

/**
 * A budget of time for parsing untrusted output, which may try to keep a parser busy for hours, for example by
 * backtracking in a pattern or by a large count.
 */
export class Patience {
  private left: number;
  constructor(private readonly seconds = longest) {
    this.left = seconds * 1000;
  }

  /**
   * Runs synchronous work. Throws a LeftBehindError when the budget is used up, or a text gets too long. `what`: name
   * of the input for messages.
   */
  spend<T>(what: string, work: () => T): T {
    const before: unknown = place.work;
    const begun = performance.now();
    place.work = work;
    try {
      return script.runInContext(place, { timeout: Math.max(1, Math.ceil(this.left)) }) as T;
    } catch (e) {
      if (isTooLong(e)) throw new LeftBehindError(`${what} is too large to read`);
      if (!isTimeUp(e)) throw e;
      throw new LeftBehindError(`${what} takes longer than ${this.seconds} seconds to read`);
    } finally {
      place.work = before;
      this.left -= performance.now() - begun;
    }
  }
}

/** The error may come from the script's own realm. */
const isTimeUp = (e: unknown): boolean =>
  typeof e === 'object' && e !== null && 'code' in e && e.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

/** The error for a text that is longer than a string may be. */
const isTooLong = (e: unknown): boolean =>
  e instanceof Error && /^(Invalid string length$|Cannot create a string longer than )/.test(e.message);

/** Limits a single piece of work. */
export const withinTime = <T>(what: string, work: () => T): T => new Patience().spend(what, work);
