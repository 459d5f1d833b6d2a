// Makes a distro repository of real upstream sources: tarballs of ROS packages in Debian's archive, without Debian's
// packaging. They are not stored in this repository.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { debianMirror } from '../mirror.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);
const suites = ['bookworm', 'trixie', 'sid'];

/** Repository → Debian's source package. */
export const small = {
  catkin: 'ros-catkin',
  genmsg: 'ros-genmsg',
  gencpp: 'ros-gencpp',
  genlisp: 'ros-genlisp',
  genpy: 'ros-genpy',
  roscpp_core: 'ros-roscpp-core',
  message_generation: 'ros-message-generation',
  message_runtime: 'ros-message-runtime',
  std_msgs: 'ros-std-msgs',
};
export const large = {
  ...small,
  ros_comm: 'ros-ros-comm',
  common_msgs: 'ros-common-msgs',
  geometry2: 'ros-geometry2',
  bond_core: 'ros-bond-core',
  ros: 'ros-ros',
  ros_comm_msgs: 'ros-ros-comm-msgs',
  geometry: 'ros-geometry',
  diagnostics: 'ros-diagnostics',
  navigation_msgs: 'ros-navigation-msgs',
  actionlib: 'ros-actionlib',
  image_common: 'ros-image-common',
  rospack: 'ros-rospack',
  rosconsole: 'ros-rosconsole',
  resource_retriever: 'ros-resource-retriever',
  pcl_msgs: 'ros-pcl-msgs',
  random_numbers: 'ros-random-numbers',
  joint_state_publisher: 'ros-joint-state-publisher',
  cmake_modules: 'ros-cmake-modules',
  eigen_stl_containers: 'ros-eigen-stl-containers',
  ros_environment: 'ros-ros-environment',
  rosconsole_bridge: 'ros-rosconsole-bridge',
};
export const ament = {
  ament_cmake_ros: 'ros2-ament-cmake-ros',
  angles: 'ros-angles',
  test_interface_files: 'ros2-test-interface-files',
  rcutils: 'ros2-rcutils',
  rcpputils: 'ros2-rcpputils',
  rosidl: 'ros2-rosidl',
};

/**
 * Downloads the upstream tarballs with apt, from the suites of the machine's own Debian mirror; returns repository →
 * file.
 */
export async function fetchTarballs(set, folder) {
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(folder, 'tarballs'), { recursive: true });
  const site = debianMirror();
  const ring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(
    join(folder, 'sources.list'),
    suites.map((s) => `deb-src [signed-by=${ring}] ${site} ${s} main\n`).join(''),
  );
  const options = [
    '-o',
    `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`,
    '-o',
    'Dir::Etc::sourceparts=/nonexistent',
    '-o',
    `Dir::State::Lists=${join(folder, 'lists')}`,
    '-o',
    'APT::Sandbox::User=root',
    // A mirror of sid may be weeks old; its signature is verified all the same.
    '-o',
    'Acquire::Check-Valid-Until=false',
    '-q',
  ];
  if (!existsSync(join(folder, 'updated'))) {
    await execute('apt-get', [...options, 'update']);
    writeFileSync(join(folder, 'updated'), '');
  }
  const files = {};
  for (const [repository, source] of Object.entries(set)) {
    const at = join(folder, 'tarballs', repository);
    mkdirSync(at, { recursive: true });
    const held = () => readdirSync(at).find((f) => f.includes('.orig.tar'));
    for (const suite of suites) {
      if (held()) break;
      await execute('apt-get', [...options, 'source', '--download-only', '--tar-only', `${source}/${suite}`], {
        cwd: at,
      }).catch(() => undefined);
    }
    if (!held()) throw new Error(`no suite of Debian serves the upstream source of ${source} today`);
    files[repository] = join(at, held());
  }
  return files;
}

/** Writes a distro repository that uses these tarballs. `extra` is added to the distribution in distro.yaml. */
export function writeDistro(folder, name, tarballs, options = {}) {
  mkdirSync(join(folder, 'rosdistro', name), { recursive: true });
  mkdirSync(join(folder, 'patches'), { recursive: true });
  for (const f of readdirSync(join(here, 'patches')))
    copyFileSync(join(here, 'patches', f), join(folder, 'patches', f));
  copyFileSync(join(here, 'rosdep.yaml'), join(folder, 'rosdep.yaml'));
  const entries = Object.entries(tarballs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([repository, file]) =>
        `  ${repository}:\n    source: {type: tar, url: "file://${file}", sha256: ${createHash('sha256').update(readFileSync(file)).digest('hex')}}\n`,
    );
  writeFileSync(
    join(folder, 'rosdistro', name, 'distribution.yaml'),
    `%YAML 1.1\n---\nrelease_platforms: {debian: [bookworm]}\nrepositories:\n${entries.join('')}type: distribution\nversion: 2\n`,
  );
  writeFileSync(
    join(folder, 'rosdistro', 'index-v4.yaml'),
    `%YAML 1.1\n---\ndistributions:\n  ${name}:\n    distribution: [${name}/distribution.yaml]\n    distribution_status: active\n    distribution_type: ${options.type ?? 'ros1'}\n    python_version: 3\ntype: index\nversion: 4\n`,
  );
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
index: rosdistro/index-v4.yaml
distributions:
  ${name}: ${JSON.stringify({ platforms: ['bookworm'], ...options.distribution })}
platforms:
  bookworm: ${JSON.stringify({ os: 'debian', release: 'bookworm', ...options.platform })}
rosdep: [rosdep.yaml]
package_settings: ${JSON.stringify(options.settings ?? {})}
`,
  );
}

/** Settings for the ROS 1 sources: languages that Debian lacks, and incompatibilities with its compilers and Python. */
export const noeticSettings = {
  geneus: { skip: true },
  gennodejs: { skip: true },
  message_generation: { patches: ['patches/message_generation.patch'] },
  xmlrpcpp: { patches: ['patches/xmlrpcpp.patch'], build_depends: ['libb64-dev'] },
  rosgraph: { patches: ['patches/rosgraph.patch'] },
  roslz4: { build_depends: ['python3-dev'] },
  rosconsole: { cmake_args: ['-DROSCONSOLE_BACKEND=print'] },
};

/** Packages of the large set: those whose dependencies are in Debian or the set. */
export const largePackages = [
  'actionlib',
  'bond_core',
  'camera_calibration_parsers',
  'catkin',
  'cmake_modules',
  'common_msgs',
  'diagnostic_updater',
  'eigen_conversions',
  'kdl_conversions',
  'eigen_stl_containers',
  'geometry2',
  'tf2_bullet',
  'tf2_eigen',
  'joint_state_publisher',
  'map_msgs',
  'move_base_msgs',
  'pcl_msgs',
  'random_numbers',
  'resource_retriever',
  'mk',
  'rosbuild',
  'roslang',
  'roslib',
  'rosunit',
  'rosbash',
  'rosboost_cfg',
  'rosclean',
  'roscreate',
  'rosmake',
  'rosconsole_bridge',
  'roscpp',
  'roscpp_core',
  'ros_environment',
  'rosgraph',
  'rosmaster',
  'roslaunch',
  'rosout',
  'rosparam',
  'rospy',
  'rostest',
  'roslz4',
  'std_msgs',
  'std_srvs',
  'rosgraph_msgs',
  'message_filters',
  'message_generation',
  'smclib',
  'bondpy',
  'xmlrpcpp',
];

/** ROS 2 packages that build on Debian's ament-cmake, and Debian's names of their dependencies. */
export const amentPackages = [
  'ament_cmake_ros',
  'domain_coordinator',
  'rcutils',
  'rcpputils',
  'rosidl_adapter',
  'rosidl_cli',
  'rosidl_cmake',
  'rosidl_generator_c',
  'rosidl_generator_cpp',
  'rosidl_parser',
  'rosidl_pycommon',
  'rosidl_runtime_c',
  'rosidl_runtime_cpp',
  'rosidl_typesupport_interface',
  'rosidl_typesupport_introspection_c',
  'rosidl_typesupport_introspection_cpp',
  'test_interface_files',
];
export const debianAment = {
  packages: {
    ament_package: 'python3-ament-package',
    ament_index_python: 'python3-ament-index',
    ament_cmake: 'ament-cmake',
    ament_cmake_core: 'ament-cmake-core',
    ament_cmake_python: 'ament-cmake-python',
    ament_cmake_gen_version_h: 'ament-cmake',
    ament_cmake_export_dependencies: 'ament-cmake',
    ament_cmake_libraries: 'ament-cmake',
    ament_cmake_test: 'python3-ament-cmake-test',
    ament_cmake_gtest: 'ament-cmake-googletest',
    ament_cmake_gmock: 'ament-cmake-googletest',
    ament_cmake_pytest: 'ament-cmake-pytest',
    ament_index_cpp: 'libament-index-cpp-dev',
  },
};
