// Planning all of Jazzy beside the floor and beside ros_buildfarm's planning parts, whole processes on the same files.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, median, root, timed } from './common.mjs';

const cache = '/var/tmp/slipway-bench';
const shared = process.env.SLIPWAY_SHARED ?? join(root, '../shared');

export default async function bench({ runs, note }) {
  if (!existsSync(join(shared, 'peers'))) throw new Error(`the peers' scripts and the data are not at ${shared}: set SLIPWAY_SHARED`);
  const folder = join(cache, 'jazzy');
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'rosdistro');
  if (!existsSync(data)) symlinkSync(join(shared, 'rosdistro'), data);
  writeFileSync(join(folder, 'distro.yaml'), `organization: acme
index: rosdistro/index-v4.yaml
distributions:
  jazzy: {platforms: [noble, bookworm], sources: release, cache: rosdistro/jazzy/jazzy-cache.yaml.gz}
platforms:
  noble: {os: ubuntu, release: noble}
  bookworm: {os: debian, release: bookworm}
rosdep: [rosdistro/rosdep/base.yaml, rosdistro/rosdep/python.yaml]
`);
  // The floor runs where its two libraries are.
  const floor = join(folder, 'floor');
  mkdirSync(floor, { recursive: true });
  writeFileSync(join(floor, 'floor.mjs'), readFileSync(join(shared, 'peers/floor.mjs')));
  if (!existsSync(join(floor, 'node_modules'))) symlinkSync(join(root, 'node_modules'), join(floor, 'node_modules'));
  const venv = join(cache, 'venv');
  const python = join(venv, 'bin/python');
  if (!existsSync(python)) {
    note('making a virtual environment with the peers');
    execFileSync('python3', ['-m', 'venv', venv]);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'ros_buildfarm==4.1.0', 'rosdistro==1.1.0', 'catkin_pkg==1.1.1', 'setuptools<80'], { stdio: 'inherit' });
  }
  const farm = join(folder, 'farm');
  mkdirSync(farm, { recursive: true });
  execFileSync('sh', ['-c', 'cp -r "$1/." "$2" && chmod -R u+w "$2"', 'sh', join(shared, 'peers/farm'), farm]);
  const index = join(folder, 'index-v4.yaml');
  writeFileSync(index, readFileSync(join(shared, 'peers/index-v4.yaml'), 'utf8').replaceAll('PATH', join(shared, 'rosdistro')));
  writeFileSync(join(farm, 'index.yaml'), readFileSync(join(farm, 'index.yaml'), 'utf8').replace(/^rosdistro_index_url:.*$/m, `rosdistro_index_url: file://${index}`));

  const ours = [];
  const floors = [];
  const theirs = [];
  let memory = 0;
  for (let i = 0; i < runs; i++) {
    // Some packages of Jazzy can't be had on these platforms: those faults are found and told, and the exit code is 1.
    const begun = process.hrtime.bigint();
    const r = spawnSync('node', ['-e', 'process.on("exit", () => process.stderr.write(`\\n${process.resourceUsage().maxRSS}`)); process.argv.splice(1, 0, "slipway"); require(process.env.BUNDLE)', 'plan', '--json'], { cwd: folder, env: { ...process.env, BUNDLE: bundle }, encoding: 'utf8', maxBuffer: 256 << 20 });
    ours.push(Number(process.hrtime.bigint() - begun) / 1e9);
    if ((JSON.parse(r.stdout)).scopes.length !== 2) throw new Error('the plan has not two scopes');
    memory = Math.max(memory, Number(r.stderr.split('\n').pop()) / 1024);
    floors.push(timed('node', ['floor.mjs', 'jazzy', 'js-yaml', 'saxes', '0'], { cwd: floor, env: { ...process.env, CACHE: join(data, 'jazzy/jazzy-cache.yaml.gz') } }).seconds);
    theirs.push(timed(python, [join(shared, 'peers/e_farm_parts.py'), `file://${join(farm, 'index.yaml')}`, 'jazzy'], { env: { ...process.env, ROSDISTRO_INDEX_URL: `file://${index}` } }).seconds);
  }
  note(`ours ${median(ours).toFixed(2)} s, the floor ${median(floors).toFixed(2)} s, ros_buildfarm's planning parts ${median(theirs).toFixed(2)} s`);
  return [
    { name: 'plan.jazzy.vs_floor', value: median(ours) / median(floors), meaning: 'times the floor: Jazzy\'s cache to a plan for two platforms with every rosdep key resolved' },
    { name: 'plan.jazzy.vs_ros_buildfarm', value: median(theirs) / median(ours), meaning: 'times as fast as ros_buildfarm\'s planning parts (one platform, no rosdep)' },
    { name: 'plan.memory_mb', value: memory, meaning: 'MB at the most' },
  ];
}
