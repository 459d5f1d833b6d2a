import { directNeeds } from '../graph/reduce.ts';
import type { TaskResult } from '../model/result.ts';
import { escapeMarkup } from './markup.ts';
import { stateColor } from './states.ts';
import { duration } from './summary.ts';

/**
 * Pictures as SVG files, without styles and scripts, so that pages can show them under a content security policy that
 * forbids both.
 */
const characterWidth = 6.7;
const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(0)}" y="${y.toFixed(0)}" font-family="monospace" font-size="11"${more}>${escapeMarkup(content)}</text>`;

const picture = (width: number, height: number, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(width)}" height="${Math.ceil(height)}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n${parts.join('\n')}\n</svg>\n`;

type DrawnTask = TaskResult & { needs: readonly string[] };

interface Box {
  task: DrawnTask;
  x: number;
  y: number;
  width: number;
}

/** Columns by the longest chain of dependencies, each as wide as its longest name. Linear in packages and edges. */
function layOut(tasks: readonly DrawnTask[]): { boxes: Map<string, Box>; width: number; height: number } {
  const depth = new Map<string, number>();
  const columns: DrawnTask[][] = [];
  for (const t of tasks) {
    const at = Math.max(0, ...t.needs.map((n) => (depth.get(n) ?? -1) + 1));
    depth.set(t.name, at);
    (columns[at] ??= []).push(t);
  }
  const boxes = new Map<string, Box>();
  let x = 10;
  let height = 0;
  for (const column of columns) {
    if (!column) continue;
    const width = Math.max(...column.map((t) => t.name.length)) * characterWidth + 12;
    column.forEach((task, row) => boxes.set(task.name, { task, x, y: row * 26 + 10, width }));
    height = Math.max(height, column.length * 26);
    x += width + 34;
  }
  return { boxes, width: x, height: height + 20 };
}

/** The dependency graph of one scope, without edges that others imply. */
export function renderNeeds(tasks: readonly DrawnTask[]): string {
  const builds = tasks.filter((t) => t.kind === 'build');
  const { boxes, width, height } = layOut(builds);
  const index = new Map(builds.map((t, i) => [t.name, i]));
  const direct = directNeeds(builds.map((t) => t.needs.flatMap((n) => index.get(n) ?? [])));
  const edges: string[] = [];
  const nodes: string[] = [];
  for (const { task, x, y, width: wide } of boxes.values()) {
    for (const n of direct[index.get(task.name) ?? -1] ?? []) {
      const from = boxes.get(builds[n]?.name ?? '');
      if (!from) continue;
      const [x1, y1, y2] = [from.x + from.width, from.y + 10, y + 10];
      edges.push(
        `<path d="M${x1.toFixed(0)},${y1} C${(x1 + 20).toFixed(0)},${y1} ${(x - 20).toFixed(0)},${y2} ${x.toFixed(0)},${y2}" fill="none" stroke="#999999"/>`,
      );
    }
    const color = stateColor(task.state);
    const title = escapeMarkup(`${task.name}: ${task.state}${task.reason ? `, ${task.reason}` : ''}`);
    const size = `width="${wide.toFixed(0)}" height="20" rx="4"`;
    nodes.push(
      `<g><title>${title}</title><rect x="${x.toFixed(0)}" y="${y}" ${size} fill="${color}" fill-opacity="0.3" stroke="${color}"/>${text(x + 6, y + 14, task.name)}</g>`,
    );
  }
  return picture(width, height, [...edges, ...nodes]);
}

/** The timeline of a run, with as many rows as tasks ran in parallel. Undefined if nothing ran. */
export function renderTimeline(tasks: readonly DrawnTask[]): string | undefined {
  const ran = tasks
    .flatMap((t) =>
      t.started === undefined || t.finished === undefined ? [] : [{ t, from: t.started, to: t.finished }],
    )
    .sort((a, b) => a.from - b.from);
  if (!ran.length) return undefined;
  const begun = Math.min(...ran.map((r) => r.from));
  const ended = Math.max(...ran.map((r) => r.to));
  const width = Math.min(8000, Math.max(1160, ran.length * 14));
  const x = (ms: number): number => ((ms - begun) / Math.max(1, ended - begun)) * (width - 20) + 10;
  const free: number[] = [];
  const bars = ran.map(({ t, from, to }) => {
    let row = free.findIndex((end) => end <= from);
    if (row < 0) row = free.length;
    free[row] = to;
    const wide = Math.max(2, x(to) - x(from) - 1);
    const y = 24 + row * 26;
    const label = t.kind === 'build' ? t.name : `${t.kind} ${t.name}`;
    const title = escapeMarkup(`${t.id}: ${t.state}, ${duration(to - from)}`);
    const shown = wide > label.length * characterWidth + 8 ? text(x(from) + 4, y + 15, label) : '';
    const size = `width="${wide.toFixed(1)}" height="22" rx="3"`;
    return `<g><title>${title}</title><rect x="${x(from).toFixed(1)}" y="${y}" ${size} fill="${stateColor(t.state)}" fill-opacity="0.4"/>${shown}</g>`;
  });
  const height = free.length * 26 + 34;
  const lines = Array.from({ length: 9 }, (_, i) => {
    const at = begun + ((ended - begun) * i) / 8;
    return `<line x1="${x(at).toFixed(0)}" x2="${x(at).toFixed(0)}" y1="18" y2="${height - 8}" stroke="#cccccc"/>${text(x(at), 13, duration(at - begun), i === 8 ? ' text-anchor="end"' : '')}`;
  });
  return picture(width, height, [...lines, ...bars]);
}
