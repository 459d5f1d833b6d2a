import { inverse, needsOf } from '../graph/graph.ts';
import { Numbers } from '../graph/numbers.ts';
import { PriorityQueue } from '../graph/priority-queue.ts';
import { at } from '../model/lists.ts';
import { batchSize, LanePauses } from './lane-policy.ts';

/**
 * A graph of tasks to be scheduled: what each waits for, how long it is thought to take and how long it takes, in
 * seconds.
 */
export interface Work {
  waits: readonly (readonly number[])[];
  expected: readonly number[];
  seconds: readonly number[];
}

/** What a farm costs beside the work, in seconds. */
export interface Costs {
  /** Until a new agent is there, and until one that is there is taken. */
  agentStart: number;
  agentTake: number;
  /** How long an agent that was given back stays. */
  agentIdle: number;
  /** One call of the program: Jenkins' step, and what the program needs to begin. */
  call: number;
}

export interface Simulated {
  seconds: number;
  calls: number;
  sleeps: number;
  agents: number;
  takes: number;
}

/** The time that no schedule can go below: the longest path, or all work over all lanes. */
export function bound({ waits, seconds }: Work, lanes: number): number {
  const ends = new Float64Array(seconds.length);
  for (const t of topological(waits))
    ends[t] = at(seconds, t) + needsOf(waits, t).reduce((m, d) => Math.max(m, at(ends, d)), 0);
  return Math.max(Math.max(0, ...ends), seconds.reduce((a, b) => a + b, 0) / lanes);
}

/** For each task the longest chain of tasks from it on, itself counted. */
export function paths({ waits, expected }: Pick<Work, 'waits' | 'expected'>): Float64Array {
  const remaining = Float64Array.from(expected);
  for (const t of topological(waits).reverse())
    for (const d of needsOf(waits, t)) remaining[d] = Math.max(at(remaining, d), at(expected, d) + at(remaining, t));
  return remaining;
}

/**
 * Level after level, each split over the lanes as well as can be from what is expected: what pipelines of stages do.
 */
export function levels({ waits, expected, seconds }: Work, lanes: number): number {
  const level = new Int32Array(seconds.length);
  for (const t of topological(waits)) level[t] = needsOf(waits, t).reduce((m, d) => Math.max(m, at(level, d) + 1), 0);
  let total = 0;
  const deepest = Math.max(0, ...level);
  for (let l = 0; l <= deepest; l++) {
    const tasks = [...level.keys()].filter((t) => level[t] === l).sort((a, b) => at(expected, b) - at(expected, a));
    const lane = new Float64Array(lanes);
    for (const t of tasks) {
      const least = Math.min(...lane);
      lane[lane.indexOf(least)] = least + at(seconds, t);
    }
    total += Math.max(...lane);
  }
  return total;
}

/**
 * Runs the lanes of slipwayBuild against a clock: each takes the ready task on the longest remaining path (by what is
 * expected), gives its agent back when there is none, and looks again after a pause. The same policy as
 * vars/slipwayBatch.groovy, task by task.
 */
export function simulate(work: Work, lanes: number, costs: Costs): Simulated {
  return new Simulation(work, Math.min(lanes, work.seconds.length), costs).run();
}

/** What is to happen at some time; of the same time, what was planned first comes first. */
interface Event {
  at: number;
  order: number;
  run: () => void;
}

class Clock {
  now = 0;
  private planned = 0;
  private readonly events = new PriorityQueue<Event>((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order));

  after(delay: number, run: () => void): void {
    this.events.push({ at: this.now + delay, order: this.planned++, run });
  }

  /** Lets the next event happen. False where there is none. */
  step(): boolean {
    const next = this.events.pop();
    if (!next) return false;
    this.now = next.at;
    next.run();
    return true;
  }
}

class Simulation {
  private readonly clock = new Clock();
  private readonly dependents: (task: number) => Int32Array;
  /** By task, how many that it waits for are not done. */
  private readonly missing: Numbers;
  private readonly remaining: Float64Array;
  /** By task, its number in the schedule: the most urgent task is 0. */
  private readonly rank: Numbers;
  private readonly ready: number[];
  private readonly pauses: LanePauses;
  /** Tasks that are not done, those of them that a lane has in hand, and what all are expected to take. */
  private left: number;
  private inHand = 0;
  private workLeft: number;
  /** Lanes without work, in line. */
  private readonly idle: number[] = [];
  /** Lanes that wait for an agent: they take one task each at least. */
  private readonly coming = new Set<number>();
  /** Until when each agent that was given back stays. */
  private warm: number[] = [];
  private readonly result: Simulated = { seconds: 0, calls: 0, sleeps: 0, agents: 0, takes: 0 };

  constructor(
    private readonly work: Work,
    private readonly lanes: number,
    private readonly costs: Costs,
  ) {
    this.dependents = inverse(work.waits);
    this.missing = Numbers.of(work.waits, (w) => w.length);
    const remaining = paths(work);
    this.remaining = remaining;
    const urgent = [...remaining.keys()].sort((a, b) => at(remaining, b) - at(remaining, a) || a - b);
    this.rank = Numbers.filled(urgent.length, 0);
    urgent.forEach((t, i) => this.rank.set(t, i));
    this.ready = urgent.filter((t) => this.missing.get(t) === 0);
    this.pauses = new LanePauses(lanes);
    this.left = urgent.length;
    this.workLeft = work.expected.reduce((a, b) => a + b, 0);
  }

  run(): Simulated {
    for (let lane = 0; lane < this.lanes; lane++) this.clock.after(0, () => this.look(lane));
    while (this.left > 0 && this.clock.step());
    return this.result;
  }

  /** A lane without an agent looks for a task. */
  private look(lane: number): void {
    if (this.left === 0) return;
    if (this.ready.length <= this.coming.size) return this.sleep(lane);
    const place = this.idle.indexOf(lane);
    if (place >= 0) this.idle.splice(place, 1);
    this.pauses.worked(lane);
    this.coming.add(lane);
    this.result.takes++;
    const { clock, costs } = this;
    this.warm = this.warm.filter((until) => until >= clock.now);
    if (this.warm.length) {
      this.warm.pop();
      clock.after(costs.agentTake, () => this.call(lane));
    } else {
      this.result.agents++;
      clock.after(costs.agentStart, () => this.call(lane));
    }
  }

  private sleep(lane: number): void {
    const { idle } = this;
    if (!idle.includes(lane)) idle.push(lane);
    const place = idle.indexOf(lane);
    // As many before it as there are tasks that nobody has in hand: it is not needed any more.
    if (place >= this.left - this.coming.size - this.inHand) {
      idle.splice(place, 1);
      return;
    }
    this.result.sleeps++;
    this.clock.after(this.pauses.next(lane, place), () => this.look(lane));
  }

  /** A lane with an agent takes ready tasks and does them, or gives the agent back. */
  private call(lane: number): void {
    const { ready, work, clock, costs } = this;
    this.coming.delete(lane);
    if (!ready.length) {
      this.warm.push(clock.now + costs.agentIdle);
      this.look(lane);
      return;
    }
    const count = batchSize(ready, work.expected, this.remaining, this.workLeft, this.lanes);
    const batch = ready.splice(0, count);
    this.result.calls++;
    this.inHand += batch.length;
    clock.after(costs.call + batch.reduce((sum, t) => sum + at(work.seconds, t), 0), () => {
      this.finish(batch);
      this.call(lane);
    });
  }

  private finish(batch: readonly number[]): void {
    this.inHand -= batch.length;
    for (const t of batch) {
      this.left--;
      this.workLeft -= at(this.work.expected, t);
      for (const d of this.dependents(t)) if (this.missing.add(d, -1) === 0) this.insert(d);
    }
    if (this.left === 0) this.result.seconds = this.clock.now;
  }

  /** Puts a task among the ready ones, by its rank. */
  private insert(task: number): void {
    const { ready, rank } = this;
    let place = ready.length;
    while (place > 0 && rank.get(at(ready, place - 1)) > rank.get(task)) place--;
    ready.splice(place, 0, task);
  }
}

/** Tasks so ordered that what one waits for comes before it. */
function topological(waits: Work['waits']): number[] {
  const missing = Numbers.of(waits, (w) => w.length);
  const dependents = inverse(waits);
  const found = [...waits.keys()].filter((t) => missing.get(t) === 0);
  for (const t of found) for (const d of dependents(t)) if (missing.add(d, -1) === 0) found.push(d);
  return found;
}

/** Seeded numbers from 0 to 1 (mulberry32): the same seed gives the same. */
export function randoms(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
