import { keysOf } from '../model/maps.ts';
import type { TaskState } from '../model/result.ts';

/** Rank and colour of each state, the worst first. Typed, so that a missing state does not compile. */
const looks: Record<TaskState, { rank: number; color: string }> = {
  failed: { rank: 0, color: '#c62828' },
  stopped: { rank: 1, color: '#d84300' },
  blocked: { rank: 2, color: '#8e24aa' },
  waiting: { rank: 3, color: '#827717' },
  built: { rank: 4, color: '#2e7d32' },
  passed: { rank: 5, color: '#00796b' },
  cached: { rank: 6, color: '#546e7a' },
};

export const taskStates = keysOf(looks).sort((a, b) => looks[a].rank - looks[b].rank);
export const stateColor = (state: TaskState): string => looks[state].color;
export const byState = (a: TaskState, b: TaskState): number => looks[a].rank - looks[b].rank;
/** A CSS class for each state. */
export const stateStyles = (): string => taskStates.map((s) => `.${s} { color: ${looks[s].color}; }\n`).join('');
