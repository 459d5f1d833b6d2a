import { notesOnly, Scheduler, type Progress } from './scheduler.ts';
import type { Session } from './session.ts';

/** Options for scheduling a run; the rest comes from its session. */
export interface SchedulerRequest {
  /** Folder of logs. */
  output: string;
  signal: AbortSignal;
  /** Run failed tests again. */
  retest: boolean;
  /** Default: notes only. */
  progress?: Progress;
  /** Default: 1. */
  workers?: number;
  failFast?: boolean;
  /** Default: as distro.yaml says. */
  testsStop?: boolean;
  /** Packages to build even if cached. Default: none. */
  rebuild?: (name: string) => boolean;
  /** Documentation to make even if cached. Default: none. */
  redocument?: (name: string) => boolean;
  /** An external scheduler requests each task. */
  alone?: boolean;
}

export const schedulerOf = (session: Session, request: SchedulerRequest): Scheduler =>
  new Scheduler(
    {
      driver: session.driver,
      state: session.input.state,
      store: session.store,
      taskKeys: session.taskKeys,
      builder: session.builder,
      output: request.output,
      workers: request.workers ?? 1,
      failFast: request.failFast ?? false,
      testsStop: request.testsStop ?? session.input.distro.tests.stop_dependents,
      rebuild: request.rebuild ?? (() => false),
      redocument: request.redocument ?? (() => false),
      retest: (record) => request.retest && record.outcome === 'failed',
      channelVersion: session.channelVersion,
      hints: session.hints,
      progress: request.progress ?? notesOnly(session.say),
      signal: request.signal,
      now: Date.now,
    },
    session.graphs,
    request.alone,
  );
