import { entry } from '../model/maps.ts';
import { at } from '../model/lists.ts';
import { isError } from '../model/diagnostics.ts';
import type { Scope } from '../model/plan.ts';
import { readIf, writeWhole } from '../io/files.ts';
import { closuresOf } from '../plan/closure.ts';
import { reduceNeeds } from '../graph/reduce.ts';
import { bound, levels, paths, randoms, simulate as runSimulation, type Costs, type Work } from '../query/simulate.ts';
import { renderSchedule } from '../render/schedule.ts';
import { renderTable } from '../render/table.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  defineCommand,
} from './command.ts';
import { readAndPlan } from './planning.ts';

export const simulate = defineCommand({
  summary: 'simulate how long a run takes on a farm, from a file of durations',
  usage: 'simulate --durations FILE [PACKAGE|GLOB ...]',
  examples: ['slipway simulate --durations durations.tsv --distribution jazzy'],
  details: `Each line of FILE has a package, a tab and the package's duration in seconds. Packages that are not in FILE get random
durations from those that are. The scheduler's estimates differ from the durations by up to a factor of two.

The result has the total time for each number of lanes. It also has the lower bound of all schedules (the longest path,
or all work divided by the number of lanes), and the time if the packages are built level by level.`,
  options: {
    ...distroOptions,
    ...selectionOptions,
    durations: { type: 'string', value: 'FILE', help: 'file with the duration of each package' },
    lanes: { type: 'string', value: 'N,N,...', help: 'numbers of lanes to simulate (default: 10,20,50,100)' },
    seed: { type: 'string', value: 'N', help: 'seed of the random numbers (default: 1)' },
    'agent-start': { type: 'string', value: 'SECONDS', help: 'time until a new agent has started (default: 30)' },
    'agent-idle': {
      type: 'string',
      value: 'SECONDS',
      help: 'time that an idle agent stays before it ends (default: 300)',
    },
    call: {
      type: 'string',
      value: 'SECONDS',
      help: 'overhead of each call on an agent (default: 0.7)',
    },
    schedule: {
      type: 'string',
      value: 'FILE',
      help: 'write the schedule to FILE, as `prepare` does, and the duration of each task to FILE.seconds',
    },
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run(values, packages) {
    const read = readSettings(values);
    if (typeof read === 'string') {
      writeMessage(`slipway simulate: ${read}\n`);
      return exit.usage;
    }
    const { text, lanes, costs, seed } = read;
    const planned = await readAndPlan(values, packages);
    showDiagnostics(planned.diagnostics.filter(isError));
    if (!planned.ok) return exit.failed;
    const known = readDurations(text);
    if (!known.size) {
      writeMessage(`slipway simulate: ${values.durations} has no line of a package, a tab and seconds\n`);
      return exit.failed;
    }
    const work = workOf(planned.value.plan.scopes, known, seed);
    if (values.schedule !== undefined) writeSchedule(values.schedule, work);
    const rows = lanes.map((n) => simulatedRow(work, n, costs));
    writeOutput(values.json ? `${JSON.stringify(rows)}\n` : rowsTable(rows));
    return exit.ok;
  },
});

interface Settings {
  /** Content of the file of durations. */
  text: string;
  lanes: number[];
  costs: Costs;
  seed: number;
}

type NumberOption = 'seed' | 'agent-start' | 'agent-idle' | 'call';

/** Parses the options; returns an error message if they are invalid. */
function readSettings(
  values: Partial<Record<NumberOption | 'lanes' | 'durations', string | undefined>>,
): Settings | string {
  const number = (name: NumberOption, fallback: number): number =>
    values[name] === undefined ? fallback : Number(values[name]);
  const text = values.durations === undefined ? undefined : readIf(values.durations);
  if (text === undefined) return '--durations names a file of packages and seconds';
  const lanes = (values.lanes ?? '10,20,50,100').split(',').map(Number);
  const seed = number('seed', 1);
  const costs: Costs = {
    agentStart: number('agent-start', 30),
    agentTake: 0.065,
    agentIdle: number('agent-idle', 300),
    call: number('call', 0.7),
  };
  const numbers = [...lanes, seed, costs.agentStart, costs.agentIdle, costs.call];
  if (lanes.includes(0) || numbers.some((n) => !Number.isFinite(n) || n < 0)) return 'numbers are wanted there';
  return { text, lanes, costs, seed };
}

/** Seconds by package, from lines `PACKAGE<tab>SECONDS`. */
const readDurations = (text: string): Map<string, number> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [, name, seconds] = /^([^#\t]+)\t([\d.]+)\s*$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(seconds)] as const];
    }),
  );

/** One simulation with a number of lanes, as a row of the JSON output. */
function simulatedRow(work: Work, lanes: number, costs: Costs) {
  const least = bound(work, lanes);
  const run = runSimulation(work, lanes, costs);
  return {
    lanes,
    tasks: work.seconds.length,
    bound: least,
    seconds: run.seconds,
    vs_bound: run.seconds / least,
    levels_vs_bound: levels(work, lanes) / least,
    calls: run.calls,
    sleeps: run.sleeps,
    takes: run.takes,
    agents: run.agents,
  };
}

const rowsTable = (rows: readonly ReturnType<typeof simulatedRow>[]): string =>
  renderTable(
    ['lanes', 'tasks', 'bound', 'total', 'times the bound', 'levels', 'calls', 'looks', 'agents taken', 'started'],
    rows.map((r) => [
      String(r.lanes),
      String(r.tasks),
      minutes(r.bound),
      minutes(r.seconds),
      r.vs_bound.toFixed(3),
      r.levels_vs_bound.toFixed(2),
      String(r.calls),
      String(r.sleeps),
      String(r.takes),
      String(r.agents),
    ]),
  );

function writeSchedule(file: string, { waits, expected, seconds }: Work): void {
  const path = paths({ waits, expected });
  const order = [...path.keys()].sort((a, b) => at(path, b) - at(path, a) || a - b);
  const number = new Map(order.map((t, i) => [t, i]));
  writeWhole(
    file,
    renderSchedule(
      '20260101000000-00000000',
      { cached: 0, todo: 0, open: seconds.length, failed: 0 },
      [{ platform: 'noble', architecture: 'amd64' }],
      0,
      order.map((t) => ({
        group: 0,
        seconds: Math.max(1, Math.round(at(expected, t))),
        path: Math.round(at(path, t)),
        waits: at(waits, t)
          .map((d) => entry(number, d))
          .sort((a, b) => a - b),
      })),
    ),
  );
  writeWhole(`${file}.seconds`, JSON.stringify(order.map((t) => seconds[t])));
}

const minutes = (s: number): string => `${(s / 60).toFixed(1)} min`;

/** The builds of all scopes as one graph. */
function workOf(scopes: readonly Scope[], known: ReadonlyMap<string, number>, seed: number): Work {
  const random = randoms(seed);
  const measured = [...known.values()].sort((a, b) => a - b);
  const work = { waits: [] as number[][], expected: [] as number[], seconds: [] as number[] };
  for (const s of scopes) {
    const first = work.seconds.length;
    const closures = closuresOf(s);
    const waits = reduceNeeds(s.packages.length, (n) => closures.root(n));
    s.packages.forEach((p, n) => {
      const seconds = known.get(p.name) ?? at(measured, Math.floor(random() * measured.length));
      work.seconds.push(seconds);
      work.expected.push(seconds * 2 ** (2 * random() - 1));
      work.waits.push(at(waits, n).map((d) => d + first));
    });
  }
  return work;
}
