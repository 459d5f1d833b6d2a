import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { casesOf, makeTemplate, sweep, type Case } from '../large/fault-sweep.ts';
import { installTools } from '../setup.mjs';
import { discard, workspace } from './helpers.ts';

/** A sample of `npm run e2e:faults`. */
const seed = 4;

describe('some faults of the file system', () => {
  let template: string;
  let cases: Case[];
  beforeAll(async () => {
    installTools(['strace']);
    template = workspace('fault-sweep');
    await makeTemplate(template);
    cases = await casesOf(template, 16, seed);
  });
  afterAll(() => discard(template));

  it('end commands with exit code 1 and a message saying what and where, never with 70', async () => {
    const { tried, wrong } = await sweep(template, cases);
    expect(wrong, `seed ${seed}`).toEqual([]);
    expect(tried).toBeGreaterThan(5);
  });
});
