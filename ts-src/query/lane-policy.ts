/**
 * How a farm's lanes take tasks and wait for them. vars/slipwayBatch.groovy implements the same on Jenkins; a test
 * compares both.
 */

const batchSeconds = 60;
const batchMost = 20;

/**
 * How many of the ready tasks a lane takes at once, most urgent first. A lane takes several small ones if there are
 * more tasks than lanes and no hurry: the remaining work per lane exceeds the path above the first task by more than
 * a fifth.
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
 * Pauses of idle lanes in seconds. Each poll costs the controller a flow node, so the limit is 100 an hour per lane.
 * The first lane in line polls every 5 seconds; with fewer than ten lanes only for some minutes, then within the
 * remaining budget. Others poll ever more rarely.
 */
export class LanePauses {
  private readonly looks = new Map<number, number>();
  private readonly quick: number;
  private readonly slow: number;
  /** Remaining quick polls of the first lane in line, in thousandths. */
  private tokens: number;

  constructor(lanes: number) {
    // Lanes behind the first poll at most 31 times in their first hour.
    const hourly = 69 * lanes + 31;
    this.quick = Math.floor(hourly / 3);
    this.slow = Math.min(3600, Math.trunc((3600 - 5 * this.quick) / (hourly - this.quick)) + 1);
    this.tokens = this.quick * 1000;
  }

  /** The next pause of a lane, with `place` lanes before it in line. */
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

  /** Resets a lane's pauses after it found work. */
  worked(lane: number): void {
    this.looks.delete(lane);
  }
}
