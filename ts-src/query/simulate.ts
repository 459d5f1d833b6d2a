import { inverse, needsOf } from '../graph/graph.ts';
import { Numbers } from '../graph/numbers.ts';
import { PriorityQueue } from '../graph/priority-queue.ts';
import { at } from '../model/lists.ts';
import { batchSize, LanePauses } from './lane-policy.ts';

/** A graph of tasks to schedule: dependencies, expected and actual durations in seconds. */
export interface Work {
  waits: readonly (readonly number[])[];
  expected: readonly number[];
  seconds: readonly number[];
}

/** Overheads of a farm in seconds. */
export interface Costs {
  /** Time until a new agent has started, and until a running one is assigned. */
  agentStart: number;
  agentTake: number;
  /** How long a released agent stays. */
  agentIdle: number;
  /** One call of the program: Jenkins' step, and the program's start. */
  call: number;
}

export interface Simulated {
  seconds: number;
  calls: number;
  sleeps: number;
  agents: number;
  takes: number;
}

/** Lower bound of any schedule: the longest path, or all work divided by the lanes. */
export function bound({ waits, seconds }: Work, lanes: number): number {
  const ends = new Float64Array(seconds.length);
  for (const t of topological(waits))
    ends[t] = at(seconds, t) + needsOf(waits, t).reduce((m, d) => Math.max(m, at(ends, d)), 0);
  return Math.max(Math.max(0, ...ends), seconds.reduce((a, b) => a + b, 0) / lanes);
}

/** By task: the longest chain of tasks from it on, including itself. */
export function paths({ waits, expected }: Pick<Work, 'waits' | 'expected'>): Float64Array {
  const remaining = Float64Array.from(expected);
  for (const t of topological(waits).reverse())
    for (const d of needsOf(waits, t)) remaining[d] = Math.max(at(remaining, d), at(expected, d) + at(remaining, t));
  return remaining;
}

/** Time of a pipeline of stages: one level after the other, each distributed over the lanes by expected durations. */
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
 * Simulates the lanes of slipwayBuild: each takes the ready task with the longest remaining path (by expected
 * durations), releases its agent if there is none, and polls again after a pause. Same policy as
 * vars/slipwayBatch.groovy, task by task.
 */
export function simulate(work: Work, lanes: number, costs: Costs): Simulated {
  return new Simulation(work, Math.min(lanes, work.seconds.length), costs).run();
}

/** A future event; at the same time, events run in the order of their creation. */
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

  /** Runs the next event. False if there is none. */
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
  /** By task: the number of unfinished dependencies. */
  private readonly missing: Numbers;
  private readonly remaining: Float64Array;
  /** By task: its number in the schedule; 0 is the most urgent. */
  private readonly rank: Numbers;
  private readonly ready: number[];
  private readonly pauses: LanePauses;
  /** Number of unfinished tasks, those of them that lanes work on, and the expected duration of all unfinished ones. */
  private left: number;
  private inHand = 0;
  private workLeft: number;
  /** Idle lanes, in line. */
  private readonly idle: number[] = [];
  /** Lanes that wait for an agent; each will take at least one task. */
  private readonly coming = new Set<number>();
  /** Times until which released agents stay. */
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

  /** A lane without an agent polls for a task. */
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
    // There are as many lanes before it as unassigned tasks, so it is no longer needed.
    if (place >= this.left - this.coming.size - this.inHand) {
      idle.splice(place, 1);
      return;
    }
    this.result.sleeps++;
    this.clock.after(this.pauses.next(lane, place), () => this.look(lane));
  }

  /** A lane with an agent takes and runs ready tasks, or releases the agent. */
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

  /** Inserts a task into the ready ones, by rank. */
  private insert(task: number): void {
    const { ready, rank } = this;
    let place = ready.length;
    while (place > 0 && rank.get(at(ready, place - 1)) > rank.get(task)) place--;
    ready.splice(place, 0, task);
  }
}

/** Topological order of tasks. */
function topological(waits: Work['waits']): number[] {
  const missing = Numbers.of(waits, (w) => w.length);
  const dependents = inverse(waits);
  const found = [...waits.keys()].filter((t) => missing.get(t) === 0);
  for (const t of found) for (const d of dependents(t)) if (missing.add(d, -1) === 0) found.push(d);
  return found;
}

/** Seeded random numbers from 0 to 1 (mulberry32). */
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
