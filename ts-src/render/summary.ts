import { append } from '../model/lists.ts';
import type { TaskResult, TaskState } from '../model/result.ts';
import { shortened } from '../text/cut.ts';
import { plural } from './diagnostics.ts';

export const duration = (milliseconds: number): string => {
  const s = Math.round(milliseconds / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
};

/** A task's name for people. */
export function taskTitle(t: Pick<TaskResult, 'kind'>, name: string): string {
  if (t.kind === 'build') return name;
  return t.kind === 'test' ? `tests of ${name}` : `documentation of ${name}`;
}

const words: Record<TaskState, string> = {
  failed: 'failed',
  stopped: 'stopped',
  blocked: 'blocked',
  built: 'built',
  passed: 'passed',
  cached: 'cached',
  waiting: 'waiting',
};

/** Summary of a run: failures first, each with the relevant part of its log, then blocked tasks, then counts. */
export function renderSummary(
  results: readonly TaskResult[],
  tails: (t: TaskResult) => string[],
  milliseconds: number,
): string {
  const lines: string[] = [];
  for (const t of results.filter((r) => r.state === 'failed')) {
    const [reason, ...more] = t.reason.split('\n');
    append(lines, [`FAILED ${t.id}: ${reason}`, ...more.map((m) => `    ${m}`)]);
    const tail = tails(t);
    if (tail.length)
      append(
        lines,
        tail.map((l) => `  | ${l}`),
      );
    if (t.log) lines.push(`    whole log: ${t.log}`);
    lines.push('');
  }
  for (const t of results.filter((r) => r.state === 'blocked')) lines.push(`blocked ${t.id}: ${t.reason}`);
  // Tests of a package whose own build failed need no line.
  const broken = new Set(results.flatMap((r) => (r.state === 'failed' && r.kind === 'build' ? [r.id] : [])));
  const stopped = results.filter((r) => r.state === 'stopped' && !broken.has(r.id.replace(/:\w+$/, '')));
  for (const t of stopped.slice(0, 20)) lines.push(`stopped ${t.id}: ${t.reason}`);
  if (stopped.length > 20) lines.push(`stopped: and ${stopped.length - 20} more`);
  const counts = (['failed', 'stopped', 'blocked', 'built', 'passed', 'cached'] as const)
    .map((s) => [s, results.filter((r) => r.state === s).length] as const)
    .filter(([, n]) => n > 0)
    .map(([s, n]) => `${n} ${words[s]}`);
  const builds = results.filter((t) => t.kind === 'build').length;
  const tests = results.filter((t) => t.kind === 'test').length;
  const docs = results.length - builds - tests;
  const what = [
    ...(builds || !(tests || docs) ? [plural(builds, 'package')] : []),
    ...(tests ? [`the tests of ${plural(tests, 'package')}`] : []),
    ...(docs ? [`the documentation of ${plural(docs, 'package')}`] : []),
  ];
  lines.push(`${what.join(' and ')} in ${duration(milliseconds)}: ${counts.join(', ') || 'nothing to do'}`);
  return `${lines.join('\n')}\n`;
}

/** A text of others as a part of a line: the lines after a headline are read as facts about the run. */
const onOneLine = (text: string): string => shortened(text.replace(/\s+/g, ' '), 400);

/** One line about a run, for Jenkins' description of a build. */
export function renderHeadline(
  title: string,
  results: readonly TaskResult[],
  faults: number,
  abi: readonly string[] = [],
  more: readonly string[] = [],
): string {
  const count = (kind: TaskResult['kind'], ...states: TaskState[]) =>
    results.filter((t) => t.kind === kind && states.includes(t.state)).length;
  const failed = results.filter((t) => t.state === 'failed');
  const parts = [
    ...(failed.length
      ? [
          `failed: ${failed
            .slice(0, 3)
            .map((t) => taskTitle(t, t.name))
            .join(', ')}${failed.length > 3 ? ` and ${failed.length - 3} more` : ''}`,
        ]
      : []),
    ...(faults ? [`${plural(faults, 'fault')} in the distro repository`] : []),
    ...(
      [
        ['built', count('build', 'built')],
        ['cached', count('build', 'cached')],
        ['stopped', results.filter((t) => t.state === 'stopped' || t.state === 'blocked').length],
      ] as const
    )
      .filter(([, n]) => n > 0)
      .map(([what, n]) => `${n} ${what}`),
    ...(count('test', 'passed', 'cached')
      ? [`tests of ${plural(count('test', 'passed', 'cached'), 'package')} passed`]
      : []),
    ...(count('docs', 'built', 'cached')
      ? [`documentation of ${plural(count('docs', 'built', 'cached'), 'package')}`]
      : []),
    ...more,
    ...(abi.length
      ? [`ABI of ${abi.slice(0, 3).join(', ')}${abi.length > 3 ? ` and ${abi.length - 3} more` : ''} changes`]
      : []),
  ];
  return `${onOneLine(title)}: ${onOneLine(parts.join(', ') || 'nothing to do')}\n`;
}

/** A scope and target of which a preview knows nothing. */
interface Unknown {
  id: string;
  packages: number;
  reason: string;
}

/** The work of a run before it starts: cached tasks, tasks to do, and tasks whose state depends on those. */
export function renderOutlook(
  { cached, todo, open }: { cached: number; todo: number; open: number },
  unknown: readonly Unknown[] = [],
): string {
  const packages = unknown.reduce((sum, u) => sum + u.packages, 0);
  const rest = packages ? `, ${plural(packages, 'package')} of which it is not known` : '';
  return `${cached} cached, ${todo} to do${open ? `, ${open} to be decided by their results` : ''}${rest}`;
}

/** A run's preview: a line for each task that must be done or can't be; those that depend on others are counted. */
export function renderForetold(results: readonly TaskResult[], unknown: readonly Unknown[] = []): string {
  const lines = results.flatMap((t) => {
    if (t.state === 'waiting' && t.key !== undefined) return [`${t.kind.padEnd(5)}  ${t.id}: ${t.reason}`];
    if (t.state !== 'failed' && t.state !== 'blocked') return [];
    return [`${words[t.state]}  ${t.id}: ${t.reason.split('\n')[0]}`];
  });
  for (const { id, packages, reason } of unknown)
    lines.push(
      `unknown  ${id}: which of ${plural(packages, 'package')} are cached: ${reason}. ` +
        'A build makes it first, in about a minute',
    );
  return lines.map((l) => `${l}\n`).join('');
}

/** One line per event, without a terminal. */
export function renderEvent(t: TaskResult, done: number, total: number): string {
  const took = t.started !== undefined && t.finished !== undefined ? ` in ${duration(t.finished - t.started)}` : '';
  const reason =
    t.state === 'built' || t.state === 'cached' || (t.state === 'passed' && !t.reason.startsWith('flaky'))
      ? ''
      : `: ${t.reason.split('\n')[0]}`;
  const warning = t.warning === undefined ? '' : `    warning: ${t.warning}\n`;
  return (
    `[${String(done).padStart(String(total).length)}/${total}] ${words[t.state]} ` +
    `${t.id}${t.version ? ` ${t.version}` : ''}${took}${reason}\n${warning}`
  );
}
