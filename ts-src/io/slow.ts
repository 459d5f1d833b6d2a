type Tell = (text: string) => void;
let tell: Tell = () => undefined;

/** Where it is told that something takes long; the command line writes it. */
export function onSlow(to: Tell): void {
  tell = to;
}

/** Seconds of silence before the first word, and between the next ones. */
const silence = Number(process.env.SLIPWAY_SILENCE_SECONDS) || 10;

/** Waits for another machine, and says so where that takes long: nobody should wonder what a silent run waits for. */
export async function slowly<T>(what: string, work: Promise<T>): Promise<T> {
  const begun = Date.now();
  const timer = setInterval(
    () => tell(`still waiting for ${what} (${Math.round((Date.now() - begun) / 1000)} s)`),
    silence * 1000,
  );
  timer.unref();
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
