/** What a scheduler must know of a task, no more: `path` are the seconds of the longest chain of tasks from it on. */
export interface ScheduledTask { number: number; group: number; seconds: number; path: number; waits: number[] }

/**
 * The schedule of a run as a scheduler reads it, one line each, no more words than needed: the run, its counts, groups of tasks that
 * the same machines can do (platform and architecture), and tasks, the most urgent first, each with the numbers that it waits for.
 */
export function renderSchedule(run: string, counts: { kept: number; todo: number; open: number; failed: number }, groups: readonly { platform: string; architecture: string }[], tasks: readonly ScheduledTask[]): string {
  return `${[
    `run ${run}`,
    `counts ${counts.kept} ${counts.todo} ${counts.open} ${counts.failed}`,
    ...groups.map((g, i) => `group ${i} ${g.platform} ${g.architecture}`),
    ...tasks.map((t) => `task ${t.number} ${t.group} ${t.seconds} ${t.path} ${t.waits.join(',')}`.trimEnd()),
    'end',
  ].join('\n')}\n`;
}
