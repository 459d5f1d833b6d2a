// Lanes that are idle for an hour and then all get work: the cost of their polls, and how soon they wake up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jenkins } from './harness.mjs';

/** The text of a schedule for one platform: a column for each name, a value for each task. */
export function scheduleText(columns) {
  const lines = Object.entries({ group: columns.seconds.map(() => 0), ...columns });
  const text = lines.map(([name, values]) => `${name} ${values.join(' ')}\n`).join('');
  return `run 20260101010101-00000000\ngroups noble/amd64\n${text}`;
}

/** Runs a schedule's tasks on simulated agents. */
export function runLanes(folder, name, columns, { lanes, agents, options = '', sandboxed = false, ...simulated }) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.schedule`);
  writeFileSync(file, scheduleText(columns));
  return jenkins(folder, name, {
    jenkinsfile: `Map farm = null
      node('slipway') { farm = slipwaySchedule.read(readFile('${file}'), ['*': 'slipway']); farm.program = slipwayProgram.name() }
      slipwayBuild(farm, [lanes: ${lanes}${options}])
      if (farm.done != ${columns.seconds.length}) { error("done \${farm.done}, lost \${farm.lost}, avoided \${farm.bad}, \${farm.ended}") }`,
    scmUrl: folder,
    agents: Array.from({ length: agents }, (_, i) => ({ name: `a${i}`, labels: 'slipway' })),
    checkEvery: 0,
    sandboxed,
    simulated: { seconds: columns.seconds, ...simulated },
  });
}

const hour = 3600;

/** Duration of each task after the hour: too long for a lane to do two. */
export const after = 600;

/** One task of an hour, and as many dependents of it as there are lanes. */
export async function idleHour(folder, lanes) {
  const rest = Array.from({ length: lanes }, (_, i) => i + 1);
  const [agentStart, step] = [1000, 500];
  const ran = await runLanes(
    folder,
    `idle-${lanes}`,
    {
      seconds: [hour, ...rest.map(() => after)],
      path: [hour + after, ...rest.map(() => after)],
      waits: [0, ...rest.map(() => 1)],
      dependents: [rest.join(','), ...rest.map(() => '-')],
    },
    { lanes, agents: lanes, agentStart, agentIdle: 0, step },
  );
  if (ran.result !== 'SUCCESS') throw new Error(`${ran.failure}\n${ran.trace}`);
  const end = ran.began['0'] + hour + step / 1000;
  // The lane of the first task continues at once; the next one is the first that slept.
  const [, second] = rest.map((task) => ran.began[String(task)]).sort((a, b) => a - b);
  return {
    // A poll is one sleep step.
    nodesPerHour: ran.sleeps / lanes,
    // Without the time for starting and checking the agent.
    wakeSeconds: second - end - (agentStart + step) / 1000,
    // Of the last lane.
    lastSeconds: ran.seconds - end - after,
  };
}
