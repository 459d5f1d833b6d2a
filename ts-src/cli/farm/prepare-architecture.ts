import { error } from '../../model/diagnostics.ts';
import { shareResolved } from '../../engine/session.ts';
import { saveShard } from '../../farm/run-manifest.ts';
import { makeShard, scheduleOf } from '../../farm/shard.ts';
import { untilStopped } from '../../io/signals.ts';
import { closeScratch } from '../../sandbox/scratch.ts';
import { exit, showDiagnostics, writeMessage, writeOutput } from '../command.ts';
import { limitsOf } from '../run-options.ts';
import { openRun, type FarmValues, type RetestValues } from './work.ts';

/** Makes the shard of this machine's architecture for a run that another machine planned. */
export async function prepareArchitecture(
  values: FarmValues & RetestValues & { readonly first?: string | undefined },
): Promise<number> {
  const limits = limitsOf('prepare', values);
  if (!limits || values.first === undefined || !/^\d{1,9}$/.test(values.first)) {
    if (limits) writeMessage('slipway prepare: with --run, --first takes the number of tasks that are known\n');
    return exit.usage;
  }
  const stop = untilStopped();
  const opened = await openRun('prepare', values, { limits, signal: stop.signal }, 'work');
  if (!opened) return exit.failed;
  const { session, loaded } = opened;
  try {
    const architecture = session.graphs[0]?.target.architecture;
    if (architecture === undefined) {
      showDiagnostics([
        error('run-missing', `the run ${loaded.bundle.id} has nothing for this machine's architecture`),
      ]);
      return exit.failed;
    }
    const { part, outlook } = await makeShard(
      session,
      architecture,
      Number(values.first),
      values.retest === true,
      stop.signal,
    );
    await saveShard(session.store, loaded.bundle.id, part);
    await shareResolved(session);
    writeOutput(scheduleOf(session, loaded.bundle.id, part, outlook, session.input.distro.tests.stop_dependents));
    return exit.ok;
  } finally {
    await closeScratch(session.driver);
    stop.done();
  }
}
