// Programs for comparison with planning: the floor (only two libraries), ros_buildfarm, colcon and catkin_pkg.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, timed } from './common.mjs';

export const cache = '/var/tmp/slipway-bench';
export const shared = process.env.SLIPWAY_SHARED ?? join(root, '../shared');
const pinned = [
  'catkin_pkg==1.1.1',
  'rosdistro==1.1.0',
  'ros_buildfarm==4.1.0',
  'colcon-core==0.21.3',
  'colcon-ros==0.5.0',
  'colcon-package-information',
  'colcon-package-selection',
  'colcon-recursive-crawl',
  'colcon-cmake',
  'colcon-output',
  'setuptools<80',
];

/** Prepares the peers' programs for the same files: a virtual environment, and a build farm's configuration. */
export function makePeers(folder, note) {
  // The floor must lie beside its two libraries.
  const floor = join(folder, 'floor');
  mkdirSync(floor, { recursive: true });
  writeFileSync(join(floor, 'floor.mjs'), readFileSync(join(shared, 'peers/floor.mjs')));
  symlinkSync(join(root, 'node_modules'), join(floor, 'node_modules'));
  const venv = join(cache, 'venv-plan');
  const python = join(venv, 'bin/python');
  if (!existsSync(join(venv, 'made'))) {
    note('making a virtual environment with the peers');
    rmSync(venv, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', venv]);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...pinned], { stdio: 'inherit' });
    writeFileSync(join(venv, 'made'), '');
  }
  const farm = join(folder, 'farm');
  cpSync(join(shared, 'peers/farm'), farm, { recursive: true });
  execFileSync('chmod', ['-R', 'u+w', farm]);
  const index = join(folder, 'index-v4.yaml');
  writeFileSync(
    index,
    readFileSync(join(shared, 'peers/index-v4.yaml'), 'utf8').replaceAll('PATH', join(shared, 'rosdistro')),
  );
  writeFileSync(
    join(farm, 'index.yaml'),
    readFileSync(join(farm, 'index.yaml'), 'utf8').replace(
      /^rosdistro_index_url:.*$/m,
      `rosdistro_index_url: file://${index}`,
    ),
  );
  const rosEnvironment = {
    ...process.env,
    ROS_VERSION: '2',
    ROS_DISTRO: 'jazzy',
    ROS_PYTHON_VERSION: '3',
    ROSDISTRO_INDEX_URL: `file://${index}`,
    PATH: `${join(venv, 'bin')}:${process.env.PATH}`,
    COLCON_LOG_PATH: '/dev/null',
  };
  const programs = {
    floor: () =>
      timed('node', ['floor.mjs', 'jazzy', 'js-yaml', 'saxes', '0'], {
        cwd: floor,
        env: { ...process.env, CACHE: join(shared, 'rosdistro/jazzy/jazzy-cache.yaml.gz') },
      }).seconds,
    ros_buildfarm: () =>
      timed(python, [join(shared, 'peers/e_farm_parts.py'), `file://${join(farm, 'index.yaml')}`, 'jazzy'], {
        env: rosEnvironment,
      }).seconds,
    job_generation: () =>
      timed(
        python,
        [
          join(venv, 'bin/generate_release_jobs.py'),
          `file://${join(farm, 'index.yaml')}`,
          'jazzy',
          'default',
          '--groovy-script',
          join(folder, 'jobs.groovy'),
          '--dry-run',
        ],
        { env: rosEnvironment },
      ).seconds,
  };
  return { ...programs, python, venv, rosEnvironment };
}
