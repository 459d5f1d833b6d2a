import { numberFrom } from './patience.ts';

/** Milliseconds that a host may take for so many bytes: 10 kB a second. */
export const transferTime = (bytes: number): number => bytes / 10;

type Tell = (text: string) => void;
let tell: Tell = () => undefined;

/** Sets the function that reports long waits; the command line prints them. */
export function onSlow(to: Tell): void {
  tell = to;
}

/** Seconds until the first message, and between messages. */
const silence = numberFrom('SLIPWAY_SILENCE_SECONDS', 10, 3600);

/** When each wait was last reported: many waits for one server are reported once. */
const lastSaid = new Map<string, number>();

/** Waits for another machine or process. Reports the wait if it takes long. `more`: what to add to the report. */
export async function slowly<T>(what: string, work: Promise<T>, more: () => string = () => ''): Promise<T> {
  const begun = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - (lastSaid.get(what) ?? 0) < silence * 900) return;
    lastSaid.set(what, now);
    tell(`still waiting for ${what}${more()} (${Math.round((now - begun) / 1000)} s)`);
  }, silence * 1000);
  timer.unref();
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
