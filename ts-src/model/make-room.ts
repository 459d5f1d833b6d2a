/** What to do about a full disk. */
export const makeRoom =
  'free some space (`slipway clean` and `slipway store gc` remove what Slipway can make again) ' +
  'and run the same command again: it continues';
