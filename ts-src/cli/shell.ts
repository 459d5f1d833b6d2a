import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { error } from '../model/diagnostics.ts';
import { compare } from '../model/diagnostics.ts';
import { untilStopped } from '../io/signals.ts';
import { openSession, type Session, type Within } from '../engine/session.ts';
import { schedulerOf } from '../engine/session-scheduler.ts';
import { packagesInRoot, type TaskGraph } from '../engine/task-graph.ts';
import { missingTools } from '../sandbox/doctor.ts';
import { closeScratch, newScratch, openScratch } from '../sandbox/scratch.ts';
import { runInputOf } from './run-input.ts';
import { pinSources } from './pin-sources.ts';
import {
  defineCommand,
  distroOptions,
  exit,
  selectionOptions,
  showDiagnostics,
  writeMessage,
  type ValuesOf,
  writeNote,
} from './command.ts';
import { readAndPlan, type Planned } from './planning.ts';
import { driverOf, limitsOf, runOptions } from './run-options.ts';

const { distribution, platform, architecture, variant } = selectionOptions;
const options = {
  ...distroOptions,
  distribution,
  platform,
  architecture,
  variant,
  jobs: runOptions.jobs,
  driver: runOptions.driver,
  failed: { type: 'boolean', help: 'build the package first, and open the shell on the result' },
  test: { type: 'boolean', help: "use the root of the package's tests" },
} as const;
type Values = ValuesOf<typeof options>;

export const shell = defineCommand({
  summary: 'open a shell in the build environment of a package',
  usage: 'shell PACKAGE [COMMAND ...]',
  details: `Dependencies of the package that are not built yet are built first. The shell runs like the build: as a user without
rights, without network, with the source at /build/PACKAGE and the environment of the build. In the shell,
"sh -e /slipway/slipway.sh build" builds the package. If a COMMAND is given, it runs instead of a shell, and slipway
exits with its exit code. All changes in the root are lost when the shell ends.`,
  examples: [
    'slipway shell nav2_util',
    'slipway shell nav2_util --failed',
    'slipway shell nav2_util -- printenv CMAKE_PREFIX_PATH',
  ],
  options,
  async run(values, [name, ...command]) {
    if (name === undefined || !/^[A-Za-z0-9_-]+$/.test(name)) {
      writeMessage('slipway shell: takes the name of one package\n');
      return exit.usage;
    }
    const limits = limitsOf('shell', values);
    if (!limits) return exit.usage;
    const planned = await readAndPlan(values, [name], { tests: values.test === true });
    showDiagnostics(planned.diagnostics);
    if (!planned.ok) return exit.failed;
    const driver = driverOf(values);
    const lacking = await missingTools(driver.name, planned.value.plan);
    showDiagnostics(lacking);
    if (lacking.length) return exit.failed;
    const stop = untilStopped();
    makeFolder(planned.value.workspace.state);
    await openScratch(planned.value.workspace.state, driver);
    try {
      return await openIn(values, planned.value, name, command, { limits, signal: stop.signal });
    } finally {
      await closeScratch(driver);
      stop.done();
    }
  },
});

/** Scopes that have a package: a plan by name has those too in which nothing is selected. */
export const graphsWith = <G extends { closures: { index: ReadonlyMap<string, number> } }>(
  graphs: readonly G[],
  name: string,
): G[] => graphs.filter((g) => g.closures.index.has(name));

async function openIn(
  values: Values,
  planned: Planned,
  name: string,
  command: string[],
  within: Within,
): Promise<number> {
  const session = await sessionOf(values, planned, within);
  if (!session) return exit.failed;
  const having = graphsWith(session.graphs, name);
  const [graph, ...others] = having;
  const number = graph?.closures.index.get(name);
  if (!graph || number === undefined || others.length) {
    for (const w of session.waiting) writeMessage(`${w}\n`);
    const scopes = having.map((g) => g.id).sort(compare);
    showDiagnostics([
      scopes.length
        ? error('shell-scope', `'${name}' is built in ${scopes.join(', ')}`, {
            hint: 'select one with --distribution, --platform, --architecture or --variant',
          })
        : error('shell-scope', `this machine can't build for any platform of '${name}'`),
    ]);
    return exit.failed;
  }
  const p = graph.scope.packages[number];
  if (!p || p.blocked !== undefined) {
    showDiagnostics([error('shell-scope', `'${name}' can't be built: ${p?.blocked ?? 'it is not in the plan'}`)]);
    return exit.failed;
  }
  const task = values.test === true ? number + graph.count : number;
  const missing = await buildBelow(values, planned, graph, task, within);
  if (missing !== undefined) {
    writeMessage(`${missing}\n`);
    return exit.failed;
  }
  const resolved = await session.taskKeys.resolveKey(graph, task);
  if (typeof resolved === 'string') {
    writeMessage(`${resolved}\n`);
    return exit.failed;
  }
  const work = newScratch(session.input.state);
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const request = { graph, number, package: p, resolved, work, log: join(work, 'shell.log') };
  const outcome = await session.builder.shell(request, {
    command,
    terminal,
    tests: values.test === true,
    built: values.failed === true,
  });
  await session.driver.remove(work);
  if (outcome.state === 'made') return outcome.value;
  writeMessage(
    `${outcome.state === 'failed' ? outcome.reason : 'the store lost what it needs: slipway build builds it again'}\n`,
  );
  return exit.failed;
}

async function sessionOf(values: Values, planned: Planned, within: Within): Promise<Session | undefined> {
  const { workspace, plan } = planned;
  showDiagnostics(await pinSources(workspace, plan));
  const session = await openSession(runInputOf(planned), {
    say: (line) => writeNote(`${line}\n`),
    driver: driverOf(values),
    ...within,
    renewBase: false,
    channelVersion: () => undefined,
  });
  showDiagnostics(session.diagnostics);
  return 'graphs' in session ? session : undefined;
}

/**
 * Builds the dependencies in a task's root and adds their records to the graph. Returns the reason if one can't be
 * built.
 */
async function buildBelow(
  values: Values,
  planned: Planned,
  graph: TaskGraph,
  task: number,
  within: Within,
): Promise<string | undefined> {
  const below = packagesInRoot(graph, task);
  const names = below.flatMap((d) => graph.scope.packages[d]?.name ?? []);
  if (!names.length) return undefined;
  const { distribution: chosen, ...others } = values;
  const replanned = await readAndPlan({ ...others, distribution: chosen ?? [graph.scope.distribution] }, names, {});
  if (!replanned.ok) return 'what it needs can not be planned';
  const session = await sessionOf(values, replanned.value, within);
  const own = session?.graphs.find((g) => g.id === graph.id);
  if (!session || !own) return 'what it needs can not be built here';
  const engine = schedulerOf(session, {
    output: join(planned.workspace.root, 'out'),
    workers: within.limits.workers,
    retest: false,
    signal: within.signal,
  });
  await engine.start();
  await engine.run();
  for (const d of below) {
    const p = graph.scope.packages[d];
    const n = own.closures.index.get(p?.name ?? '');
    const record = n === undefined ? undefined : own.records[n];
    if (!record) return `'${p?.name ?? ''}', which it needs, could not be built: ${own.results[n ?? -1]?.reason ?? ''}`;
    graph.records[d] = record;
  }
  return undefined;
}
