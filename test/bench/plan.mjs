// Planning all of Jazzy, compared with the floor and the peers: whole processes on the same files, in turns.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { bundle, median, run, timed } from './common.mjs';
import { cache, makePeers, shared } from './peers.mjs';

const settings = (distributions) => `organization: acme
index: rosdistro/index-v4.yaml
distributions: ${JSON.stringify(distributions)}
platforms:
  noble: {os: ubuntu, release: noble}
  bookworm: {os: debian, release: bookworm}
rosdep: [rosdistro/rosdep/base.yaml, rosdistro/rosdep/python.yaml]
`;

/** A distro repository that uses the shared data, without state. */
function workspace(name, distributions) {
  const folder = join(cache, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(shared, 'rosdistro'), join(folder, 'rosdistro'));
  writeFileSync(join(folder, 'distro.yaml'), settings(distributions));
  return folder;
}

/**
 * Runs `slipway plan` as a whole process; returns seconds and output. Exits with 1, because some packages are not
 * available on these platforms and all such faults are reported.
 */
function plan(folder, scopes, options = {}) {
  if (options.fresh) rmSync(join(folder, '.slipway'), { recursive: true, force: true });
  if (options.state) mkdirSync(join(folder, '.slipway'), { recursive: true });
  const r = run('node', [bundle, 'plan', ...(options.json ? ['--json'] : [])], { cwd: folder });
  const printed = r.stdout;
  const found = options.json
    ? JSON.parse(printed).scopes.length
    : printed.match(/^\S+ on .*: \d+ packages from /gm)?.length;
  if (found !== scopes) throw new Error(`the plan of ${folder} has not ${scopes} scopes: ${r.stderr.slice(-500)}`);
  return { seconds: r.seconds, printed };
}

/** Peak memory of a plan, in MB. */
function memory(folder) {
  const r = spawnSync(
    'node',
    [
      '-e',
      'process.on("exit", () => process.stderr.write(`\\n${process.resourceUsage().maxRSS}`)); process.argv.splice(1, 0, "slipway"); require(process.env.BUNDLE)',
      'plan',
      '--json',
    ],
    { cwd: folder, env: { ...process.env, BUNDLE: bundle }, encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  return Number(r.stderr.split('\n').pop()) / 1024;
}

const cacheText = (distribution) =>
  gunzipSync(readFileSync(join(shared, `rosdistro/${distribution}/${distribution}-cache.yaml.gz`))).toString('utf8');

/** The cache with ten copies of every package, each copy with its own names. */
function tenfold(folder, load) {
  const data = load(cacheText('jazzy'));
  const names = Object.keys(data.release_package_xmls);
  const known = new Set(names);
  const xmls = {};
  const repositories = {};
  for (let i = 0; i < 10; i++) {
    const rename = (n) => (known.has(n) && i ? `${n}_c${i}` : n);
    for (const n of names)
      xmls[rename(n)] = data.release_package_xmls[n].replace(
        /(<(name|[a-z_]*depend)(?: [^>]*)?>)([^<]+)(<)/g,
        (_, open, _tag, name, close) => `${open}${rename(name.trim())}${close}`,
      );
    for (const [r, e] of Object.entries(data.distribution_file[0].repositories)) {
      if (!e.release?.version) continue;
      repositories[i ? `${r}_c${i}` : r] = {
        release: { ...e.release, packages: (e.release.packages ?? [r]).map(rename) },
      };
    }
  }
  const text = JSON.stringify({
    distribution_file: [{ ...data.distribution_file[0], repositories }],
    name: 'jazzy',
    release_package_xmls: xmls,
    type: 'cache',
    version: 2,
  });
  writeFileSync(join(folder, 'cache.yaml'), text);
}

/** Seconds of each run, by program. */
const noSeconds = () => ({
  ours: [],
  first: [],
  second: [],
  disk: [],
  ten: [],
  floor: [],
  ros_buildfarm: [],
  job_generation: [],
  colcon: [],
  catkin_pkg: [],
});

const jazzy = (more) => ({ jazzy: { platforms: ['noble', 'bookworm'], sources: 'release', ...more } });

function measureCache(folder, peers, seconds, runs) {
  for (let i = 0; i < runs; i++) {
    for (let j = 0; j < 6; j++) {
      seconds.ours.push(plan(folder, 2, { fresh: true }).seconds);
      seconds.floor.push(peers.floor());
    }
    seconds.ros_buildfarm.push(peers.ros_buildfarm());
    if (i < 2) seconds.job_generation.push(peers.job_generation());
  }
}

/** The second plan of a folder after a dependency in its cache changed. `text`: the cache. */
function measureSecond(text, seconds, runs) {
  const changing = workspace('jazzy-changing', jazzy({ cache: 'cache.yaml.gz' }));
  const changed = text.replace(/(\n {2}ament_cmake_core: .*?)(<export>)/, '$1<depend>ament_package</depend>$2');
  if (changed === text) throw new Error('ament_cmake_core was not found in the cache');
  for (let i = 0; i < 6 * runs; i++) {
    writeFileSync(join(changing, 'cache.yaml.gz'), gzipSync(text));
    seconds.first.push(plan(changing, 2, { fresh: true, state: true }).seconds);
    writeFileSync(join(changing, 'cache.yaml.gz'), gzipSync(changed));
    seconds.second.push(plan(changing, 2).seconds);
    const bytes = (printed) => printed.replace(/"stamp":"\d+"/, '');
    if (
      i === 0 &&
      bytes(plan(changing, 2, { json: true }).printed) !== bytes(plan(changing, 2, { fresh: true, json: true }).printed)
    )
      throw new Error('the second plan is not what a cold plan gives');
  }
}

/** Plans ten times Jazzy; returns the seconds divided by ten, in the same form. */
function measureTenfold(text, yaml, seconds, runs) {
  const ten = workspace('jazzy-ten', jazzy({ cache: 'cache.yaml' }));
  tenfold(ten, yaml);
  const one = workspace('jazzy-one', jazzy({ cache: 'cache.yaml' }));
  writeFileSync(join(one, 'cache.yaml'), JSON.stringify(yaml(text)));
  const single = [];
  for (let i = 0; i < runs; i++) {
    seconds.ten.push(plan(ten, 2, { fresh: true }).seconds);
    single.push(plan(one, 2, { fresh: true }).seconds);
  }
  return single;
}

function measureDisk(text, yaml, { python, venv, rosEnvironment }, seconds, runs) {
  const disk = workspace('jazzy-disk', {
    jazzy: { platforms: ['noble', 'bookworm'], folders: ['src'], ros_version: 2 },
  });
  writeFileSync(join(disk, 'distro.yaml'), readFileSync(join(disk, 'distro.yaml'), 'utf8').replace(/^index:.*\n/m, ''));
  const data = yaml(text);
  const repositoryOf = new Map(
    Object.entries(data.distribution_file[0].repositories).flatMap(([r, e]) =>
      (e.release?.packages ?? [r]).map((p) => [p, r]),
    ),
  );
  for (const [name, xml] of Object.entries(data.release_package_xmls)) {
    const at = join(disk, 'src', repositoryOf.get(name) ?? name, name);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'package.xml'), xml);
  }
  for (let i = 0; i < runs; i++) {
    seconds.disk.push(plan(disk, 2, { fresh: true }).seconds, plan(disk, 2, { fresh: true }).seconds);
    seconds.catkin_pkg.push(
      timed(python, [join(shared, 'peers/a_catkin.py'), join(disk, 'src')], { env: rosEnvironment }).seconds,
    );
    if (i < 2)
      seconds.colcon.push(
        timed(join(venv, 'bin/colcon'), ['list', '--topological-order', '--base-paths', join(disk, 'src')], {
          env: rosEnvironment,
        }).seconds,
      );
  }
}

function rowsOf(seconds, single, megabytes, note) {
  // Programs ran in turns, and each run is compared with its neighbour, so that load of the machine affects both.
  const inTurns = (a, b) => median(a.map((s, i) => s / b[i]));
  const m = Object.fromEntries(Object.entries(seconds).map(([k, v]) => [k, median(v)]));
  note(
    Object.entries(m)
      .map(([k, v]) => `${k} ${v.toFixed(2)} s`)
      .join(', '),
  );
  return [
    {
      name: 'plan.jazzy.vs_floor',
      value: inTurns(seconds.ours, seconds.floor),
      meaning:
        "times the floor: Jazzy's cache to a plan for two platforms with every rosdep key resolved (at most 1.5)",
    },
    {
      name: 'plan.jazzy.vs_ros_buildfarm',
      value: m.ros_buildfarm / m.ours,
      meaning:
        "times as fast as ros_buildfarm's planning parts, which are for one platform and without rosdep (at least 8)",
    },
    {
      name: 'plan.jazzy.vs_job_generation',
      value: m.job_generation / m.ours,
      meaning: 'times as fast as its job generation (at least 30)',
    },
    {
      name: 'plan.disk.vs_colcon',
      value: m.colcon / m.disk,
      meaning: 'times as fast from 2,150 package.xml files as colcon list --topological-order (at least 30)',
    },
    {
      name: 'plan.disk.vs_catkin_pkg',
      value: m.catkin_pkg / m.disk,
      meaning: "times as fast as catkin_pkg's crawl and order (at least 5)",
    },
    { name: 'plan.memory_mb', value: megabytes, meaning: 'MB at the most (300)' },
    {
      name: 'plan.scale10',
      value: m.ten / median(single),
      meaning: 'times as long for ten times Jazzy, in the same form (at most 12)',
    },
    {
      name: 'plan.second_vs_first',
      value: inTurns(seconds.second, seconds.first),
      meaning: "of the first plan's time for the second, after one dependency changed (at most 0.5)",
    },
  ];
}

export default async function bench({ runs, note }) {
  if (!existsSync(join(shared, 'peers')))
    throw new Error(`the peers' scripts and the data are not at ${shared}: set SLIPWAY_SHARED`);
  const { load, YAML11_SCHEMA } = await import('js-yaml');
  /** @returns {any} */
  const yaml = (text) => load(text, { schema: YAML11_SCHEMA });
  const folder = workspace('jazzy', jazzy({ cache: 'rosdistro/jazzy/jazzy-cache.yaml.gz' }));
  const peers = makePeers(folder, note);
  const seconds = noSeconds();
  note("the cache: ours, the floor, ros_buildfarm's planning parts, its job generation");
  measureCache(folder, peers, seconds, runs);
  const megabytes = memory(folder);
  const text = cacheText('jazzy');
  note('the second plan, after a dependency of ament_cmake_core changed');
  measureSecond(text, seconds, runs);
  note('ten times Jazzy');
  const single = measureTenfold(text, yaml, seconds, runs);
  note('package.xml files on disk: ours, colcon list, catkin_pkg');
  measureDisk(text, yaml, peers, seconds, runs);
  return rowsOf(seconds, single, megabytes, note);
}
