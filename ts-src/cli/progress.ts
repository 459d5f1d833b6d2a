import { printable } from '../text/printable.ts';
import { isDone, type TaskResult } from '../model/result.ts';
import { duration, renderEvent } from '../render/summary.ts';
import type { Progress } from '../engine/scheduler.ts';
import { isQuiet, writeMessage, writeNote } from './command.ts';

const doing = { build: 'building', test: 'testing', docs: 'documenting' } as const;

export type View = 'live' | 'lines' | 'none';

/** How this process shows progress. */
export function viewFor(json: boolean): View {
  if (isQuiet()) return 'none';
  return process.stderr.isTTY && !json ? 'live' : 'lines';
}

export interface ProgressOptions {
  tasks: readonly TaskResult[];
  view: View;
  /** Also lists cached tasks. */
  verbose: boolean;
  /** Expected duration of a task in milliseconds. */
  expected: (t: TaskResult) => number;
  workers: number;
  now: () => number;
}

/** Progress display: a live view at the bottom of a terminal, lines elsewhere. `none` shows failures only. */
export function makeProgress(options: ProgressOptions): Progress & { close(): void } {
  const { tasks, view, verbose, expected, workers, now } = options;
  const live = view === 'live';
  const write = (text: string) => void process.stderr.write(text);
  const running = new Map<string, TaskResult>();
  let done = 0;
  let shown = 0;
  const total = tasks.length;
  // Remaining work in milliseconds on one worker. A running task counts in full until it ends.
  let left = tasks.reduce((sum, t) => sum + expected(t), 0);
  let note = '';
  const begun = now();
  const clear = () => {
    if (shown) write(`\x1b[${shown}A\x1b[J`);
    shown = 0;
  };
  const spentOn = ({ started = now() }: TaskResult) => now() - started;
  const draw = () => {
    clear();
    const width = process.stderr.columns || 80;
    const lines = [...running.values()].map((t) => `  ${doing[t.kind]} ${t.id}  ${duration(spentOn(t))}`);
    const spent = [...running.values()].reduce((sum, t) => sum + Math.min(expected(t), spentOn(t)), 0);
    const remaining = Math.max(0, left - spent) / workers;
    const bar = Math.round((done / Math.max(1, total)) * 20);
    const time = remaining > 1000 ? `, about ${duration(remaining)} left` : '';
    lines.unshift(
      `[${'#'.repeat(bar)}${'.'.repeat(20 - bar)}] ${done}/${total} done, ${running.size} ` +
        `running, ${duration(now() - begun)}${time}${note ? `  ${note}` : ''}`,
    );
    for (const l of lines) write(`${printable(l).slice(0, width - 1)}\n`);
    shown = lines.length;
  };
  const timer = live ? setInterval(draw, 500) : undefined;
  timer?.unref();
  return {
    started(t) {
      running.set(t.id, t);
      if (live) draw();
      else if (view === 'lines') writeMessage(`${doing[t.kind]} ${t.id}\n`);
    },
    finished(t) {
      running.delete(t.id);
      left -= expected(t);
      done++;
      if (live) clear();
      const shown = view === 'none' ? !isDone(t.state) : t.state !== 'cached' || verbose;
      if (shown) writeMessage(renderEvent(t, done, total));
      if (live) draw();
    },
    note(text) {
      if (live) {
        note = text;
        draw();
      } else writeNote(`${text}\n`);
    },
    close() {
      clearInterval(timer);
      if (live) clear();
    },
  };
}
