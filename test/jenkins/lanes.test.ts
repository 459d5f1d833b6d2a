import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nearest } from '../../ts-src/model/diagnostics.ts';
import { batchSize, LanePauses } from '../../ts-src/query/lane-policy.ts';
import { randoms } from '../../ts-src/query/simulate.ts';
import { root } from '../e2e/helpers.ts';
import { idleHour as runIdleHour, runLanes as runSchedule, scheduleText as textOf } from './idle.mjs';
import { jenkins as runJenkins } from './harness.mjs';
import { races as runRaces } from './races.mjs';

interface Columns {
  seconds: number[];
  path: number[];
  waits: number[];
  dependents: string[];
}
const jenkins = runJenkins as (
  folder: string,
  name: string,
  build: Record<string, unknown>,
) => Promise<{ result: string; log: string; trace: string; failure: string | null }>;
const races = runRaces as (first: number, last: number, vars?: string) => Promise<[number, string][]>;
const idleHour = runIdleHour as (
  folder: string,
  lanes: number,
) => Promise<{ nodesPerHour: number; wakeSeconds: number; lastSeconds: number }>;
const runLanes = runSchedule as (
  folder: string,
  name: string,
  columns: Columns,
  options: Record<string, unknown>,
) => Promise<{ result: string; trace: string; waited: number[] }>;
const scheduleText = textOf as (columns: Columns) => string;

const folder = mkdtempSync(join(tmpdir(), 'slipway-lanes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('lanes', () => {
  it('withstand switches at any safepoint, and failures of agents and calls: the first of a thousand seeds', async () => {
    expect(await races(1, 12)).toEqual([]);
  }, 300_000);

  it('that first look and then take, an old bug, fail with these seeds', async () => {
    const vars = join(folder, 'vars');
    cpSync(join(root, 'vars'), vars, { recursive: true });
    const file = join(vars, 'slipwayLane.groovy');
    const text = readFileSync(file, 'utf8');
    const racy = text
      .replace("tasks != '' && work(", 'work(')
      .replace('while (more && !farm.stopped) {', 'while (more && !farm.stopped && farm.ready[label].size() > 0) {');
    expect(racy.match(/tasks != ''/g)).toBeNull();
    expect(racy).toContain('farm.ready[label].size() > 0');
    writeFileSync(file, racy);
    const found = await races(1, 8, vars);
    expect(found.map(([, fault]) => fault).join('\n')).toContain('slipway work was called without tasks');
  }, 300_000);

  it('lose no task to an agent on which every call breaks off', async () => {
    const count = 120;
    const even = Array.from({ length: count }, () => 10);
    const columns = { seconds: even, path: even, waits: even.map(() => 0), dependents: even.map(() => '-') };
    const broken = { lanes: 4, agents: 4, agentStart: 1000, broken: ['a0'], sandboxed: true };
    const ran = await runLanes(folder, 'broken', columns, broken);
    expect(ran.result, ran.trace).toBe('SUCCESS');
  }, 300_000);

  it('poll at most 100 times an hour each while idle, and start within 5 seconds', async () => {
    const idle = await idleHour(folder, 10);
    expect(idle.nodesPerHour).toBeLessThanOrEqual(100);
    expect(idle.wakeSeconds).toBeLessThanOrEqual(5);
    // At its end, a build does not wait long for sleeping lanes.
    expect(idle.lastSeconds).toBeLessThan(160);
  }, 300_000);

  it('leave room for builds that wait for an agent, by default within ten minutes and a task', async () => {
    const count = 60;
    const even = Array.from({ length: count }, () => 300);
    const columns = { seconds: even, path: even, waits: even.map(() => 0), dependents: even.map(() => '-') };
    // As many lanes as agents, for an hour and a half; two builds of other jobs come in between.
    const others = [1000, 2000].map((at) => ({ at, seconds: 60 }));
    const plan = { lanes: 4, agents: 4, agentStart: 1000, step: 500, others, sandboxed: true };
    const kept = await runLanes(folder, 'room', columns, plan);
    expect(kept.result, kept.trace).toBe('SUCCESS');
    for (const seconds of kept.waited) expect(seconds).toBeLessThan(600 + 300 + 10);
    const greedy = await runLanes(folder, 'no-room', columns, { ...plan, options: ', hold: 100000' });
    for (const seconds of greedy.waited) expect(seconds).toBeGreaterThan(1800);
  }, 300_000);
});

/** Options of the vars, and words that are similar or not. */
const names = ['lanes', 'label', 'labels', 'hold', 'hours', 'keep', 'notify', 'notifyMaintainers', 'publish', 'tests'];

function misspelled(random: () => number): string[] {
  const upTo = (n: number) => Math.floor(random() * n);
  return Array.from({ length: 300 }, () => {
    const letters = (names[upTo(names.length)] ?? '').split('');
    for (let edit = upTo(4); edit >= 0; edit--) {
      const at = upTo(letters.length);
      const how = upTo(4);
      if (how === 0) letters.splice(at, 1);
      else if (how === 1) letters.splice(at, 0, 'aeLn'[upTo(4)] ?? '');
      else if (how === 2) letters[at] = 'zxSt'[upTo(4)] ?? '';
      else letters.splice(at, 2, ...letters.slice(at, at + 2).reverse());
    }
    return letters.join('') || 'x';
  });
}

/** A pipeline that prints what the vars compute: similar names, batches of each schedule, and pauses of lanes. */
const policyPipeline = (
  schedules: readonly { lanes: number }[],
  looks: readonly { lane: number; place: number }[],
  lanes: readonly number[],
): string => `
      List words = []
      List schedules = []
      node('slipway') {
        words = slipwayTasks.lines(readFile('${folder}/words'))
        for (int i = 0; i < ${schedules.length}; i++) { schedules.add(readFile('${folder}/s' + i)) }
      }
      Map known = [:]
      for (String name : [${names.map((n) => `'${n}'`).join(', ')}]) { known.put(name, true) }
      String found = ''
      for (String word : words) { found = found + ' ' + (slipwayOptions.nearest(word, known) ?: '-') }
      echo('near' + found)
      List sizes = [${schedules.map((s) => s.lanes).join(', ')}]
      found = ''
      for (int i = 0; i < sizes.size(); i++) {
        Map farm = slipwaySchedule.read(schedules[i], ['*': 'slipway'])
        farm.lanes[0] = sizes[i]
        while (!farm.ready[0].isEmpty()) { found = found + ' ' + slipwayBatch.take(farm, 0, 'a') }
      }
      echo('batches' + found)
      found = ''
      for (int n : [${lanes.join(', ')}]) {
        Map farm = slipwaySchedule.read(schedules[0], ['*': 'slipway'])
        farm.lanes[0] = n
        List looks = [${looks.map((l) => `'${l.lane} ${l.place}'`).join(', ')}]
        for (String look : looks) {
          found = found + ' ' + slipwayBatch.pause(farm, 0, look.substring(0, 1), look.substring(2).toInteger())
        }
      }
      echo('pauses' + found)`;

it('the vars and the program have one policy: batches, pauses, and similar names', async () => {
  const random = randoms(19);
  const upTo = (n: number) => Math.floor(random() * n);
  const words = misspelled(random);
  const schedules = Array.from({ length: 40 }, () => {
    const count = 1 + upTo(60);
    const seconds = Array.from({ length: count }, () => upTo(50));
    const path = seconds.map((s) => s + upTo(2000)).sort((a, b) => b - a);
    return {
      lanes: 1 + upTo(8),
      columns: { seconds, path, waits: seconds.map(() => 0), dependents: seconds.map(() => '-') },
    };
  });
  const looks = Array.from({ length: 60 }, () => ({ lane: upTo(3), place: upTo(2) * upTo(3) }));
  const lanes = [1, 3, 9, 10, 50];

  writeFileSync(join(folder, 'words'), words.join('\n'));
  schedules.forEach((s, i) => writeFileSync(join(folder, `s${i}`), scheduleText(s.columns)));
  const ran = await jenkins(folder, 'policy', {
    jenkinsfile: policyPipeline(schedules, looks, lanes),
    scmUrl: folder,
    agents: [{ name: 'a', labels: 'slipway' }],
    checkEvery: 0,
    trusted: true,
  });
  expect(ran.result, `${ran.failure}\n${ran.trace}`).toBe('SUCCESS');
  const said = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(ran.log)?.[1]?.split(' ');

  expect(said('near')).toEqual(words.map((word) => nearest(word, names) ?? '-'));
  const batches = schedules.flatMap(({ lanes: n, columns }) => {
    const ready = columns.seconds.map((_, task) => task);
    const all: string[] = [];
    // No task ends here, so the remaining work stays the same.
    const work = columns.seconds.reduce((a, b) => a + b, 0);
    while (ready.length) all.push(ready.splice(0, batchSize(ready, columns.seconds, columns.path, work, n)).join(','));
    return all;
  });
  expect(batches.some((batch) => batch.includes(','))).toBe(true);
  expect(said('batches')).toEqual(batches);
  const pauses = lanes.flatMap((n) => {
    const policy = new LanePauses(n);
    return looks.map(({ lane, place }) => String(policy.next(lane, place)));
  });
  expect(said('pauses')).toEqual(pauses);
}, 120_000);
