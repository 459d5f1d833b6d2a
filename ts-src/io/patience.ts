/** A number of the environment; the usual one if it is missing, no number, or not in the range. */
export function numberFrom(name: string, usual: number, most: number): number {
  const value = Number(process.env[name]);
  return value > 0 && value <= most ? value : usual;
}

/** Time limit in milliseconds of one request, and of reading a folder; slow networks take minutes. */
export const longestFetch = numberFrom('SLIPWAY_FETCH_MINUTES', 60, 24 * 60) * 60_000;

/** What is said of something that took longer. */
export const tookTooLong = `took longer than ${longestFetch / 60_000} minutes`;
