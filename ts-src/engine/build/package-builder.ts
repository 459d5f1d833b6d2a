import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { compare } from '../../model/diagnostics.ts';
import { sha256 } from '../../model/digest.ts';
import type { Distro } from '../../model/distro.ts';
import { abiName, debFile, debianPackage, debianVersion } from '../../model/names.ts';
import type { PlannedPackage, Scope, Target } from '../../model/plan.ts';
import type { BriefRecord, BuildRecord, FailedCase, TestCase, TestRecord } from '../../model/result.ts';
import { run, type Outcome } from '../../io/process.ts';
import { conditionEvaluator } from '../../plan/conditions.ts';
import { conditionContext } from '../../plan/evaluate.ts';
import { compareDebianVersions } from '../../plan/versions.ts';
import { checkout, fetchCommit } from '../../read/git/git.ts';
import { renderDebian } from '../../render/debian.ts';
import { renderJunit } from '../../render/junit.ts';
import { knownCause } from '../../render/log.ts';
import type { Driver } from '../../sandbox/driver.ts';
import { describe, interfaceOf } from '../../inspect/interface.ts';
import { readResults } from '../../inspect/test-results.ts';
import { Packages } from '../../sandbox/package-layers.ts';
import { restoreSource } from '../../store/sources.ts';
import type { Store } from '../../store/store.ts';
import type { TaskGraph } from '../task-graph.ts';
import type { ResolvedTask, TaskKeys } from '../task-keys.ts';

export interface BuilderOptions {
  stamp: string;
  distro: Distro;
  distroRoot: string;
  driver: Driver;
  state: string;
  store: Store;
  taskKeys: TaskKeys;
  /** Compilers of one package. */
  jobs: number;
  /** Longest time that a package may build, or its tests may take, in minutes. */
  minutes: number;
  /** How often tests that failed are tried again. */
  retries: number;
  /** Version that the channel holds, by Debian package. */
  channelVersion: (scope: Scope, target: Target, debian: string) => string | undefined;
  signal: AbortSignal;
  now: () => number;
}

/** What a task came to: its record, why there is none, or packages of its root that the store lost. */
export type Made<T> = { record: T } | { fault: string } | { lost: number[] };

interface BuildEnvironment {
  source: string;
  build: string;
  system: string[];
  layers: string[];
  own: string;
}

/** Builds and tests one package at a time, each in a root of its own. */
export class PackageBuilder {
  readonly packages: Packages;
  constructor(private readonly options: BuilderOptions) {
    this.packages = new Packages(options.state, options.store);
  }

  async build(
    graph: TaskGraph,
    n: number,
    settled: ResolvedTask,
    work: string,
    log: string,
  ): Promise<Made<BuildRecord>> {
    const { options } = this;
    const p = graph.scope.packages[n]!;
    const begun = options.now();
    const roots = graph.closures.root(n);
    const room = await this.prepareEnvironment(graph, p, settled, roots, work, log);
    if ('fault' in room || 'lost' in room) return room;
    const version = this.version(graph, p);
    this.writePackaging(graph, p, room.source, version);
    const enter = (steps: string, env: Record<string, string>, signal: AbortSignal) =>
      this.enter(graph, p, room, join(work, `root-${steps.replaceAll(' ', '-')}`), steps, env, false, log, signal);
    const limit = timeLimit(options.signal, options.minutes);
    let outcome = await enter('build stage', {}, limit.signal);
    const description = outcome.code === 0 ? describe(join(room.source, 'debian', p.debian)) : undefined;
    const shown = description && interfaceOf(description);
    const abi = shown
      ? this.abiOf(graph, n, shown.shown, join(room.source, 'debian', `${p.debian}.substvars`))
      : { name: '', requires: [] };
    if (outcome.code === 0)
      outcome = await enter('pack', { SLIPWAY_ABI: abi.name, SLIPWAY_REQUIRES: abi.requires.join(', ') }, limit.signal);
    limit.done();
    if (outcome.code !== 0 || !shown) return { fault: this.faultOf(outcome, limit.signal, log, 'its build') };

    const main = debFile(p.debian, version, graph.target.architecture);
    // Ubuntu's debhelper calls debug symbols .ddeb; they are ordinary packages.
    for (const f of readdirSync(room.build))
      if (f.endsWith('.ddeb')) renameSync(join(room.build, f), join(room.build, f.replace(/\.ddeb$/, '.deb')));
    const made = readdirSync(room.build)
      .filter((f) => f.endsWith('.deb'))
      .sort((a, b) => Number(b === main) - Number(a === main) || compare(a, b));
    if (made[0] !== main) return { fault: `it made no ${main}` };
    const debs = [];
    for (const f of made) debs.push(await options.store.put(join(room.build, f)));
    const unpacked = await this.packages.unpack(debs[0]!);
    if (!unpacked) return { fault: 'the store lost what was just built: is its disk sound?' };
    const own = new Set(graph.scope.packages.map((q) => q.debian));
    const record: BuildRecord = {
      schema: 3,
      key: settled.key,
      package: p.name,
      version,
      debs,
      files: await options.store.putText('files.json', JSON.stringify(unpacked.files)),
      systemDepends: systemDepends(unpacked.status, own),
      interface: shown,
      abi: abi.name,
      requires: abi.requires,
      inputs: settled.inputs(),
      system: room.system,
      roots: rootsOf(graph, n, roots),
      milliseconds: Math.round(options.now() - begun),
    };
    const clash = await this.clash(graph, n, unpacked.files);
    return clash === undefined ? { record } : { fault: clash };
  }

  /**
   * Builds the package once more with its tests, in a root that has what they need, and runs them. A failing test is a
   * record too.
   */
  async test(graph: TaskGraph, n: number, settled: ResolvedTask, work: string, log: string): Promise<Made<TestRecord>> {
    const { options } = this;
    const p = graph.scope.packages[n]!;
    const begun = options.now();
    const record = (
      outcome: TestRecord['outcome'],
      cases: TestCase[],
      attempts: number,
      flaky: FailedCase[],
    ): Omit<TestRecord, 'log' | 'junit'> => ({
      schema: 3,
      key: settled.key,
      package: p.name,
      outcome,
      tests: cases.length,
      failures: cases.filter((c) => c.result === 'failed').length,
      skipped: cases.filter((c) => c.result === 'skipped').length,
      failed: cases.filter((c) => c.result === 'failed').map(shortCase),
      flaky,
      attempts,
      inputs: settled.inputs(),
      milliseconds: Math.round(options.now() - begun),
    });
    const finish = async (made: Omit<TestRecord, 'log' | 'junit'>, cases: TestCase[]): Promise<Made<TestRecord>> => ({
      record: {
        ...made,
        log: await options.store.put(log),
        ...(cases.length ? { junit: await options.store.putText(`${p.name}.xml`, renderJunit(p.name, cases)) } : {}),
      },
    });
    const room = await this.prepareEnvironment(graph, p, settled, graph.closures.testRoot(n), work, log);
    if ('fault' in room || 'lost' in room) return room;
    if (!hasTests(room.source, p)) return finish(record('none', [], 0, []), []);
    this.writePackaging(graph, p, room.source, this.version(graph, p));
    const limit = timeLimit(options.signal, options.minutes);
    const env = {
      SLIPWAY_TEST_RETRIES: String(options.retries),
      SLIPWAY_TEST_TIMEOUT: String(Math.max(10, Math.min(600, options.minutes * 60 - 5))),
    };
    const outcome = await this.enter(
      graph,
      p,
      room,
      join(work, 'root-test'),
      'test',
      env,
      'loopback',
      log,
      limit.signal,
    );
    limit.done();
    if (options.signal.aborted) return { fault: 'the run was stopped' };
    const results = join(room.build, 'results');
    const attempts = existsSync(results)
      ? readdirSync(results)
          .filter((f) => /^\d+$/.test(f))
          .map(Number)
          .sort((a, b) => a - b)
      : [];
    const byAttempt = attempts.map((a) => readResults(join(results, String(a))));
    const last = byAttempt[byAttempt.length - 1];
    const whole = (message: string): TestCase[] => [
      {
        suite: p.name,
        name: 'tests',
        seconds: (options.now() - begun) / 1000,
        result: 'failed',
        message,
        output: readFileSync(log, 'utf8').slice(-20_000),
      },
    ];
    if (outcome.code !== 0 || !last) {
      const cases = [
        ...(last?.cases ?? []),
        ...whole(this.faultOf(outcome, limit.signal, log, 'the build of its tests')),
      ];
      return finish(record('failed', cases, attempts.length, []), cases);
    }
    const exit = readFileSync(join(results, String(attempts[attempts.length - 1]), 'exit'), 'utf8').trim();
    const cases = [...last.cases];
    if (last.damaged.length) cases.push(...whole(`its results can't be read: ${last.damaged.join(', ')}`));
    else if (exit !== '0' && !cases.some((c) => c.result === 'failed'))
      cases.push(...whole('its tests ended with a failure that no result file tells of: the log has it'));
    const id = (c: TestCase) => `${c.suite}\0${c.name}`;
    const earlier = new Map(
      byAttempt
        .slice(0, -1)
        .flatMap((a) => a.cases)
        .filter((c) => c.result === 'failed')
        .map((c) => [id(c), c]),
    );
    const flaky: FailedCase[] = [];
    for (const c of cases) {
      const before = earlier.get(id(c));
      if (!before || c.result !== 'passed') continue;
      Object.assign(c, { flaky: true, message: before.message });
      flaky.push(shortCase(before));
    }
    return finish(
      record(
        cases.some((c) => c.result === 'failed') ? 'failed' : cases.length ? 'passed' : 'none',
        cases,
        attempts.length,
        flaky,
      ),
      cases,
    );
  }

  /** Source, packages and system layers of a task, at hand. */
  private async prepareEnvironment(
    graph: TaskGraph,
    p: PlannedPackage,
    settled: ResolvedTask,
    roots: number[],
    work: string,
    log: string,
  ): Promise<BuildEnvironment | { fault: string } | { lost: number[] }> {
    const { options } = this;
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, `== ${p.name} ${p.version} on ${graph.id}, key ${settled.key}\n`);
    const system = await settled.set.packages();
    if (typeof system === 'string') return { fault: `apt can't install what it needs: ${system}` };
    const layers = await graph.system.root(system);
    if (!layers.ok) return { fault: `${layers.diagnostics[0]!.message} (${layers.diagnostics[0]!.file})` };
    const lost = await this.packages.compose(
      roots.map((d) => graph.records[d]!.debs[0]!),
      graph.system.status(layers.value)!,
      join(work, 'own'),
    );
    if (lost.length) return { lost: roots.filter((d) => lost.includes(graph.records[d]!.debs[0]!.sha256)) };
    const build = join(work, 'build');
    const source = join(build, p.name);
    const fault = await this.bringSource(p, source);
    if (fault !== undefined) return { fault };
    for (const patch of options.taskKeys.settingsOf(p.name).patches ?? []) {
      const applied = await run('git', ['apply', '-p1', '--whitespace=nowarn', join(options.distroRoot, patch)], {
        cwd: source,
        env: { ...process.env, GIT_CEILING_DIRECTORIES: build },
      });
      if (applied.code !== 0)
        return { fault: `the patch ${patch} does not apply: ${applied.stderr.trim().split('\n')[0]}` };
    }
    return { source, build, system, layers: layers.value, own: join(work, 'own') };
  }

  private async bringSource(p: PlannedPackage, source: string): Promise<string | undefined> {
    const { state, store } = this.options;
    if (p.source.tree !== undefined && (await restoreSource(store, p.source.tree, source))) return undefined;
    const gitDir = await gitDirOf(state, p);
    if (!gitDir || !p.source.tree) return `its sources are not at hand (${p.source.url})`;
    const out = await checkout({ gitDir }, p.source.tree, source);
    return out.ok ? undefined : out.diagnostics[0]!.message;
  }

  private enter(
    graph: TaskGraph,
    p: PlannedPackage,
    room: BuildEnvironment,
    work: string,
    steps: string,
    env: Record<string, string>,
    network: false | 'loopback',
    log: string,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const old = ['focal', 'bionic', 'buster', 'bullseye'].includes(graph.target.release);
    return this.options.driver.enter({
      root: { layers: [room.own, ...room.layers] },
      network,
      user: 'builder',
      work,
      log,
      signal,
      binds: [{ from: room.build, to: '/build' }],
      env: {
        SLIPWAY_JOBS: String(this.options.jobs),
        SLIPWAY_COMPRESSION: old ? 'xz' : 'zstd',
        SLIPWAY_COMPRESSION_LEVEL: old ? '1' : '3',
        ...env,
      },
      command: [
        'sh',
        '-ec',
        'cd "$1"; shift; for step; do echo "== $step"; sh -e debian/slipway.sh "$step"; done',
        'sh',
        `/build/${p.name}`,
        ...steps.split(' '),
      ],
    });
  }

  private faultOf(outcome: Outcome, signal: AbortSignal, log: string, what: string): string {
    const { options } = this;
    if (signal.aborted && !options.signal.aborted)
      return `it did not end in ${options.minutes >= 1 ? `${Math.round(options.minutes)} minutes` : `${Math.round(options.minutes * 60)} seconds`}, and was stopped (--timeout gives it longer)`;
    const cause = knownCause(readFileSync(log, 'utf8').slice(-200_000));
    return cause
      ? `${cause.cause}\n${cause.hint}`
      : outcome.code === 127 && outcome.stderr
        ? outcome.stderr
        : `${what} ended with ${outcome.signal ?? outcome.code}`;
  }

  /** `debian/` in the package's folder. */
  private writePackaging(graph: TaskGraph, p: PlannedPackage, source: string, version: string): void {
    const { distro, taskKeys: settler, stamp } = this.options;
    const input = settler.distribution(graph);
    const { manifest } = input.packages.get(p.name)!;
    const settings = settler.settingsOf(p.name);
    const variant = distro.variants[graph.target.variant];
    const holds = conditionEvaluator(
      conditionContext(input, distro.distributions[graph.scope.distribution]!.conditions),
    );
    const relation = (kind: 'conflict' | 'replace') =>
      manifest.dependencies
        .filter((d) => d.tag === kind && holds(d.condition) && /^[A-Za-z0-9_-]+$/.test(d.name))
        .map((d) => debianPackage(distro, graph.scope.distribution, d.name));
    const debianNames = (names: string[]) =>
      names.flatMap((d) => {
        const q = graph.scope.packages[graph.closures.index.get(d) ?? -1];
        return q ? (p.bounds[d] ?? ['']).map((b) => (b ? `${q.debian} (${b})` : q.debian)) : [];
      });
    rmSync(join(source, 'debian'), { recursive: true, force: true });
    const files = renderDebian({
      package: p,
      manifest,
      version,
      stamp,
      release: graph.target.release,
      prefix: graph.scope.prefix,
      underlayPrefixes: graph.scope.underlayPrefixes,
      cmakeArgs: [...(variant?.cmake_args ?? []), ...(settings.cmake_args ?? [])],
      environment: settler.environment(graph, p),
      buildDepends: [...new Set([...debianNames(p.build), ...p.systemBuild, ...(variant?.build_depends ?? [])])].sort(
        compare,
      ),
      depends: [...new Set([...debianNames(p.run), ...p.systemRun])].sort(compare),
      conflicts: relation('conflict'),
      replaces: relation('replace'),
      maintainer: distro.maintainer,
      licenseText: licenseText(source, manifest.licenses),
    });
    mkdirSync(join(source, 'debian'), { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(source, 'debian', name), text, { mode: name === 'rules' ? 0o755 : 0o644 });
  }

  /**
   * The ABI name of a package, over its interface and the ABI names of what it was built against and needs at run time;
   * and those names that it requires: of what it needs directly, and of what these don't require themselves. So a
   * package that was built against another interface, however far below, can't be installed with this one.
   */
  private abiOf(graph: TaskGraph, n: number, shown: string, substvars: string): { name: string; requires: string[] } {
    const p = graph.scope.packages[n]!;
    const root = new Set(graph.closures.root(n));
    const declared = graph.closures.run(n).filter((d) => root.has(d));
    const byAbi = new Map(graph.closures.root(n).map((d) => [graph.records[d]!.abi, graph.records[d]!]));
    const covered = new Set<string>();
    const cover = (record: BriefRecord) =>
      record.requires.forEach((abi) => {
        if (covered.has(abi)) return;
        covered.add(abi);
        const next = byAbi.get(abi);
        if (next) cover(next);
      });
    const direct = p.run.flatMap((name) => graph.closures.index.get(name) ?? []).filter((d) => root.has(d));
    for (const d of direct) cover(graph.records[d]!);
    const requires = new Set(direct.map((d) => graph.records[d]!.abi));
    for (const d of declared) if (!covered.has(graph.records[d]!.abi)) requires.add(graph.records[d]!.abi);
    const own = [...requires].sort(compare);
    const name = abiName(p.debian, sha256(JSON.stringify([shown, own])));
    // What it links though it does not say so: required by itself, but no part of its own name, for plans don't know of
    // it.
    const linked = (
      /^slipway:Depends=(.*)$/m.exec(existsSync(substvars) ? readFileSync(substvars, 'utf8') : '')?.[1] ?? ''
    ).split(', ');
    graph.closures
      .root(n)
      .forEach(
        (d) =>
          linked.includes(graph.scope.packages[d]!.debian) &&
          !covered.has(graph.records[d]!.abi) &&
          requires.add(graph.records[d]!.abi),
      );
    return { name, requires: [...requires].sort(compare) };
  }

  /**
   * Two packages that ship one file: apt would refuse the second. Asked when one was built; before that nothing is new.
   */
  private async clash(graph: TaskGraph, n: number, files: readonly string[]): Promise<string | undefined> {
    const name = graph.scope.packages[n]!.name;
    await this.knowOwners(graph, n);
    for (const file of files) {
      const owner = graph.owners.get(file);
      if (owner !== undefined && owner !== name) return `it ships ${file}, which '${owner}' ships too`;
    }
    for (const file of files) graph.owners.set(file, name);
    return undefined;
  }

  private readonly listed = new WeakMap<TaskGraph, Set<string>>();
  private async knowOwners(graph: TaskGraph, n: number): Promise<void> {
    let listed = this.listed.get(graph);
    if (!listed) this.listed.set(graph, (listed = new Set()));
    const missing = graph.records.flatMap((record, i) =>
      record && i !== n && !listed.has(record.key) ? [{ record, name: graph.scope.packages[i]!.name }] : [],
    );
    for (const { record } of missing) listed.add(record.key);
    await this.options.store.many(missing, async ({ record, name }) => {
      const text = await this.options.store.readText(record.files);
      if (text !== undefined) for (const file of JSON.parse(text) as string[]) graph.owners.set(file, name);
    });
  }

  /** Upstream's version with the stamp; an epoch more where upstream is below what the channel holds. */
  private version(graph: TaskGraph, p: PlannedPackage): string {
    const held = this.options.channelVersion(graph.scope, graph.target, p.debian);
    const heldEpoch = held === undefined ? 0 : Number(/^(\d+):/.exec(held)?.[1] ?? 0);
    const upstreamOf = (v: string) => v.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
    const down = held !== undefined && compareDebianVersions(p.version, upstreamOf(held)) < 0;
    return debianVersion(p.version, graph.target.release, this.options.stamp, heldEpoch + (down ? 1 : 0));
  }
}

/** What stood for each package in a root when it was built, short: for people who ask why it was built again. */
const rootsOf = (graph: TaskGraph, n: number, roots: readonly number[]): Record<string, string> => {
  const tools = new Set(graph.scope.packages[n]!.tools);
  return Object.fromEntries(
    roots.map((d) => {
      const { name } = graph.scope.packages[d]!;
      const { shown, content } = graph.records[d]!.interface;
      return [name, `${shown.slice(0, 12)}${tools.has(name) ? ` ${content.slice(0, 12)}` : ''}`];
    }),
  );
};

const shortCase = (c: TestCase): FailedCase => ({ suite: c.suite, name: c.name, message: c.message.slice(0, 2000) });

const testWords =
  /\b(?:catkin_add_\w*(?:gtest|gmock|nosetests)|add_rostest\w*|CATKIN_ENABLE_TESTING|BUILD_TESTING|ament_add_\w+|ament_lint_auto_find_test_dependencies|add_test|gtest_discover_tests|catkin_discover_tests)\b/;

/**
 * Whether it is worth while to build a package with its tests: whether any of its CMake files speaks of tests, or it
 * has Python ones.
 */
function hasTests(source: string, p: PlannedPackage): boolean {
  const visit = (folder: string, depth: number): boolean =>
    readdirSync(folder, { withFileTypes: true }).some((e) => {
      const path = join(folder, e.name);
      if (e.isDirectory()) return depth < 8 && e.name !== '.git' && visit(path, depth + 1);
      if (p.buildType === 'ament_python') return /^(test_.*|.*_test)\.py$/.test(e.name);
      return (
        (e.name === 'CMakeLists.txt' || e.name.endsWith('.cmake')) &&
        lstatSync(path).isFile() &&
        testWords.test(readFileSync(path, 'utf8'))
      );
    });
  return visit(source, 0);
}

/** Names in Depends that are none of ours; of alternatives the first, as apt prefers. */
function systemDepends(control: string, ours: Set<string>): string[] {
  const field = /^Depends: (.*(?:\n .*)*)/m.exec(control)?.[1] ?? '';
  const names = field
    .split(',')
    .map((d) => d.trim().split(/[\s(|:]/)[0]!)
    .filter((d) => d && !ours.has(d) && !ours.has(d.replace(/-abi-[0-9a-f]{16}$/, '')));
  return [...new Set(names)].sort(compare);
}

function licenseText(source: string, licenses: { file?: string }[]): string | undefined {
  const named = licenses.flatMap((l) =>
    l.file && !l.file.startsWith('/') && !l.file.split('/').includes('..') ? [l.file] : [],
  );
  for (const name of [...named, 'LICENSE', 'LICENSE.txt', 'LICENSE.md', 'COPYING', 'COPYING.txt']) {
    try {
      // Sources are not trusted: a link may lead out of them.
      const path = realpathSync(join(source, name));
      if (path.startsWith(`${realpathSync(source)}/`) && statSync(path).isFile())
        return readFileSync(path, 'utf8').slice(0, 200_000);
    } catch {
      /* it is not there */
    }
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
export async function gitDirOf(state: string, p: PlannedPackage): Promise<string | undefined> {
  const own = join(state, 'git', `${sha256(p.source.url).slice(0, 24)}.git`);
  for (const dir of [own, join(state, 'git', 'archives.git'), join(state, 'git', 'folders.git')]) {
    if (
      existsSync(dir) &&
      (await run('git', ['--git-dir', dir, 'cat-file', '-e', `${p.source.tree}^{tree}`])).code === 0
    )
      return dir;
  }
  const fetched =
    p.source.commit && /^[0-9a-f]{40}$/.test(p.source.commit)
      ? await fetchCommit(p.source.url, p.source.commit, state)
      : undefined;
  return fetched?.ok ? fetched.value.gitDir : undefined;
}
