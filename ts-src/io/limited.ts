import { run, type Outcome, type RunOptions } from './process.ts';

/** CPU seconds of a program that reads data from outside; sound data of the sizes that are read takes one or two. */
const longest = 30;

/**
 * Runs a program on data from outside that may unpack without end: its CPU time is limited, and `most`, the bytes of a
 * file that it writes. The limits of the machine may be lower.
 */
export const runLimited = (
  program: string,
  args: readonly string[],
  most: number,
  options: RunOptions = {},
): Promise<Outcome> => {
  const limits = `{ ulimit -t ${longest}; ulimit -f ${Math.ceil(most / 512)}; } 2>/dev/null`;
  // In the words of `run`.
  const look = 'command -v "$1" >/dev/null || { printf "%s: not found" "$1" >&2; exit 127; }';
  return run('sh', ['-c', `${limits}; ${look}; exec "$@"`, 'sh', program, ...args], options);
};
