import { resolve } from 'node:path';
import { schedulerOf } from '../../engine/session-scheduler.ts';
import { notesOnly } from '../../engine/scheduler.ts';
import { untilStopped } from '../../io/signals.ts';
import { closeScratch } from '../../sandbox/scratch.ts';
import { defineCommand, exit, writeMessage } from '../command.ts';
import { checkBuilds, sampleOf } from '../reproducible.ts';
import { limitsOf, runOptions } from '../run-options.ts';
import { farmOptions, openRun } from './work.ts';

export const reproduce = defineCommand({
  summary: 'build packages of a prepared run a second time and compare every byte',
  usage: 'reproduce --run ID --store URI [--sample N]',
  details: `Builds packages of the run a second time under different conditions: host name, user, locale, time of day, number of
compilers and order of files. It takes packages of this machine's architecture that the store has. The output folder
gets reproducible.json and logs/. Exits with 1 if a byte differs.`,
  examples: ['slipway reproduce --run 20260102030405-1a2b3c4d --store file:/farm/store --sample 5'],
  options: {
    ...farmOptions,
    ...runOptions,
    sample: { type: 'string', value: 'N', help: 'only N packages, other packages each day (default: all)' },
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      help: 'folder for reproducible.json and logs (default: slipway-reproducible)',
    },
  },
  async run(values) {
    const limits = limitsOf('reproduce', values);
    const sample = sampleOf(values.sample);
    if (!limits || sample === 'wrong') {
      if (sample === 'wrong') writeMessage('slipway reproduce: --sample takes a number from 1 on\n');
      return exit.usage;
    }
    const output = resolve(values.output ?? 'slipway-reproducible');
    const stop = untilStopped();
    const opened = await openRun('reproduce', values, { limits, signal: stop.signal }, 'work');
    if (!opened) return exit.failed;
    const { session } = opened;
    try {
      // Takes the run's records from the store; runs nothing.
      await schedulerOf(session, {
        output,
        retest: false,
        signal: stop.signal,
        progress: notesOnly((line) => writeMessage(`${line}\n`)),
      }).start();
      return await checkBuilds(session, {
        output,
        workers: 1,
        sample,
        signal: stop.signal,
        chosen: () => true,
      });
    } finally {
      await closeScratch(session.driver);
      stop.done();
    }
  },
});
