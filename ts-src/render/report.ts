import client from '../../resources/templates/report.client';
import css from '../../resources/templates/report.css';
import page from '../../resources/templates/report.mustache';
import type { TaskResult } from '../model/result.ts';
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
  organization: string;
  stamp: string;
  begun: number;
  finished: number;
  tasks: ReportTask[];
}

/** One page that needs no server: the data are in it, and what came from outside reaches the page as text alone. */
export function renderReport(report: Report): string {
  const data = JSON.stringify(report)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return renderTemplate(page, { title: `${report.organization}: what was built`, css, client, data });
}
