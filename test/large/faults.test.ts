import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installTools } from '../setup.mjs';
import { discard, workspace } from '../e2e/helpers.ts';
import { casesOf, commands, makeTemplate, sweep, touched, type Case } from './fault-sweep.ts';

/** `SLIPWAY_FAULTS`: number of cases per run, selected by the seed; default: all. */
const number = process.env.SLIPWAY_FAULTS ? Number(process.env.SLIPWAY_FAULTS) : undefined;
const seed = Number(process.env.SLIPWAY_SEED ?? 1);

describe('faults of the file system', () => {
  let template: string;
  let cases: Case[];
  beforeAll(async () => {
    installTools(['strace']);
    template = workspace('faults-template');
    await makeTemplate(template);
    cases = await casesOf(template, number, seed);
  });
  afterAll(() => discard(template));

  it('are looked for where commands touch files', async () => {
    for (const command of commands.slice(0, 3)) expect(await touched(template, command)).toContain('distro.yaml');
  });

  it('end a command with exit code 1 and a message saying what, where and what to do, never with 70', async () => {
    const { tried, wrong } = await sweep(template, cases);
    console.log(`${tried} faults, seed ${seed}: ${wrong.length} wrong`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(0);
  });
});
