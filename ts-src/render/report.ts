import type { TaskResult } from '../model/result.ts';

export interface ReportTask extends TaskResult { scope: string; buildType: string; upstream: string; repository: string; needs: string[]; tail: string[] }
export interface Report { organization: string; stamp: string; begun: number; finished: number; tasks: ReportTask[] }

export function renderReport(report: Report): string {
  return JSON.stringify(report);
}
