import { notesOnly, Scheduler, type Progress } from './scheduler.ts';
import type { Session } from './session.ts';

/** How a run's tasks are scheduled; the rest comes from its session. */
export interface SchedulerRequest {
  /** Folder of logs. */
  output: string;
  signal: AbortSignal;
  /** Run tests again that failed before. */
  retest: boolean;
  /** Default: notes alone. */
  progress?: Progress;
  /** Default: 1. */
  workers?: number;
  failFast?: boolean;
  /** Default: as distro.yaml says. */
  testsStop?: boolean;
  /** Which packages are built though the store has them. Default: none. */
  rebuild?: (name: string) => boolean;
  /** Which documentation is made though the store has it. Default: none. */
  redocument?: (name: string) => boolean;
  /** Another program schedules: each task is asked for. */
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
