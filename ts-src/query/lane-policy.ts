/**
 * How lanes of a farm take tasks and wait for them. vars/slipwayBatch.groovy does the same on Jenkins; a test holds
 * both to the same figures.
 */

const batchSeconds = 60;
const batchMost = 20;

/**
 * How many of the ready tasks, the most urgent first, a lane takes at once: several small ones where there are more
 * than lanes and no haste, which is where what is left for each lane is longer than the path above the first task and
 * a fifth of it.
 */
export function batchSize(
  ready: readonly number[],
  seconds: ArrayLike<number>,
  path: ArrayLike<number>,
  workLeft: number,
  lanes: number,
): number {
  const [first] = ready;
  if (first === undefined) return 0;
  const most = Math.min(batchSeconds, Math.trunc((10 * workLeft - 12 * lanes * (path[first] ?? 0)) / (20 * lanes)));
  let sum = seconds[first] ?? 0;
  let count = 1;
  while (count < batchMost && ready.length - count > lanes) {
    sum += seconds[ready[count] ?? 0] ?? 0;
    if (sum > most) break;
    count++;
  }
  return count;
}

/**
 * How long lanes without work sleep, in seconds. Each look is a flow node that a controller keeps: at most 100 an hour
 * for each lane. The first in line looks every 5 seconds, with fewer than ten lanes for some minutes, then as often as
 * is left; those behind it ever more seldom.
 */
export class LanePauses {
  private readonly looks = new Map<number, number>();
  private readonly quick: number;
  private readonly slow: number;
  /** Thousandths of quick looks that the first in line has left. */
  private tokens: number;

  constructor(lanes: number) {
    // Lanes behind the first look 31 times in their first hour at most.
    const hourly = 69 * lanes + 31;
    this.quick = Math.floor(hourly / 3);
    this.slow = Math.min(3600, Math.trunc((3600 - 5 * this.quick) / (hourly - this.quick)) + 1);
    this.tokens = this.quick * 1000;
  }

  /** The pause of a lane with `place` lanes before it in line. */
  next(lane: number, place: number): number {
    const looks = this.looks.get(lane) ?? 0;
    this.looks.set(lane, looks + 1);
    if (place > 0) return Math.min(150, Math.min(60, 5 + 5 * place) * (looks + 1));
    if (this.slow <= 5) return 5;
    const seconds = this.tokens >= 1000 ? 5 : this.slow;
    const left = this.tokens - 1000 + Math.trunc((1000 * seconds) / this.slow);
    this.tokens = Math.max(0, Math.min(this.quick * 1000, left));
    return seconds;
  }

  /** The lane found work. */
  worked(lane: number): void {
    this.looks.delete(lane);
  }
}
