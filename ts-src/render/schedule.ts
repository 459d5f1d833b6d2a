import { at } from '../model/lists.ts';
/** What a scheduler needs to know of a task. `path`: seconds of the longest chain of tasks from it on. */
export interface ScheduledTask {
  group: number;
  seconds: number;
  path: number;
  waits: readonly number[];
}

/**
 * A run's schedule, one item per line: the run, its counts, groups of tasks for the same machines (platform and
 * architecture), and tasks, numbered from `first`, most urgent first. Columns of a task: group number, seconds, path,
 * number of dependencies, and numbers of dependents.
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
