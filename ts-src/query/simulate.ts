import { inverse } from '../graph/graph.ts';
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
  for (const t of topological(waits)) ends[t] = seconds[t]! + waits[t]!.reduce((m, d) => Math.max(m, ends[d]!), 0);
  return Math.max(Math.max(0, ...ends), seconds.reduce((a, b) => a + b, 0) / lanes);
}

/** For each task the longest chain of tasks from it on, itself counted. */
export function paths({ waits, expected }: Pick<Work, 'waits' | 'expected'>): Float64Array {
  const remaining = Float64Array.from(expected);
  for (const t of topological(waits).reverse())
    for (const d of waits[t]!) remaining[d] = Math.max(remaining[d]!, expected[d]! + remaining[t]!);
  return remaining;
}

/**
 * Level after level, each split over the lanes as well as can be from what is expected: what pipelines of stages do.
 */
export function levels({ waits, expected, seconds }: Work, lanes: number): number {
  const level = new Int32Array(seconds.length);
  for (const t of topological(waits)) level[t] = waits[t]!.reduce((m, d) => Math.max(m, level[d]! + 1), 0);
  let total = 0;
  const deepest = Math.max(0, ...level);
  for (let l = 0; l <= deepest; l++) {
    const tasks = [...level.keys()].filter((t) => level[t] === l).sort((a, b) => expected[b]! - expected[a]!);
    const lane = new Float64Array(lanes);
    for (const t of tasks) {
      const first = lane.indexOf(Math.min(...lane));
      lane[first]! += seconds[t]!;
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
  const { waits, expected, seconds } = work;
  const count = seconds.length;
  const dependents = inverse(waits);
  const missing = waits.map((w) => w.length);
  const remaining = paths(work);
  // The same numbers as the schedule's: the most urgent task is 0.
  const urgent = [...remaining.keys()].sort((a, b) => remaining[b]! - remaining[a]! || a - b);
  const rank = new Int32Array(count);
  urgent.forEach((t, i) => (rank[t] = i));
  const ready = urgent.filter((t) => missing[t] === 0);
  const events: { at: number; order: number; run: () => void }[] = [];
  let now = 0;
  let order = 0;
  let left = count;
  let inHand = 0;
  let workLeft = expected.reduce((a, b) => a + b, 0);
  let warm: number[] = [];
  const result: Simulated = { seconds: 0, calls: 0, sleeps: 0, agents: 0, takes: 0 };
  const idle: number[] = [];
  /** Lanes that wait for an agent: they take one task each at least. */
  const coming = new Set<number>();
  const pauses = new LanePauses(Math.min(lanes, count));
  const after = (delay: number, run: () => void) => {
    const event = { at: now + delay, order: order++, run };
    let i = events.length;
    events.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(events[parent]!, event)) break;
      events[i] = events[parent]!;
      i = parent;
    }
    events[i] = event;
  };
  const insert = (t: number) => {
    let at = ready.length;
    while (at > 0 && rank[ready[at - 1]!]! > rank[t]!) at--;
    ready.splice(at, 0, t);
  };
  const look = (lane: number) => {
    if (left === 0) return;
    if (ready.length <= coming.size) {
      if (!idle.includes(lane)) idle.push(lane);
      const place = idle.indexOf(lane);
      // As many before it as there are tasks that nobody has in hand: it is not needed any more.
      if (place >= left - coming.size - inHand) {
        idle.splice(place, 1);
        return;
      }
      result.sleeps++;
      after(pauses.next(lane, place), () => look(lane));
      return;
    }
    if (idle.includes(lane)) idle.splice(idle.indexOf(lane), 1);
    pauses.worked(lane);
    coming.add(lane);
    result.takes++;
    warm = warm.filter((until) => until >= now);
    if (warm.length) {
      warm.pop();
      after(costs.agentTake, () => call(lane));
    } else {
      result.agents++;
      after(costs.agentStart, () => call(lane));
    }
  };
  const call = (lane: number) => {
    coming.delete(lane);
    if (!ready.length) {
      warm.push(now + costs.agentIdle);
      look(lane);
      return;
    }
    const hand = ready.splice(0, batchSize(ready, expected, remaining, workLeft, Math.min(lanes, count)));
    result.calls++;
    inHand += hand.length;
    after(costs.call + hand.reduce((s, t) => s + seconds[t]!, 0), () => {
      inHand -= hand.length;
      for (const t of hand) {
        left--;
        workLeft -= expected[t]!;
        for (const d of dependents(t)) if (--missing[d]! === 0) insert(d);
      }
      if (left === 0) result.seconds = now;
      call(lane);
    });
  };
  for (let lane = 0; lane < Math.min(lanes, count); lane++) after(0, () => look(lane));
  while (events.length && left > 0) {
    const next = events[0]!;
    const last = events.pop()!;
    if (events.length) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= events.length) break;
        if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
        if (!before(events[child]!, last)) break;
        events[i] = events[child]!;
        i = child;
      }
      events[i] = last;
    }
    now = next.at;
    next.run();
  }
  return result;
}

const before = (a: { at: number; order: number }, b: { at: number; order: number }): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

/** Tasks so ordered that what one waits for comes before it. */
function topological(waits: Work['waits']): number[] {
  const missing = waits.map((w) => w.length);
  const dependents = inverse(waits);
  const found = [...missing.keys()].filter((t) => missing[t] === 0);
  for (let i = 0; i < found.length; i++) for (const d of dependents(found[i]!)) if (--missing[d]! === 0) found.push(d);
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
