import { join } from 'node:path';
import { readTestRun, type TestRun } from '../../ts-src/engine/build/tests.ts';

/** Reads the results that tests left below `root`, as after their step. The log there exists. */
export const readLeftRun = (root: string, reason = ''): Promise<TestRun> =>
  readTestRun({
    package: 'p',
    build: root,
    results: 'results',
    outcome: { code: 0, signal: null, stdout: '', stderr: '' },
    log: join(root, 'log'),
    seconds: 1,
    reason: () => reason,
  });
