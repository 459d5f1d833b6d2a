import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jenkins as runJenkins } from './harness.mjs';
import { races as runRaces } from './races.mjs';

const jenkins = runJenkins as (
  folder: string,
  name: string,
  build: Record<string, unknown>,
) => Promise<{ result: string; flowNodes: number; seconds: number; trace: string }>;
const races = runRaces as (first: number, last: number) => Promise<[number, string][]>;

describe('lanes', () => {
  it('hold where branches switch at any safepoint, and agents and calls fail: the first of a thousand seeds', async () => {
    expect(await races(1, 15)).toEqual([]);
  }, 300_000);

  it('that have nothing to do make at most 100 flow nodes an hour each, and hold nothing up for long', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-lanes-'));
    const lanes = 10;
    // One task of an hour, and as many as there are lanes that wait for it.
    const dependents = Array.from({ length: lanes }, (_, i) => i + 1);
    const column = (name: string, first: string | number, rest: string | number) =>
      `${name} ${[first, ...dependents.map(() => rest)].join(' ')}\n`;
    writeFileSync(
      join(folder, 'schedule'),
      `run 20260101010101-00000000\ngroups noble/amd64\n${column('group', 0, 0)}${column('seconds', 3600, 1)}${column('path', 3601, 1)}${column('waits', 0, 1)}${column('dependents', dependents.join(','), '-')}`,
    );
    const ran = await jenkins(folder, 'idle', {
      jenkinsfile: `Map farm = null
        node('slipway') { farm = slipwaySchedule.read(readFile('${folder}/schedule'), ['*': 'slipway']); farm.program = slipwayProgram.name() }
        slipwayBuild(farm, [lanes: ${lanes}])
        if (farm.done != ${lanes + 1}) { error('not all is done') }`,
      scmUrl: folder,
      agents: Array.from({ length: lanes }, (_, i) => ({ name: `a${i}`, labels: 'slipway' })),
      checkEvery: 0,
      simulated: { seconds: [3600, ...dependents.map(() => 1)], agentStart: 1000, step: 500 },
    });
    rmSync(folder, { recursive: true, force: true });
    expect(ran.result, ran.trace).toBe('SUCCESS');
    expect(ran.flowNodes).toBeLessThan(100 * lanes + 150);
    // No build waits long for a lane that still sleeps at its end.
    expect(ran.seconds).toBeLessThan(3600 + 160);
  }, 300_000);
});
