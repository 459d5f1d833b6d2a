type Tell = (text: string) => void;
let tell: Tell = () => undefined;

/** Where it is told that something takes long; the command line writes it. */
export function onSlow(to: Tell): void {
  tell = to;
}

/** Seconds of silence before the first word, and between the next ones. */
const silence = Number(process.env.SLIPWAY_SILENCE_SECONDS) || 10;

/** When each was told of last: where many wait for one server it is told once. */
const told = new Map<string, number>();

/** Waits for another machine, and says so where that takes long: nobody should wonder what a silent run waits for. */
export async function slowly<T>(what: string, work: Promise<T>): Promise<T> {
  const begun = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - (told.get(what) ?? 0) < silence * 900) return;
    told.set(what, now);
    tell(`still waiting for ${what} (${Math.round((now - begun) / 1000)} s)`);
  }, silence * 1000);
  timer.unref();
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
