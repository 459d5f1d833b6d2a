import { join } from 'node:path';
import { PackageFileError } from '../../io/deb.ts';
import { sha256File } from '../../io/files.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import type { DocRecord } from '../../model/docs.ts';
import type { BuildRecord, TestRecord } from '../../model/result.ts';
import { systemFilesFault } from '../../model/system-file-faults.ts';
import { shellQuote } from '../../render/template.ts';
import { Packages } from '../../sandbox/package-layers.ts';
import type { BuilderOptions } from './builder-options.ts';
import {
  buildLimit,
  enterEnvironment,
  failedPackage,
  prepareEnvironment,
  reasonOf,
  sourceFolder,
  testLimit,
  type BuildEnvironment,
  type BuildSteps,
  type ScriptSteps,
} from './environment.ts';
import { failed, made, type BuildOutcome, type BuildRequest, type Repeat } from './outcome.ts';
import { documentPackage } from '../docs/documentation.ts';
import { openObjects } from './objects.ts';
import { FileOwners } from './owners.ts';
import { rootsOf } from './roots.ts';
import { checkStaged, finishPackages, packingOf, refusal, type Packed } from './pack.ts';
import { environmentOf, systemBoundFault, systemDepends, versionOf, writeRecipe, writeTestFiles } from './packaging.ts';
import { hasTests, junitOf, noTests, readTestRun, shortCase, type TestRun } from './tests.ts';

/** Builds, tests and documents one package at a time, each in its own root. */
export class PackageBuilder {
  private readonly packages: Packages;
  private readonly owners: FileOwners;
  constructor(readonly options: BuilderOptions) {
    this.packages = new Packages(options.state, options.store);
    this.owners = new FileOwners(options.store);
  }

  async build(request: BuildRequest): Promise<BuildOutcome<BuildRecord>> {
    const { options } = this;
    const { graph, number } = request;
    const begun = options.now();
    const roots = graph.closures.root(number);
    const prepared = await prepareEnvironment(options, this.packages, request, roots);
    if (prepared.state !== 'made') return prepared;
    const unfit = systemBoundFault(request.package, prepared.value.system);
    if (unfit !== undefined) return failed(unfit);
    const packed = await this.compileAndPack(request, prepared.value);
    if (packed.state !== 'made') return packed;
    const kept = await this.keep(request, packed.value);
    if (kept.state !== 'made') return kept;
    const { paths, ...parts } = kept.value;
    const record: BuildRecord = {
      schema: 4,
      key: request.resolved.key,
      package: request.package.name,
      version: versionOf(options, request),
      ...parts,
      interface: packed.value.interface,
      abi: packed.value.abi.name,
      requires: packed.value.abi.requires,
      inputs: request.resolved.inputs(),
      system: prepared.value.system,
      roots: rootsOf(graph, number, roots),
      milliseconds: Math.round(options.now() - begun),
      ...(packed.value.warning === undefined ? {} : { warning: packed.value.warning }),
    };
    const clash = await this.owners.claim(graph, number, paths);
    return clash === undefined ? made(record) : failed(clash);
  }

  /**
   * Runs a command or a shell in a package's root with the build's environment. Returns the exit code. `built`: runs
   * the build first, even if it fails. With a terminal, the command gets its own terminal inside the root.
   */
  async shell(
    request: BuildRequest,
    asked: { command: readonly string[]; terminal: boolean; tests: boolean; built: boolean },
  ): Promise<BuildOutcome<number>> {
    const { options } = this;
    const { closures } = request.graph;
    const roots = asked.tests ? closures.testRoot(request.number) : closures.root(request.number);
    const prepared = await prepareEnvironment(options, this.packages, request, roots);
    if (prepared.state !== 'made') return prepared;
    const { source, recipe, build, own, layers } = prepared.value;
    const lacking = writeRecipe(options, request, source, recipe);
    if (lacking !== undefined) return failed(lacking);
    if (asked.tests) writeTestFiles(recipe);
    const steps = asked.built ? 'sh -e /slipway/slipway.sh build || echo "the build ended with $?"; ' : '';
    const inside = ['sh', '-c', `${steps}exec sh -e /slipway/slipway.sh shell "$@"`, 'sh', ...asked.command];
    const outcome = await options.driver.enter({
      root: { layers: [own, ...layers] },
      network: asked.tests ? 'loopback' : false,
      user: 'builder',
      work: join(request.work, 'root-shell'),
      terminal: true,
      signal: options.signal,
      binds: [
        { from: build, to: '/build' },
        { from: recipe, to: '/slipway', readOnly: true },
      ],
      env: { SLIPWAY_JOBS: String(options.jobs), TERM: process.env.TERM ?? 'dumb' },
      command: [
        'sh',
        '-ec',
        'cd "$1"; shift; exec "$@"',
        'sh',
        `/build/${sourceFolder(request.package.name)}`,
        ...(asked.terminal ? ['script', '-qec', inside.map(shellQuote).join(' '), '/dev/null'] : inside),
      ],
    });
    return made(outcome.code);
  }

  /** Builds a package again under other conditions. Returns the files that it made, in the request's folder. */
  async repeat(request: BuildRequest & { repeat: Repeat }): Promise<BuildOutcome<string[]>> {
    const roots = request.graph.closures.root(request.number);
    const prepared = await prepareEnvironment(this.options, this.packages, request, roots);
    if (prepared.state !== 'made') return prepared;
    const packed = await this.compileAndPack(request, prepared.value);
    return packed.state === 'made' ? made(packed.value.files.map((f) => f.path)) : packed;
  }

  /**
   * Second stage: configures, compiles and installs with the package's own code, then packs the result in another root
   * where no code of the package has run.
   */
  private async compileAndPack(request: BuildRequest, environment: BuildEnvironment): Promise<BuildOutcome<Packed>> {
    const { options } = this;
    const { package: p, work, log } = request;
    const lacking = writeRecipe(options, request, environment.source, environment.recipe);
    if (lacking !== undefined) return failed(lacking);
    const limit = buildLimit(options, p.name);
    const enter = (entry: ScriptSteps, env: BuildSteps['env'] = {}) =>
      enterEnvironment(options, request, environment, { ...entry, env, network: false, signal: limit.signal });
    const objects =
      options.incrementalObjects && !request.repeat ? await openObjects(options, request, environment) : undefined;
    let ended = false;
    try {
      const built = await enter(
        {
          script: 'slipway.sh',
          steps: ['build', 'stage'],
          folder: `/build/${sourceFolder(p.name)}`,
          binds: [
            { from: environment.build, to: '/build' },
            ...(objects ? [{ from: objects.folder, to: '/build/obj' }] : []),
          ],
        },
        objects?.reused ? { SLIPWAY_CONFIGURED: '1' } : {},
      );
      ended = built.signal === null && !built.exceeded && !limit.signal.aborted;
      if (built.code !== 0)
        return failed(reasonOf(options, built, limit, { log, what: 'its build', failed: failedPackage(request) }));
      const fault = checkStaged(request, environment);
      if (fault !== undefined) return failed(fault);
      const folder = join(work, 'pack');
      const packed = await enter(packingOf(environment, folder));
      if (packed.code !== 0) return failed(reasonOf(options, packed, limit, { log, what: 'packing it' }));
      return await finishPackages(options, request, environment, folder);
    } finally {
      await objects?.close(ended);
      limit.done();
    }
  }

  /**
   * Third stage: stores the packages. `paths`: files of the binary package. It is unpacked to where dependents use it,
   * and verified while unpacking.
   */
  private async keep(
    request: BuildRequest,
    { files, debugPaths }: Packed,
  ): Promise<BuildOutcome<Pick<BuildRecord, 'debs' | 'files' | 'systemDepends'> & { paths: string[] }>> {
    const { store } = this.options;
    const { graph } = request;
    const [main] = files;
    if (!main) return failed('packing it left no package');
    let unpacked;
    try {
      unpacked = await this.packages.take(main.path, main.policy);
    } catch (e) {
      if (!(e instanceof PackageFileError)) throw e;
      return failed(refusal([{ text: e.message, remedy: e.remedy }]) ?? '');
    }
    const unfit = await this.systemFilesFault(request.package, main.path);
    if (unfit !== undefined) return failed(refusal([{ text: unfit }]) ?? '');
    const debs = [];
    for (const { path } of files) debs.push(await store.put(path));
    const own = new Set([...graph.scope.packages.map((q) => q.debian), environmentOf(this.options, request)]);
    const paths = [...unpacked.files, ...debugPaths];
    return made({
      debs,
      files: await store.putText('files.json', JSON.stringify(paths)),
      systemDepends: systemDepends(unpacked.status, own),
      paths,
    });
  }

  /** Why a package's system files can't be published: their content exceeds what their kind allows. */
  private async systemFilesFault(
    { name, systemFiles = [] }: PlannedPackage,
    file: string,
  ): Promise<string | undefined> {
    if (!systemFiles.length) return undefined;
    const digest = await sha256File(file);
    const installed = [];
    for (const { target } of systemFiles)
      installed.push({ target, text: (await this.packages.text(digest, target)) ?? '' });
    return systemFilesFault(installed, { name, organization: this.options.distro.organization });
  }

  /**
   * Builds the package again with its tests in a root with their dependencies, and runs them. Failing tests give a
   * record, too.
   */
  async test(request: BuildRequest): Promise<BuildOutcome<TestRecord>> {
    const { options } = this;
    const begun = options.now();
    const roots = request.graph.closures.testRoot(request.number);
    const prepared = await prepareEnvironment(options, this.packages, request, roots);
    if (prepared.state !== 'made') return prepared;
    const tests = hasTests(prepared.value.source, request.package.buildType)
      ? await this.runTests(request, prepared.value, begun)
      : noTests;
    if (options.signal.aborted) return failed('the run was stopped');
    return made(await this.testRecord(request, tests, Math.round(options.now() - begun)));
  }

  private async runTests(request: BuildRequest, environment: BuildEnvironment, begun: number): Promise<TestRun> {
    const { options } = this;
    const { log } = request;
    writeRecipe(options, request, environment.source, environment.recipe);
    writeTestFiles(environment.recipe);
    const limit = testLimit(options, request.package.name, options.distro.tests.minutes);
    const env = {
      SLIPWAY_TEST_RETRIES: String(options.retries),
      SLIPWAY_TEST_TIMEOUT: String(Math.max(10, Math.min(600, limit.minutes * 60 - 5))),
    };
    const outcome = await enterEnvironment(options, request, environment, {
      script: 'slipway.sh',
      steps: ['test'],
      folder: `/build/${sourceFolder(request.package.name)}`,
      binds: [{ from: environment.build, to: '/build' }],
      env,
      network: 'loopback',
      signal: limit.signal,
    });
    limit.done();
    return readTestRun({
      package: request.package.name,
      build: environment.build,
      results: 'results',
      outcome,
      log,
      seconds: (options.now() - begun) / 1000,
      reason: () =>
        reasonOf(options, outcome, limit, { log, what: 'the build of its tests', failed: failedPackage(request) }),
    });
  }

  /** Makes a package's documentation. Faults in it give a record, too. */
  document(request: BuildRequest): Promise<BuildOutcome<DocRecord>> {
    return documentPackage(this.options, this.packages, request);
  }

  private async testRecord(request: BuildRequest, run: TestRun, milliseconds: number): Promise<TestRecord> {
    const { store } = this.options;
    const { name } = request.package;
    const { outcome, cases, flaky, attempts } = run;
    const failures = cases.filter((c) => c.result === 'failed');
    return {
      schema: 4,
      key: request.resolved.key,
      package: name,
      outcome,
      tests: cases.length,
      failures: failures.length,
      skipped: cases.filter((c) => c.result === 'skipped').length,
      failed: failures.map(shortCase),
      flaky,
      attempts,
      inputs: request.resolved.inputs(),
      milliseconds,
      log: await store.put(request.log),
      ...(cases.length ? { junit: await store.putText(`${name}.xml`, junitOf(name, cases)) } : {}),
    };
  }
}
