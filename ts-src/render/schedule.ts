import { at } from '../model/lists.ts';
/** What a scheduler must know of a task, no more: `path` are the seconds of the longest chain of tasks from it on. */
export interface ScheduledTask {
  group: number;
  seconds: number;
  path: number;
  waits: readonly number[];
}

/**
 * The schedule of a run as a scheduler reads it, a line for each thing: the run, its counts, groups of tasks that the
 * same machines can do (platform and architecture), and the tasks, numbered from `first` on and the most urgent first,
 * in columns: the number of a task's group, its seconds, its path, how many it waits for, and the numbers of those that
 * wait for it.
 */
export function renderSchedule(
  run: string,
  counts: { cached: number; todo: number; open: number; failed: number },
  groups: readonly { platform: string; architecture: string }[],
  first: number,
  tasks: readonly ScheduledTask[],
): string {
  const dependents: number[][] = tasks.map(() => []);
  tasks.forEach((t, i) => t.waits.forEach((d) => at(dependents, d - first).push(first + i)));
  const column = (name: string, value: (t: ScheduledTask, i: number) => string | number): string =>
    [name, ...tasks.map(value)].join(' ');
  return `${[
    `run ${run}`,
    `counts ${counts.cached} ${counts.todo} ${counts.open} ${counts.failed}`,
    ['groups', ...groups.map((g) => `${g.platform}/${g.architecture}`)].join(' '),
    column('group', (t) => t.group),
    column('seconds', (t) => t.seconds),
    column('path', (t) => t.path),
    column('waits', (t) => t.waits.length),
    column('dependents', (_, i) => at(dependents, i).join(',') || '-'),
  ].join('\n')}\n`;
}
