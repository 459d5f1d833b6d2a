// Time of the farm's scheduling compared with its lower bound, and its cost for the controller: the vars on Jenkins'
// interpreter, with Jazzy's graph.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bundle, median, root } from './common.mjs';
import { jenkins } from '../jenkins/harness.mjs';
import { idleHour } from '../jenkins/idle.mjs';
import { noopNightly } from './farm.mjs';

const cache = '/var/tmp/slipway-bench';
const shared = process.env.SLIPWAY_SHARED ?? join(root, '../shared');
const lanes = [10, 20, 50, 100];

/** Runs the scheduling with measured durations and some seeds: rows by seed and number of lanes. */
function simulated(folder, seeds) {
  const results = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const r = spawnSync(
      'node',
      [
        bundle,
        'simulate',
        '--durations',
        join(shared, 'durations/jazzy-colcon-seconds.tsv'),
        '--seed',
        String(seed),
        '--lanes',
        lanes.join(','),
        '--json',
        ...(seed === 1 ? ['--schedule', join(folder, 'schedule')] : []),
      ],
      { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    if (r.status !== 0) throw new Error(r.stderr.slice(-1000));
    results.push(JSON.parse(r.stdout));
  }
  return results;
}

/** Cost of the vars for the controller by number of lanes. `bound`: lower bound of a schedule in seconds. */
async function controllerRows(folder, n, seconds, bound) {
  const r = await jenkins(folder, `lanes-${n}`, {
    jenkinsfile: `Map farm = null\nnode('slipway') { farm = slipwaySchedule.read(readFile('${join(folder, 'schedule')}'), ['*': 'slipway']); farm.program = slipwayProgram.name() }\nslipwayBuild(farm, [lanes: ${n}])\necho("done \${farm.done} failed \${farm.failed}")\n`,
    scmUrl: folder,
    agents: Array.from({ length: n }, (_, i) => ({ name: `a${i}`, labels: 'slipway' })),
    checkEvery: 100,
    simulated: { seconds, agentStart: 30_000, step: 700, agentIdle: 300_000 },
  });
  if (r.result !== 'SUCCESS') throw new Error(`${r.failure}\n${r.trace}`);
  const count = seconds.length;
  return [
    { name: `controller.${n}.flow_nodes_per_package`, value: r.flowNodes / count, meaning: `with ${n} lanes` },
    {
      name: `controller.${n}.log_bytes_per_package`,
      value: r.logBytes / count,
      meaning: 'bytes of log that pass through the controller',
    },
    {
      name: `controller.${n}.program_bytes`,
      value: r.programBytes,
      meaning: `the largest of ${r.serialisations} serialised programs`,
    },
    { name: `controller.${n}.groovy_s`, value: r.groovySeconds, meaning: 'seconds of Groovy in all' },
    {
      name: `controller.${n}.schedule_vs_bound`,
      value: r.seconds / bound,
      meaning: 'times the bound, as the vars themselves schedule, the start of the agent that plans counted too',
    },
  ];
}

/** Cost of idle lanes for the controller in an hour, and how soon they find work. */
async function idleRows(folder) {
  const idle = [];
  for (const n of [3, 10, 50]) idle.push({ lanes: n, ...(await idleHour(join(folder, 'idle'), n)) });
  const rows = idle.flatMap(({ lanes: n, nodesPerHour, wakeSeconds }) => [
    {
      name: `controller.${n}.idle_nodes_per_hour`,
      value: nodesPerHour,
      meaning: `for each of ${n} lanes, at most 100`,
    },
    { name: `controller.${n}.idle_wake_s`, value: wakeSeconds, meaning: 'until the first in line takes an agent' },
  ]);
  const worst = Math.max(...idle.map((i) => i.nodesPerHour));
  return [...rows, { name: 'controller.idle_nodes_per_hour', value: worst, meaning: 'the worst of these' }];
}

export default async function bench({ runs, note }) {
  const folder = join(cache, 'jenkins');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(shared, 'rosdistro'), join(folder, 'rosdistro'));
  writeFileSync(
    join(folder, 'distro.yaml'),
    'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {jazzy: {platforms: [noble], sources: release, cache: rosdistro/jazzy/jazzy-cache.yaml.gz}}\nplatforms: {noble: {os: ubuntu, release: noble}}\nrosdep: [rosdistro/rosdep/base.yaml, rosdistro/rosdep/python.yaml]\n',
  );
  const results = simulated(folder, Math.max(5, runs));
  const rows = lanes.map((n, i) => {
    const of = (key) => results.map((r) => r[i][key]);
    return {
      name: `schedule.${n}.vs_bound`,
      value: median(of('vs_bound')),
      meaning: `times the bound with ${n} lanes, median of ${results.length} seeds (worst ${Math.max(...of('vs_bound')).toFixed(3)}); levels one after another ${median(of('levels_vs_bound')).toFixed(2)}`,
    };
  });
  const seconds = JSON.parse(readFileSync(join(folder, 'schedule.seconds'), 'utf8'));
  for (const n of [50, 100]) {
    note(`the vars on Jenkins' interpreter: ${seconds.length} tasks, ${n} lanes`);
    rows.push(...(await controllerRows(folder, n, seconds, results[0][lanes.indexOf(n)].bound)));
  }
  for (const key of ['flow_nodes_per_package', 'log_bytes_per_package', 'program_bytes', 'groovy_s']) {
    const worst = rows.filter((r) => r.name.endsWith(`.${key}`));
    rows.push({
      name: `controller.${key}`,
      value: Math.max(...worst.map((r) => r.value)),
      meaning: 'the worst of these',
    });
  }
  note('lanes that wait for an hour');
  rows.push(...(await idleRows(folder)));
  rows.push(await noopNightly(note));
  return rows;
}
