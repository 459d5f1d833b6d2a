import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compare } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { debFile, debianPackage, debianVersion, scopeId, taskId } from '../model/names.ts';
import type { DistributionInput, Plan, PlannedPackage, Scope, Target } from '../model/plan.ts';
import type { BuildRecord, TaskResult } from '../model/result.ts';
import { sha256 } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { run } from '../io/process.ts';
import { closuresOf, remainingPaths, type Closures } from '../plan/closure.ts';
import { conditionEvaluator } from '../plan/conditions.ts';
import { conditionContext } from '../plan/evaluate.ts';
import { keyInputs } from '../plan/keys.ts';
import { settingsFinder, type SettingsOf } from '../plan/settings.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { checkout, fetchCommit } from '../read/git.ts';
import { packagingText, renderDebian } from '../render/debian.ts';
import { knownCause } from '../render/log.ts';
import type { Base } from '../run/base.ts';
import type { Driver } from '../run/driver.ts';
import { Packages } from '../run/packages.ts';
import type { Store } from '../run/store.ts';
import type { System } from '../run/system.ts';
import { newWork } from '../run/work.ts';

export interface Progress {
  /** A task began to build. */
  started(task: TaskResult): void;
  /** A task came to its end (kept ones too). */
  finished(task: TaskResult): void;
  note(text: string): void;
}

export interface EngineOptions {
  plan: Plan;
  distro: Distro;
  distroRoot: string;
  distributions: DistributionInput[];
  driver: Driver;
  state: string;
  store: Store;
  /** Where logs go: `logs/` below it. */
  output: string;
  /** Compilers of one package, and packages at once. */
  jobs: number;
  workers: number;
  /** Stop at the first failure. */
  failFast: boolean;
  /** Build these anew even though the store has them. */
  rebuild: (name: string) => boolean;
  /** Expected milliseconds, from earlier runs. */
  history: (name: string) => number | undefined;
  /** Version that the channel holds, by Debian package. */
  held: (scope: Scope, target: Target, debian: string) => string | undefined;
  progress: Progress;
  signal: AbortSignal;
  /** Longest time that a package may build. */
  minutes: number;
  now: () => number;
}

/** One scope on one target while it runs. */
export interface ScopeRun {
  id: string;
  scope: Scope;
  target: Target;
  base: Base;
  system: System;
  closures: Closures;
  results: TaskResult[];
  records: (BuildRecord | undefined)[];
  priority: number[];
  waits: number[];
  dependents: number[][];
  owners: Map<string, string>;
}

const templatesDigest = sha256(packagingText);

/**
 * Runs all scopes to their end: what the store has is kept, the rest is built as soon as what it needs is there, those on
 * the longest remaining path first. A failure stops what depends on it and nothing else.
 */
export class Engine {
  private readonly packages: Packages;
  private readonly settingsOf: SettingsOf;
  private readonly ready: { run: ScopeRun; n: number; key: string; inputs: Record<string, string>; set: string[] }[] = [];
  private settling = 0;
  private building = 0;
  private stopped = false;
  private failure: unknown;
  private wake: () => void = () => undefined;

  constructor(private readonly options: EngineOptions, readonly runs: ScopeRun[]) {
    this.packages = new Packages(options.state, options.store);
    this.settingsOf = settingsFinder(options.distro);
  }

  static prepare(scope: Scope, target: Target, base: Base, system: System, history: (name: string) => number | undefined): ScopeRun {
    const closures = closuresOf(scope);
    const { packages } = scope;
    const dependents: number[][] = packages.map(() => []);
    const waits = packages.map((_, n) => {
      for (const d of closures.root(n)) dependents[d]!.push(n);
      return closures.root(n).length;
    });
    return {
      id: scopeId(scope.distribution, target), scope, target, base, system, closures, waits, dependents, owners: new Map(), records: packages.map(() => undefined),
      priority: remainingPaths(packages, (p) => history(p.name) ?? 15000),
      results: packages.map((p) => ({ id: taskId(scope.distribution, target, p.name), name: p.name, state: 'waiting', reason: '' })),
    };
  }

  async run(): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.wake = () => {
        while (!this.stopped && this.building < this.options.workers && this.ready.length) this.startNext();
        if (!this.building && !this.settling && (!this.ready.length || this.stopped)) resolve();
      };
    });
    this.options.signal.addEventListener('abort', () => {
      this.stopped = true;
      this.wake();
    });
    for (const r of this.runs) {
      r.scope.packages.forEach((p, n) => {
        if (p.blocked) this.finish(r, n, 'blocked', p.blocked);
      });
      r.scope.packages.forEach((p, n) => {
        if (!p.blocked && r.waits[n] === 0) this.settle(r, n);
      });
    }
    this.wake();
    await finished;
    if (this.failure) throw this.failure;
    for (const r of this.runs) for (const t of r.results) if (t.state === 'waiting') Object.assign(t, { state: 'stopped', reason: 'the run was stopped before it' });
  }

  private startNext(): void {
    let best = 0;
    this.ready.forEach((t, i) => {
      const b = this.ready[best]!;
      if (t.run.priority[t.n]! > b.run.priority[b.n]!) best = i;
    });
    const task = this.ready.splice(best, 1)[0]!;
    this.building++;
    this.build(task.run, task.n, task.key, task.inputs, task.set)
      .catch((e: NodeJS.ErrnoException) => {
        if (e.code === 'ENOSPC' || e.code === 'EDQUOT') this.finish(task.run, task.n, 'failed', 'the disk is full: make room and run the same command again, it goes on where it was');
        else {
          this.failure ??= e;
          this.stopped = true;
        }
      })
      .finally(() => {
        this.building--;
        this.wake();
      });
  }

  /** What a task's root holds is now known: its key, and whether the store has it. */
  private settle(r: ScopeRun, n: number): void {
    this.settling++;
    this.settleNow(r, n)
      .catch((e: unknown) => {
        this.failure ??= e;
        this.stopped = true;
      })
      .finally(() => {
        this.settling--;
        this.wake();
      });
  }

  private async settleNow(r: ScopeRun, n: number): Promise<void> {
    const p = r.scope.packages[n]!;
    const { distro } = this.options;
    const variant = distro.variants[r.target.variant];
    const names = new Set([...p.systemBuild, ...(variant?.build_depends ?? []), ...implied[p.buildType]]);
    const roots = r.closures.root(n);
    for (const d of roots) {
      for (const s of r.scope.packages[d]!.systemRun) names.add(s);
      for (const s of r.records[d]!.systemDepends) names.add(s);
    }
    const set = await r.system.resolve([...names].sort(compare));
    if (typeof set === 'string') return this.finish(r, n, 'failed', `apt can't install what it needs: ${set}`);
    const settings = this.settingsOf(p.name);
    const manifest = this.options.distributions.find((d) => d.name === r.scope.distribution)!.packages.get(p.name)!.manifest;
    const inputs = keyInputs({
      scope: r.scope, target: r.target, package: p, distro, settings, variant, environment: this.environment(r, p), templates: templatesDigest, base: r.base.digest, system: set,
      manifest: sha256(JSON.stringify([manifest.name, manifest.version, manifest.description, manifest.maintainers, manifest.licenses, manifest.urls])),
      patches: (settings.patches ?? []).map((f) => sha256(readFileSync(join(this.options.distroRoot, f)))).join(' '),
      roots: roots.map((d) => [r.scope.packages[d]!.name, r.records[d]!.key]),
    });
    const key = sha256(JSON.stringify(inputs));
    const record = this.options.store.get(key);
    const held = this.options.held(r.scope, r.target, p.debian);
    const goesDown = record && held !== undefined && compareDebianVersions(record.version, held) < 0;
    r.results[n]!.key = key;
    if (record && !goesDown && !this.options.rebuild(p.name)) return this.keep(r, n, record);
    if (p.held) return this.finish(r, n, 'failed', 'it was not built before: leave out --only, or build it first');
    r.results[n]!.reason = record ? (goesDown ? `packed anew: the channel holds ${held}` : 'asked for') : 'its key is not in the store';
    this.ready.push({ run: r, n, key, inputs, set });
  }

  private keep(r: ScopeRun, n: number, record: BuildRecord): void {
    const clash = this.clash(r, r.scope.packages[n]!, record);
    if (clash) return this.finish(r, n, 'failed', clash);
    r.records[n] = record;
    const t = r.results[n]!;
    t.version = record.version;
    t.debs = record.debs;
    this.finish(r, n, 'kept', 'its key is in the store');
  }

  private finish(r: ScopeRun, n: number, state: TaskResult['state'], reason: string): void {
    const t = r.results[n]!;
    if (t.state !== 'waiting') return;
    Object.assign(t, { state, reason, finished: this.options.now() });
    this.options.progress.finished(t);
    if (state === 'kept' || state === 'built') {
      for (const d of r.dependents[n]!) if (--r.waits[d]! === 0 && r.results[d]!.state === 'waiting') this.settle(r, d);
      return;
    }
    if (state === 'failed' && this.options.failFast) this.stopped = true;
    for (const d of r.dependents[n]!) this.finish(r, d, 'stopped', `'${t.name}' ${state === 'failed' ? 'failed' : state === 'blocked' ? 'is blocked' : 'was stopped'}`);
  }

  /** Two packages that ship one file: apt would refuse the second. */
  private clash(r: ScopeRun, p: PlannedPackage, record: BuildRecord): string | undefined {
    for (const file of record.files) {
      const owner = r.owners.get(file);
      if (owner !== undefined && owner !== p.name) return `it ships ${file}, which '${owner}' ships too`;
    }
    for (const file of record.files) r.owners.set(file, p.name);
    return undefined;
  }

  private async build(r: ScopeRun, n: number, key: string, inputs: Record<string, string>, set: string[]): Promise<void> {
    const { options } = this;
    const p = r.scope.packages[n]!;
    const t = r.results[n]!;
    await withLock(join(options.state, 'locks', key), async () => {
      const already = options.store.get(key);
      const held = options.held(r.scope, r.target, p.debian);
      if (already && !options.rebuild(p.name) && !(held !== undefined && compareDebianVersions(already.version, held) < 0)) return this.keep(r, n, already);
      t.started = options.now();
      t.log = join('logs', r.id, `${p.name}.log`);
      options.progress.started(t);
      const work = newWork(options.state);
      try {
        const outcome = await this.buildIn(r, n, work, key, inputs, set, join(options.output, t.log));
        if (typeof outcome === 'string') return this.finish(r, n, options.signal.aborted ? 'stopped' : 'failed', options.signal.aborted ? 'the run was stopped' : outcome);
        options.store.putRecord(outcome);
        r.records[n] = outcome;
        t.version = outcome.version;
        t.debs = outcome.debs;
        this.finish(r, n, 'built', t.reason);
      } finally {
        await options.driver.remove(work);
      }
    }, () => options.progress.note(`${p.name}: another slipway builds it; waiting`));
    rmSync(join(options.state, 'locks', key), { force: true });
  }

  /** The record of what was built, or why it was not. */
  private async buildIn(r: ScopeRun, n: number, work: string, key: string, inputs: Record<string, string>, set: string[], log: string): Promise<BuildRecord | string> {
    const { options } = this;
    const p = r.scope.packages[n]!;
    const { distro } = options;
    const settings = this.settingsOf(p.name);
    const variant = distro.variants[r.target.variant];
    const begun = options.now();
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, `== ${p.name} ${p.version} on ${r.id}, key ${key}\n`);

    const layers = await r.system.root(set);
    if (!layers.ok) return `${layers.diagnostics[0]!.message} (${layers.diagnostics[0]!.file})`;
    const roots = r.closures.root(n).map((d) => r.records[d]!);
    const own = await this.packages.compose(roots, r.system.status(layers.value)!, join(work, 'own'));
    if (!own) return 'the store lost a package that it needs, or it was damaged: run the command again, and it will be rebuilt';

    const build = join(work, 'build');
    const source = join(build, p.name);
    const input = options.distributions.find((d) => d.name === r.scope.distribution)!.packages.get(p.name)!;
    const gitDir = await gitDirOf(options.state, p);
    if (!gitDir || !p.source.tree) return `its sources are not at hand (${p.source.url})`;
    const checkedOut = await checkout({ gitDir }, p.source.tree, source);
    if (!checkedOut.ok) return checkedOut.diagnostics[0]!.message;
    for (const patch of settings.patches ?? []) {
      const applied = await run('git', ['apply', '-p1', '--whitespace=nowarn', join(options.distroRoot, patch)], { cwd: source, env: { ...process.env, GIT_CEILING_DIRECTORIES: build } });
      if (applied.code !== 0) return `the patch ${patch} does not apply: ${applied.stderr.trim().split('\n')[0]}`;
    }
    const version = this.version(r, p);
    const holds = conditionEvaluator(conditionContext(options.distributions.find((d) => d.name === r.scope.distribution)!, distro.distributions[r.scope.distribution]!.conditions));
    const relation = (kind: 'conflict' | 'replace') => input.manifest.dependencies.filter((d) => d.tag === kind && holds(d.condition) && /^[A-Za-z0-9_-]+$/.test(d.name)).map((d) => debianPackage(distro, r.scope.distribution, d.name));
    const debianNames = (names: string[]) => names.flatMap((d) => {
      const q = r.scope.packages[r.closures.index.get(d) ?? -1];
      return q ? (p.bounds[d] ?? ['']).map((b) => (b ? `${q.debian} (${b})` : q.debian)) : [];
    });
    rmSync(join(source, 'debian'), { recursive: true, force: true });
    const files = renderDebian({
      package: p, manifest: input.manifest, version, stamp: options.plan.stamp, release: r.target.release, prefix: r.scope.prefix, underlayPrefixes: r.scope.underlayPrefixes,
      cmakeArgs: [...(variant?.cmake_args ?? []), ...(settings.cmake_args ?? [])], environment: this.environment(r, p),
      buildDepends: [...new Set([...debianNames(p.build), ...p.systemBuild, ...(variant?.build_depends ?? [])])].sort(compare), depends: [...new Set([...debianNames(p.run), ...p.systemRun])].sort(compare),
      conflicts: relation('conflict'), replaces: relation('replace'), maintainer: distro.maintainer, licenseText: licenseText(source, input.manifest.licenses),
    });
    mkdirSync(join(source, 'debian'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(source, 'debian', name), text, { mode: name === 'rules' ? 0o755 : 0o644 });

    const old = ['focal', 'bionic', 'buster', 'bullseye'].includes(r.target.release);
    const limit = timeLimit(options.signal, options.minutes);
    const outcome = await options.driver.enter({
      root: { layers: [own, ...layers.value] }, network: false, user: 'builder', work: join(work, 'root'), log, signal: limit.signal,
      binds: [{ from: build, to: '/build' }],
      env: { SLIPWAY_JOBS: String(options.jobs), SLIPWAY_COMPRESSION: old ? 'xz' : 'zstd', SLIPWAY_COMPRESSION_LEVEL: old ? '1' : '3' },
      command: ['sh', '-ec', 'cd "$1"; echo "== build"; sh -e debian/slipway.sh build; echo "== package"; sh -e debian/slipway.sh binary', 'sh', `/build/${p.name}`],
    });
    limit.done();
    if (outcome.code !== 0) {
      if (limit.signal.aborted && !options.signal.aborted) return `it did not end in ${options.minutes} minutes, and was stopped (--timeout gives it longer)`;
      const cause = knownCause(readFileSync(log, 'utf8').slice(-200_000));
      return cause ? `${cause.cause}\n${cause.hint}` : outcome.code === 127 && outcome.stderr ? outcome.stderr : `its build ended with ${outcome.signal ?? outcome.code}`;
    }
    const main = debFile(p.debian, version, r.target.architecture);
    // Ubuntu's debhelper calls debug symbols .ddeb; they are ordinary packages.
    for (const f of readdirSync(build)) if (f.endsWith('.ddeb')) renameSync(join(build, f), join(build, f.replace(/\.ddeb$/, '.deb')));
    const made = readdirSync(build).filter((f) => f.endsWith('.deb')).sort((a, b) => Number(b === main) - Number(a === main) || compare(a, b));
    if (made[0] !== main) return `it made no ${main}`;
    const debs = [];
    for (const f of made) debs.push(await options.store.put(join(build, f)));
    const record: BuildRecord = { schema: 2, key, package: p.name, version, debs, files: [], systemDepends: [], inputs, milliseconds: 0 };
    const unpacked = await this.packages.unpack(record);
    if (!unpacked) return 'the store lost what was just built: is its disk sound?';
    record.files = unpacked.files;
    record.systemDepends = systemDepends(unpacked.status, new Set(r.scope.packages.map((q) => q.debian)));
    record.milliseconds = Math.round(options.now() - begun);
    return this.clash(r, p, record) ?? record;
  }

  /** Variables of a build: those of the conditions (catkin and ament read package.xml again), the variant's, the package's own. */
  private environment(r: ScopeRun, p: PlannedPackage): Record<string, string> {
    const { distro } = this.options;
    const input = this.options.distributions.find((d) => d.name === r.scope.distribution)!;
    return { ...conditionContext(input, distro.distributions[r.scope.distribution]!.conditions), ...distro.variants[r.target.variant]?.environment, ...this.settingsOf(p.name).environment };
  }

  /** Upstream's version with the stamp; an epoch more where upstream is below what the channel holds. */
  private version(r: ScopeRun, p: PlannedPackage): string {
    const held = this.options.held(r.scope, r.target, p.debian);
    const heldEpoch = held === undefined ? 0 : Number(/^(\d+):/.exec(held)?.[1] ?? 0);
    const upstreamOf = (v: string) => v.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
    const down = held !== undefined && compareDebianVersions(p.version, upstreamOf(held)) < 0;
    return debianVersion(p.version, r.target.release, this.options.plan.stamp, heldEpoch + (down ? 1 : 0));
  }
}

/** What a build type needs that package.xml need not say. */
const implied: Record<PlannedPackage['buildType'], string[]> = { catkin: [], ament_cmake: [], cmake: [], ament_python: ['dh-python', 'python3-all', 'python3-setuptools'] };

/** Names in Depends that are none of ours; of alternatives the first, as apt prefers. */
function systemDepends(control: string, ours: Set<string>): string[] {
  const field = /^Depends: (.*(?:\n .*)*)/m.exec(control)?.[1] ?? '';
  const names = field.split(',').map((d) => d.trim().split(/[\s(|:]/)[0]!).filter((d) => d && !ours.has(d));
  return [...new Set(names)].sort(compare);
}

function licenseText(source: string, licenses: { file?: string }[]): string | undefined {
  const named = licenses.flatMap((l) => (l.file && !l.file.startsWith('/') && !l.file.split('/').includes('..') ? [l.file] : []));
  for (const name of [...named, 'LICENSE', 'LICENSE.txt', 'LICENSE.md', 'COPYING', 'COPYING.txt']) {
    try {
      // Sources are not trusted: a link may lead out of them.
      const path = realpathSync(join(source, name));
      if (path.startsWith(`${realpathSync(source)}/`) && statSync(path).isFile()) return readFileSync(path, 'utf8').slice(0, 200_000);
    } catch { /* it is not there */ }
  }
  return undefined;
}

/** A signal that also comes when the time is up; `done` once nothing waits for it. */
function timeLimit(parent: AbortSignal, minutes: number): { signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, minutes * 60_000);
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return {
    signal: controller.signal,
    done() {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}

/** The repository that holds a package's tree. */
async function gitDirOf(state: string, p: PlannedPackage): Promise<string | undefined> {
  const own = join(state, 'git', `${sha256(p.source.url).slice(0, 24)}.git`);
  for (const dir of [own, join(state, 'git', 'archives.git'), join(state, 'git', 'folders.git')]) {
    if (existsSync(dir) && (await run('git', ['--git-dir', dir, 'cat-file', '-e', `${p.source.tree}^{tree}`])).code === 0) return dir;
  }
  const fetched = p.source.commit && /^[0-9a-f]{40}$/.test(p.source.commit) ? await fetchCommit(p.source.url, p.source.commit, state) : undefined;
  return fetched?.ok ? fetched.value.gitDir : undefined;
}
