// Runs the vars with many random seeds: branches switch wherever Jenkins may switch them, and agents and calls fail at
// random. `node test/jenkins/races.mjs FIRST LAST` prints the seeds that find a fault.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jenkins } from './harness.mjs';

const count = 40;

/** A fixed schedule whose tasks wait for up to two earlier ones. */
function schedule() {
  let state = 7;
  const next = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
  const dependents = Array.from({ length: count }, () => []);
  const waits = dependents.map((_, task) => {
    const needs = new Set(task < 4 ? [] : [next(task), next(task)]);
    for (const need of needs) dependents[need].push(task);
    return needs.size;
  });
  // Few different durations, so that lanes end at the same moment and compete for tasks.
  const seconds = waits.map(() => 10 * (1 + next(2)));
  const path = [];
  for (let task = count - 1; task >= 0; task--)
    path[task] = seconds[task] + Math.max(0, ...dependents[task].map((d) => path[d]));
  const group = waits.map((_, task) => task % 2);
  const lines = { group, seconds, path, waits, dependents: dependents.map((d) => d.join(',') || '-') };
  const columns = Object.entries(lines).map(([name, values]) => `${name} ${values.join(' ')}\n`);
  return { seconds, text: `run 20260101010101-00000000\ngroups noble/amd64 noble/arm64\n${columns.join('')}` };
}

/** Returns `[seed, fault]` for each seed that finds one. `vars`: another folder than the library's. */
export async function races(first, last, vars) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-races-'));
  const { seconds, text } = schedule();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'schedule'), text);
  const ran = await jenkins(folder, 'races', {
    jenkinsfile: `
      Map farm = null
      node('amd64') { farm = slipwaySchedule.read(readFile('${folder}/schedule'), [:]) }
      farm.program = slipwayProgram.name()
      slipwayBuild(farm, [lanes: 3, hold: 1, agentMinutes: 5])
      if (farm.done + farm.failed != ${count} && !farm.ended) { error("only \${farm.done} done, \${farm.failed} failed") }
    `,
    scmUrl: folder,
    vars,
    agents: ['amd64', 'arm64'].flatMap((label) =>
      [1, 2, 3, 4].map((n) => ({ name: `${label}-${n}`, labels: `slipway ${label}` })),
    ),
    seeds: [first, last],
    simulated: { seconds, agentStart: 3000, agentTake: 1000, step: 1000, trouble: 60 },
  });
  rmSync(folder, { recursive: true, force: true });
  return ran.faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [first = 1, last = 1000] = process.argv.slice(2).map(Number);
  const faults = await races(first, last);
  for (const [seed, fault] of faults) console.log(`seed ${seed}: ${fault}`);
  console.log(`${faults.length} of ${last - first + 1} seeds found a fault`);
  process.exitCode = faults.length ? 1 : 0;
}
