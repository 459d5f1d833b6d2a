import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join, resolve } from 'node:path';
import { error, isError, sorted, type Diagnostic } from '../model/diagnostics.ts';
import { aptSuite, debianPackage } from '../model/names.ts';
import type { DistributionInput, PackageSource, Plan, Scope } from '../model/plan.ts';
import type { StoredFile, TaskResult } from '../model/result.ts';
import { readIf, readJson, sha256, writeWhole } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { parallel } from '../io/process.ts';
import { matcher } from '../plan/globs.ts';
import { pinFolder } from '../read/folders.ts';
import { makeLock, pinReleased, type Workspace } from '../read/inputs.ts';
import { countFaults } from '../render/diagnostics.ts';
import { renderLock } from '../render/lock.ts';
import { tellingPart } from '../render/log.ts';
import { renderReport } from '../render/report.ts';
import { renderSources } from '../render/sources.ts';
import { renderSummary } from '../render/summary.ts';
import { ensureBase, hostProxy } from '../run/base.ts';
import { dockerDriver } from '../run/docker.ts';
import { missingTools } from '../run/doctor.ts';
import type { Driver } from '../run/driver.ts';
import { Repository, type Suite } from '../run/repository.ts';
import { Store } from '../run/store.ts';
import { System } from '../run/system.ts';
import { unshareDriver } from '../run/unshare.ts';
import { closeWork, openWork } from '../run/work.ts';
import { complain, distroOptions, exit, print, selectionOptions, showDiagnostics, type Values, type Verb } from './common.ts';
import { readAndPlan, reporter, type Planned } from './planning.ts';
import { Engine, type ScopeRun } from './engine.ts';
import { moved, platformsOf } from './system-lock.ts';
import { makeProgress } from './progress.ts';

export const build: Verb = {
  summary: 'build packages and put them into a signed apt repository',
  usage: 'build [PACKAGE|GLOB ...]',
  details: `Sources are fetched, each package is built in a root of its own with the network off, and what was built is kept in the
store: the same thing is never built twice. What fails stops only what depends on it. A run that was stopped, killed or
ran out of disk goes on where it was when it is started again.

The output folder gets apt/ (the repository), logs/, report.html, lock.yaml and result.json.`,
  options: {
    ...distroOptions, ...selectionOptions,
    output: { type: 'string', short: 'o', value: 'DIR', help: 'where repository, logs and report go (default: out beside the distro file)' },
    jobs: { type: 'string', short: 'j', value: 'N', help: 'compilers of one package at once (default: cores, as memory allows 1.5 GiB each)' },
    workers: { type: 'string', short: 'w', value: 'N', help: 'packages at once (default: cores, at most 8)' },
    timeout: { type: 'string', value: 'MINUTES', help: 'longest time that a package may build (default: 180)' },
    driver: { type: 'string', value: 'NAME', help: 'unshare (default) or docker' },
    rebuild: { type: 'string', multiple: true, value: 'GLOB', help: 'build these anew though the store has them (may be given again)' },
    'renew-base': { type: 'boolean', help: 'make the platforms\' base systems anew' },
    'fail-fast': { type: 'boolean', help: 'stop at the first failure' },
    verbose: { type: 'boolean', short: 'v', help: 'name what is kept, too' },
    json: { type: 'boolean', help: 'the result as data on standard output' },
  },
  run: runBuild,
};

const count = (v: unknown, fallback: number): number | undefined => (v === undefined ? fallback : typeof v === 'string' && /^[1-9]\d{0,3}$/.test(v) ? Number(v) : undefined);

async function runBuild(values: Values, packages: string[]): Promise<number> {
  const cores = availableParallelism();
  const workers = count(values.workers, Math.min(cores, 8));
  const jobs = count(values.jobs, Math.max(1, Math.min(cores, Math.floor(freemem() / (1.5 * 2 ** 30 * (workers ?? 1))) || 1)));
  const minutes = count(values.timeout, 180);
  if (!workers || !jobs || !minutes) {
    complain('slipway build: --jobs, --workers and --timeout take a whole number from 1 on\n');
    return exit.usage;
  }
  if (values.driver !== undefined && values.driver !== 'unshare' && values.driver !== 'docker') {
    complain('slipway build: --driver is unshare or docker\n');
    return exit.usage;
  }
  const planned = await readAndPlan(values, packages);
  showDiagnostics(planned.diagnostics);
  if (!planned.ok) return exit.failed;
  const { workspace, plan } = planned.value;
  const output = typeof values.output === 'string' ? resolve(values.output) : join(workspace.root, 'out');
  const abort = new AbortController();
  const stop = () => {
    if (!abort.signal.aborted) complain('\nstopping: what was finished is kept\n');
    abort.abort();
  };
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(s, stop);
  const driver: Driver = values.driver === 'docker' ? dockerDriver(workspace.state) : unshareDriver();
  const lacking = await missingTools(driver.name, plan);
  if (lacking.length) {
    showDiagnostics(lacking);
    return exit.failed;
  }
  mkdirSync(workspace.state, { recursive: true });
  await openWork(workspace.state, driver);
  try {
    return await buildAll(values, planned.value, driver, output, { jobs, workers, minutes }, abort.signal);
  } finally {
    await closeWork(driver);
    for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(s, stop);
  }
}

async function buildAll(values: Values, planned: Planned, driver: Driver, output: string, limits: { jobs: number; workers: number; minutes: number }, signal: AbortSignal): Promise<number> {
  const { workspace, plan } = planned;
  const begun = Date.now();
  const store = new Store(resolve(workspace.root, workspace.distro.store.slice('file:'.length)));
  store.sweep();
  const log = join(workspace.state, 'slipway.log');
  const historyFile = join(workspace.state, 'durations.json');
  const history = readJson<Record<string, number>>(historyFile) ?? {};
  const prepared = await prepareScopes(values, planned, driver, log, (name) => history[name], signal);
  if ('diagnostics' in prepared) {
    showDiagnostics(prepared.diagnostics);
    return exit.failed;
  }
  const { runs, waiting } = prepared;
  showDiagnostics(await pinSources(workspace, plan));
  const published = publishedState(planned, output);
  const channelFile = join(published, 'channel.json');
  const channel = readJson<Record<string, Record<string, string>>>(channelFile) ?? {};
  const rebuild = Array.isArray(values.rebuild) ? matcher(values.rebuild as string[]) : () => false;
  const progress = makeProgress(runs.flatMap((r) => r.results), process.stderr.isTTY === true && !values.json, values.verbose === true, (t) => history[t.name] ?? 15000, limits.workers, Date.now);
  const engine = new Engine({
    plan, distro: workspace.distro, distroRoot: workspace.root, distributions: planned.distributions, driver, state: workspace.state, store, output, ...limits,
    failFast: values['fail-fast'] === true, rebuild, history: (name) => history[name], progress, signal, now: Date.now,
    held: (scope, target, debian) => channel[aptSuite(scope.distribution, target)]?.[debian],
  }, runs);
  try {
    await engine.run();
  } finally {
    progress.close();
  }
  for (const r of runs) r.records.forEach((record) => record && record.milliseconds > 0 && (history[record.package] = record.milliseconds));
  writeWhole(historyFile, JSON.stringify(Object.fromEntries(Object.entries(history).sort())));

  const results = runs.flatMap((r) => r.results);
  const publishing = await withLock(join(workspace.state, 'suites.lock'), () => publish(planned, runs, store, output, published));
  if (publishing.diagnostics.length) showDiagnostics(publishing.diagnostics);
  writeOutputs(plan, planned, runs, results, output, begun);
  const failed = results.some((t) => t.state !== 'built' && t.state !== 'kept') || publishing.diagnostics.some(isError) || planned.diagnostics.some(isError);
  const tails = (t: TaskResult): string[] => (t.log ? tellingPart((readIf(t.log) ?? '').slice(-400_000)) : []);
  complain(renderSummary(results.map((t) => (t.log ? { ...t, log: join(output, t.log) } : t)), tails, Date.now() - begun));
  for (const w of waiting) complain(`${w}\n`);
  if (planned.diagnostics.some(isError)) complain(`the distro repository has faults (${countFaults(planned.diagnostics)}), told above: they count as a failed build\n`);
  if (values.json) print(`${JSON.stringify({ stamp: plan.stamp, output, results })}\n`);
  else if (publishing.sources.length) {
    complain(`report: ${join(output, 'report.html')}\n`);
    complain('\nTo install from this repository, put this into /etc/apt/sources.list.d/slipway.sources:\n\n');
    print(publishing.sources.join('\n'));
    const closed = notForAll(join(output, 'apt'));
    if (closed) complain(`\nnote: apt reads as the user _apt, who may not enter ${closed}: chmod o+x it, or give --output a folder that all may read\n`);
  }
  return failed ? exit.failed : exit.ok;
}

/** Brings the sources of released packages, of which only tags are known so far, one request to each repository; and of folders. */
async function pinSources(workspace: Workspace, plan: Plan): Promise<Diagnostic[]> {
  const unpinned = plan.scopes.flatMap((s) => s.packages).filter((p) => !p.source.tree && !p.blocked);
  const byUrl = new Map<string, Map<string, PackageSource>>();
  for (const { source } of unpinned) {
    const ofUrl = byUrl.get(source.url) ?? new Map<string, PackageSource>();
    byUrl.set(source.url, ofUrl.set(placeOf(source), source));
  }
  const diagnostics: Diagnostic[] = [];
  const pinned = new Map<string, PackageSource>();
  await parallel([...byUrl.values()], 8, async (sources) => {
    const all = [...sources.values()];
    if (all[0]!.ref === undefined) {
      const trees = await pinFolder(all, workspace.state);
      if (trees.ok) for (const source of trees.value) pinned.set(`${source.url} ${placeOf(source)}`, source);
      else diagnostics.push(...trees.diagnostics);
      return;
    }
    for (const pin of await pinReleased(workspace, all, 'all', reporter)) {
      if (pin.ok) pinned.set(`${pin.value.source.url} ${placeOf(pin.value.source)}`, pin.value.source);
      else diagnostics.push(...pin.diagnostics);
    }
  });
  for (const p of unpinned) {
    const source = pinned.get(`${p.source.url} ${placeOf(p.source)}`);
    if (source) p.source = source;
    else p.blocked = 'its sources can\'t be had';
  }
  return sorted(diagnostics);
}

/** A tag of a release repository, or a path in a folder. */
const placeOf = (source: PackageSource): string => source.ref ?? source.path;

/** Bases and system packages for every target that this machine can run. */
async function prepareScopes(values: Values, planned: Planned, driver: Driver, log: string, history: (name: string) => number | undefined, signal: AbortSignal): Promise<{ runs: ScopeRun[]; waiting: string[] } | { diagnostics: Diagnostic[] }> {
  const { workspace, plan } = planned;
  const own = ({ x64: 'amd64', arm64: 'arm64', arm: 'armhf', ia32: 'i386', ppc64: 'ppc64el', riscv64: 'riscv64', s390x: 's390x' } as Record<string, string>)[process.arch];
  const diagnostics: Diagnostic[] = [];
  const waiting: string[] = [];
  const systems = new Map<string, System>();
  const runs: ScopeRun[] = [];
  const proxy = await hostProxy();
  for (const scope of plan.scopes) {
    for (const target of scope.targets) {
      if (target.architecture !== own) {
        waiting.push(`waiting for a machine of ${target.architecture}: ${scope.packages.length} packages of ${scope.distribution} on ${target.platform}`);
        continue;
      }
      if (signal.aborted) return { diagnostics: [error('stopped', 'stopped before anything was built')] };
      const id = `${target.platform}-${target.architecture}`;
      let system = systems.get(id);
      if (!system) {
        const platform = { ...workspace.distro.platforms[target.platform]!, ...(values['renew-base'] ? { renew_days: 0 } : {}) };
        const base = await ensureBase(driver, workspace.state, workspace.root, target.platform, platform, target.architecture, Date.now(), log, (text) => complain(`${text}\n`), planned.lock?.platforms[id]?.base);
        if (!base.ok) {
          diagnostics.push(...base.diagnostics);
          continue;
        }
        system = new System(driver, workspace.state, base.value, platform.proxy ?? proxy, log);
        systems.set(id, system);
      }
      runs.push(Engine.prepare(scope, target, system.base, system, history));
    }
  }
  return diagnostics.length ? { diagnostics } : { runs, waiting };
}

/** Where it is kept what an output's repository holds: each output is a channel of its own, which never goes down. */
const publishedState = ({ workspace }: Planned, output: string): string => (output === join(workspace.root, 'out') ? workspace.state : join(workspace.state, 'outputs', sha256(output).slice(0, 16)));

/** Publishes what is complete: a package whose run dependencies are not all there would only break apt. */
async function publish(planned: Planned, runs: ScopeRun[], store: Store, output: string, state: string): Promise<{ sources: string[]; diagnostics: Diagnostic[] }> {
  const channelFile = join(state, 'channel.json');
  const { workspace } = planned;
  const channel = readJson<Record<string, Record<string, string>>>(channelFile) ?? {};
  const suites: Suite[] = [];
  const diagnostics: Diagnostic[] = [];
  const partial = planned.plan.scopes.some((s) => s.packages.length < (planned.distributions.find((d) => d.name === s.distribution)?.packages.size ?? 0));
  for (const r of runs) {
    const files: StoredFile[] = [];
    const versions: Record<string, string> = {};
    r.records.forEach((record, n) => {
      if (!record) return;
      const lacking = r.closures.run(n).find((d) => !r.records[d]);
      const p = r.scope.packages[n]!;
      if (lacking !== undefined) {
        diagnostics.push({ severity: 'warning', code: 'held-back', message: `${r.results[n]!.id} was built, but is held back from the repository: it needs '${r.scope.packages[lacking]!.name}', which is not there` });
        return;
      }
      files.push(...record.debs);
      versions[p.debian] = record.version;
    });
    const name = aptSuite(r.scope.distribution, r.target);
    // A run of some packages leaves the others of the suite as they were.
    const before = readJson<Record<string, { version: string; files: StoredFile[] }>>(join(state, 'suites', `${name}.json`)) ?? {};
    const now: typeof before = {};
    if (partial || r.records.some((record) => !record)) for (const [debian, held] of Object.entries(before)) if (stillThere(planned, r.scope, debian)) now[debian] = held;
    r.records.forEach((record, n) => {
      const debian = r.scope.packages[n]!.debian;
      if (record && versions[debian]) now[debian] = { version: record.version, files: record.debs };
    });
    if (!Object.keys(now).length) continue;
    suites.push({ name, architecture: r.target.architecture, files: Object.values(now).flatMap((h) => h.files) });
    channel[name] = { ...channel[name], ...Object.fromEntries(Object.entries(now).map(([k, v]) => [k, v.version])) };
    writeWhole(join(state, 'suites', `${name}.json`), JSON.stringify(now));
  }
  if (!suites.length) return { sources: [], diagnostics };
  const repository = new Repository(workspace.state, store, join(output, 'apt'), workspace.distro.organization, workspace.distro.signing_key);
  const published = await repository.publish(suites);
  if (!published.ok) return { sources: [], diagnostics: [...diagnostics, ...published.diagnostics] };
  writeWhole(channelFile, JSON.stringify(channel));
  const keyFile = join(output, 'apt', 'key.asc');
  const key = readIf(keyFile) ?? '';
  return { sources: suites.map((s) => renderSources({ uri: `file://${encodeURI(join(output, 'apt'))}`, suite: s.name, architecture: s.architecture, keyFile, key })), diagnostics };
}

const stillThere = (planned: Planned, scope: Scope, debian: string): boolean => {
  const input = planned.distributions.find((d) => d.name === scope.distribution);
  return input !== undefined && [...input.packages.keys()].some((name) => debianPackage(planned.workspace.distro, scope.distribution, name) === debian);
};

function writeOutputs(plan: Plan, planned: Planned, runs: ScopeRun[], results: TaskResult[], output: string, begun: number): void {
  const platforms = platformsOf(planned.workspace, runs);
  if (planned.lock) showDiagnostics(moved(planned.lock, platforms));
  writeWhole(join(output, 'lock.yaml'), renderLock(makeLock(plan.stamp, locked(planned), platforms)));
  writeWhole(join(output, 'result.json'), `${JSON.stringify({ stamp: plan.stamp, results }, undefined, 1)}\n`);
  writeWhole(join(output, 'report.html'), renderReport({
    organization: plan.organization, stamp: plan.stamp, begun, finished: Date.now(),
    tasks: runs.flatMap((r) => r.results.map((t, n) => ({
      ...t, scope: r.id, buildType: r.scope.packages[n]!.buildType, upstream: r.scope.packages[n]!.version, repository: r.scope.packages[n]!.repository, needs: [...new Set([...r.scope.packages[n]!.build, ...r.scope.packages[n]!.run])],
      tail: t.state === 'failed' && t.log ? tellingPart(readFileSync(join(output, t.log), 'utf8').slice(-400_000)) : [],
    }))),
  }));
}

/** The distributions with the commits that were found for released packages when their sources were fetched. */
function locked(planned: Planned): DistributionInput[] {
  const sources = new Map(planned.plan.scopes.flatMap((s) => s.packages.map((p) => [`${s.distribution} ${p.name}`, p.source] as const)));
  return planned.distributions.map((d) => ({ ...d, packages: new Map([...d.packages].map(([name, p]) => [name, { ...p, source: sources.get(`${d.name} ${name}`) ?? p.source }])) }));
}

/** The first folder on the way to a path that others may not enter. */
function notForAll(path: string): string | undefined {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/') || '/').find((p) => (statSync(p).mode & 0o001) === 0);
}
