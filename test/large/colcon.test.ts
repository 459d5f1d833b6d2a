import { mkdirSync, readdirSync, rmSync, writeFileSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readResults } from '../../ts-src/inspect/test-results.ts';
import type { PlannedPackage } from '../../ts-src/model/plan.ts';
import type { TestCase } from '../../ts-src/model/result.ts';
import { discard, mirrorOf, resultOf, root, slipway, workspace } from '../e2e/helpers.ts';
import { forgetResult, makeColconRoot, runColcon, type ColconResult } from '../e2e/colcon.ts';
import { hasRos2Sources, makeRos2, ros2Sources } from '../e2e/ros2.mjs';
import { packagesIn } from '../told-plan.ts';

/**
 * Packages whose tests fail with Slipway but not with colcon, with the reason. Slipway's roots have what a package
 * declares; colcon's root has what any of the packages declares.
 */
const explained: Record<string, string> = {
  osrf_pycommon: 'a test runs flake8, which its manifest does not declare',
  ...Object.fromEntries(
    [
      'rosidl_cli',
      'rosidl_adapter',
      'rosidl_generator_py',
      'rosidl_typesupport_cpp',
      'rosidl_typesupport_fastrtps_c',
      'rosidl_typesupport_fastrtps_cpp',
    ].map((name) => [name, 'rosidl_cli imports yaml, which its manifest does not declare']),
  ),
};

/**
 * How often colcon repeats a package's tests before a test that failed with Slipway is one that colcon passes. Tests of
 * rclpy and ros2cli depend on what another process or thread has done in the meantime, and fail at random.
 */
const repetitions = 6;

if (!hasRos2Sources) console.log(`ROS 2 from upstream is left out: ${ros2Sources} is not there`);

describe.runIf(hasRos2Sources)('tests of ROS 2, by Slipway and by colcon in an equal root', () => {
  // A kept workspace of e2e:ros2 saves the builds; SLIPWAY_PACKAGES selects packages of it.
  const given = process.env.SLIPWAY_ROS2_FOLDER;
  const folder = given ?? (hasRos2Sources ? workspace('colcon') : '');
  const colconRoot = join(folder, 'colcon-root');
  afterAll(() => (hasRos2Sources && given === undefined ? discard(folder) : undefined));

  let packages: PlannedPackage[] = [];
  const ours = new Map<string, { state: string; reason: string; cases: TestCase[] }>();

  it('Slipway tests all packages', async () => {
    if (given === undefined) makeRos2(folder);
    const all = await planned(folder, []);
    const names = process.env.SLIPWAY_PACKAGES?.split(' ') ?? all.map((p) => p.name);
    packages = all.filter((p) => names.includes(p.name));
    const ran = await slipway(['test', ...packages.map((p) => p.name)], folder);
    const results = resultOf(folder);
    const tests = results.filter((r) => r.id.endsWith(':test'));
    expect(tests.map((t) => t.name).sort(), ran.stderr.slice(-5000)).toEqual(packages.map((p) => p.name).sort());
    for (const t of tests)
      ours.set(t.name, { state: t.state, reason: t.reason, cases: await casesOf(folder, t.name, join(folder, 'out')) });
    // Packages that only tests need are published only if they are named.
    const built = results.filter((r) => !r.id.endsWith(':test') && r.debs?.length).map((r) => r.name);
    const named = await slipway(['build', ...built], folder);
    expect(named.code, named.stderr.slice(-5000)).toBe(0);
    const known = await planned(folder, built);
    await makeColconRoot({
      root: colconRoot,
      release: 'bookworm',
      sources: [...mirrorOf('bookworm'), sourcesOf(named.stdout, folder)],
      packages: [
        ...known.filter((p) => built.includes(p.name)).map((p) => p.debian),
        ...known.flatMap((p) => [...p.systemBuild, ...p.systemRun, ...p.systemTest]),
        ...known.flatMap((p) => [...(p.impliedBuild ?? []), ...(p.impliedTest ?? [])]),
      ],
    });
  });

  const byColcon = (tested: PlannedPackage[]): Promise<Map<string, ColconResult>> =>
    runColcon({
      root: colconRoot,
      source: join(folder, 'src'),
      schemas: join(root, 'resources/schemas'),
      packages: tested.map((p) => ({ name: p.name, path: `${p.repository}/${p.source.path}` })),
    });
  const worse: PlannedPackage[] = [];

  it('tests the same packages', async () => {
    const ran = await byColcon(packages);
    const rows: string[][] = [];
    const unbuilt: string[] = [];
    const untested: string[] = [];
    for (const p of packages) {
      const { name } = p;
      const here = ours.get(name);
      const there = ran.get(name);
      if (!here || !there) throw new Error(`${name} was not tested twice`);
      const cases = (await readResults(there.results, '')).cases;
      const tested = there.passed ? 'passed' : 'failed';
      const theirs = there.built ? tested : 'not built';
      rows.push([
        name,
        here.state,
        `${failedOf(here.cases).length}/${here.cases.length}`,
        theirs,
        `${failedOf(cases).length}/${cases.length}`,
      ]);
      const passed = here.state === 'passed' || here.state === 'cached';
      if (!passed && theirs === 'passed') worse.push(p);
      if (here.cases.length > 0 && !there.built) unbuilt.push(name);
      if (here.cases.length === 0 && cases.length > 0) untested.push(name);
    }
    writeFileSync(join(folder, 'colcon.tsv'), rows.map((r) => `${r.join('\t')}\n`).join(''));
    const differ = rows.filter(([, a, x, b, y]) => a !== b || x !== y);
    console.log(differ.map((r) => r.join('  ')).join('\n'));
    expect({ unbuilt, untested }).toEqual({ unbuilt: [], untested: [] });
  });

  it('fails no test that colcon always passes, except those explained', async () => {
    const onlyHere: string[] = [];
    for (const p of worse.filter(({ name }) => explained[name] === undefined)) {
      const left = new Set(failedOf(ours.get(p.name)?.cases ?? []));
      if (left.size === 0) onlyHere.push(p.name);
      for (let run = 0; left.size > 0 && run < repetitions; run++) {
        forgetResult(colconRoot, p.name);
        const there = (await byColcon([p])).get(p.name);
        for (const id of failedOf((await readResults(there?.results ?? '', '')).cases)) left.delete(id);
      }
      onlyHere.push(...[...left].map((id) => `${p.name}: ${id}`));
    }
    expect(onlyHere).toEqual([]);
  });
});

/** Names of failed tests. colcon and Slipway give pytest other prefixes of suites. */
const failedOf = (cases: TestCase[]): string[] =>
  cases.filter((c) => c.result === 'failed').map((c) => `${c.suite.split('.').at(-1)} ${c.name}`);

async function planned(folder: string, names: string[]): Promise<PlannedPackage[]> {
  const { stdout } = await slipway(['plan', '--json', ...names], folder);
  return packagesIn(stdout);
}

/** Test cases of a package in the JUnit file of a run. */
async function casesOf(folder: string, name: string, output: string): Promise<TestCase[]> {
  const at = join(folder, 'cases', name);
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at, { recursive: true });
  for (const scope of readdirSync(join(output, 'junit/jazzy'))) {
    const file = join(output, 'junit/jazzy', scope, `${name}.xml`);
    if (existsSync(file)) copyFileSync(file, join(at, `${scope}.xml`));
  }
  return (await readResults(at, '')).cases;
}

/** The sources that slipway printed, in mmdebstrap's form. */
function sourcesOf(printed: string, folder: string): string {
  const file = join(folder, 'slipway.sources');
  writeFileSync(file, printed.replaceAll('URIs: file:', 'URIs: copy:'));
  return file;
}
