import client from '../../resources/templates/report.client';
import css from '../../resources/templates/report.css';
import page from '../../resources/templates/report.mustache';
import type { TaskResult } from '../model/result.ts';
import { escapeMarkup } from './markup.ts';
import { renderNeeds, renderTimeline } from './pictures.ts';
import { wellFormed } from '../text/cut.ts';
import { byState, stateStyles, taskStates } from './states.ts';
import { duration, taskTitle } from './summary.ts';
import { renderTemplate } from './template.ts';

export interface ReportTask extends TaskResult {
  scope: string;
  buildType: string;
  upstream: string;
  repository: string;
  needs: string[];
  tail: string[];
}
export interface Report {
  title: string;
  stamp: string;
  begun: number;
  finished: number;
  /** Notes for people besides the tasks, one line each. */
  notes: readonly string[];
  tasks: ReportTask[];
}

/**
 * A report that needs no server and no script. Style and pictures are separate files, so that it works under a content
 * security policy without inline content. Returns file name → text. All external text is escaped.
 */
export function renderReport(report: Report): Record<string, string> {
  const { tasks } = report;
  const scopes = [...new Set(tasks.map((t) => t.scope))];
  const timeline = renderTimeline(tasks);
  const pictures = [
    ...(timeline === undefined ? [] : [{ name: 'Timeline', file: 'timeline.svg', content: timeline }]),
    ...scopes.map((scope) => ({
      name: `What needs what: ${scope}`,
      file: `graph-${scope.replace(/[^A-Za-z0-9.-]+/g, '_')}.svg`,
      content: renderNeeds(tasks.filter((t) => t.scope === scope)),
    })),
  ];
  const log = (t: ReportTask) =>
    t.log === undefined
      ? []
      : [{ href: escapeMarkup(encodeURI(wellFormed(/^[^/]*:/.test(t.log) ? `./${t.log}` : t.log))) }];
  const begun = new Date(report.begun).toISOString().replace('T', ' ').slice(0, 19);
  const html = renderTemplate(page, {
    title: escapeMarkup(report.title),
    when: `${begun} UTC, ${duration(report.finished - report.begun)}, stamp ${escapeMarkup(report.stamp)}`,
    counts: taskStates.flatMap((state) => {
      const count = tasks.filter((t) => t.state === state).length;
      return count ? [{ state, count: String(count) }] : [];
    }),
    notes: report.notes.map((text) => ({ text: escapeMarkup(text) })),
    pictures: pictures.map(({ name, file }) => ({ name: escapeMarkup(name), file: escapeMarkup(file) })),
    failures: tasks
      .filter((t) => t.state === 'failed')
      .map((t) => ({
        id: escapeMarkup(taskTitle(t, t.id)),
        name: escapeMarkup(t.name),
        reason: escapeMarkup(t.reason),
        tail: t.tail.length ? [{ text: escapeMarkup(t.tail.join('\n')) }] : [],
        log: log(t),
      })),
    rows: tasks
      .map((t, i) => ({ t, i }))
      .sort((a, b) => byState(a.t.state, b.t.state) || a.i - b.i)
      .map(({ t }) => ({
        state: t.state,
        name: escapeMarkup(t.name),
        what: escapeMarkup(taskTitle(t, t.name)),
        scope: escapeMarkup(t.scope),
        details: escapeMarkup(detailsOf(t)),
        version: escapeMarkup(t.version ?? t.upstream),
        time: t.started !== undefined && t.finished !== undefined ? duration(t.finished - t.started) : '',
        reason: escapeMarkup([t.reason, ...(t.warning === undefined ? [] : [`warning: ${t.warning}`])].join('; ')),
        log: log(t),
        files: (t.debs ?? []).map((d) => ({
          file: escapeMarkup(d.name),
          package: escapeMarkup(d.name.split('_', 1).join('')),
          size: `${Math.ceil(d.size / 1024)} KiB`,
        })),
      })),
  });
  return {
    'report.html': html,
    'report.css': css + stateStyles(),
    'report.js': client,
    ...Object.fromEntries(pictures.map((p) => [p.file, p.content])),
  };
}

/** Build type and repository of a package, if its name does not show them. */
function detailsOf(t: ReportTask): string {
  if (t.kind !== 'build') return '';
  return [t.buildType, ...(t.repository === t.name ? [] : [t.repository])].map((text) => `, ${text}`).join('');
}
