// Makes a distro repository of ROS 2 Jazzy's upstream repositories, whose trees stand beside this repository. Nothing
// of them is kept here.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const shared = process.env.SLIPWAY_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));
export const ros2Sources = join(shared, 'ros2/sources.tar.xz');
export const hasRos2Sources = existsSync(ros2Sources);

/** Packages to build; with dependencies 126 packages. */
export const named = [
  'demo_nodes_cpp',
  'demo_nodes_py',
  'ros2run',
  'ros2topic',
  'ros2pkg',
  'ros2node',
  'ros2service',
  'ros2param',
  'ros2launch',
  'tf2_ros',
];

const settings = {
  rmw_connextdds: { skip: true },
  rmw_fastrtps_cpp: { skip: true },
  rmw_fastrtps_dynamic_cpp: { skip: true },
  uncrustify_vendor: { system: ['uncrustify'] },
  google_benchmark_vendor: { system: ['libbenchmark-dev'] },
  'iceoryx_*': { skip: true },
};

const git = (folder, ...args) =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
    env: {
      ...process.env,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_DATE: '2026-11-01T00:00:00Z',
      GIT_COMMITTER_DATE: '2026-11-01T00:00:00Z',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });

/** Unpacks the sources into `src`, makes each folder a git repository, and writes the distro repository. */
export function makeRos2(folder) {
  mkdirSync(join(folder, 'src'), { recursive: true });
  execFileSync('tar', ['-xJf', ros2Sources, '-C', join(folder, 'src'), '--no-same-owner']);
  for (const name of readdirSync(join(folder, 'src'))) {
    const at = join(folder, 'src', name);
    git(at, 'init', '-q', '-b', 'jazzy');
    git(at, 'add', '-A', '-f');
    git(at, 'commit', '-qm', 'upstream');
  }
  mkdirSync(join(folder, 'rosdistro/jazzy'), { recursive: true });
  copyFileSync(join(shared, 'ros2/index-v4.yaml'), join(folder, 'rosdistro/index-v4.yaml'));
  copyFileSync(join(shared, 'ros2/distribution.yaml'), join(folder, 'rosdistro/jazzy/distribution.yaml'));
  mkdirSync(join(folder, 'rosdep'), { recursive: true });
  for (const file of readdirSync(join(shared, 'rosdistro/rosdep')))
    copyFileSync(join(shared, 'rosdistro/rosdep', file), join(folder, 'rosdep', file));
  writeFileSync(
    join(folder, 'rosdep/debian.yaml'),
    'python3-catkin-pkg-modules: {debian: [python3-catkin-pkg]}\npython3-vcstool: {debian: [vcstool]}\n',
  );
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
index: rosdistro/index-v4.yaml
distributions:
  jazzy: {platforms: [bookworm], packages: ${JSON.stringify(named)}}
platforms:
  bookworm: {os: debian, release: bookworm, architectures: [amd64]}
rosdep: [rosdep/debian.yaml, rosdep/base.yaml, rosdep/python.yaml]
package_settings: ${JSON.stringify(settings)}
`,
  );
}

/** Commits what an edit changed. */
export function commitRos2(folder, repository) {
  git(join(folder, 'src', repository), 'commit', '-qam', 'edit');
}

const read = (folder, file) => readFileSync(join(folder, 'src', file), 'utf8');
/** Replaces text in a source file; throws if it is not found. */
const change = (folder, file, from, to) => {
  const before = read(folder, file);
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${file}: nothing was changed`);
  writeFileSync(join(folder, 'src', file), after);
};
const append = (folder, file, text) => writeFileSync(join(folder, 'src', file), read(folder, file) + text);

/**
 * @typedef {object} Edit
 * @property {string} name
 * @property {string} repository
 * @property {string[]} rebuilt
 * @property {string[]} [also]
 * @property {(folder: string) => void} apply
 */

/**
 * `rebuilt`: exactly what must be rebuilt; `also`: what may be.
 *
 * @type {Edit[]}
 */
export const ros2Edits = [
  {
    name: "README at a repository's root",
    repository: 'rclcpp',
    rebuilt: [],
    apply: (at) => append(at, 'rclcpp/README.md', '\nA line more.\n'),
  },
  {
    name: 'README inside a package',
    repository: 'rcutils',
    rebuilt: ['rcutils'],
    apply: (at) => append(at, 'rcutils/README.md', '\nA line more.\n'),
  },
  {
    name: 'a comment in C++',
    repository: 'rclcpp',
    rebuilt: ['rclcpp'],
    apply: (at) => append(at, 'rclcpp/rclcpp/src/rclcpp/clock.cpp', '// A line more.\n'),
  },
  {
    name: 'the body of a function',
    repository: 'rclcpp',
    rebuilt: ['rclcpp'],
    apply: (at) =>
      change(
        at,
        'rclcpp/rclcpp/src/rclcpp/clock.cpp',
        '"Failed to fini rcl clock."',
        '"The clock could not be ended: %d", static_cast<int>(ret)',
      ),
  },
  {
    name: 'a method in a header',
    repository: 'rclcpp',
    rebuilt: ['rclcpp', 'rclcpp_action', 'message_filters', 'rclcpp_components', 'tf2_ros', 'demo_nodes_cpp'],
    apply: (at) =>
      change(
        at,
        'rclcpp/rclcpp/include/rclcpp/node.hpp',
        /( {2}virtual ~Node\(\);\n)/,
        '$1\n  int more() const {return 1;}\n',
      ),
  },
  {
    name: 'a field of a message',
    repository: 'common_interfaces',
    rebuilt: ['std_msgs', 'message_filters', 'geometry_msgs', 'tf2', 'tf2_msgs', 'tf2_ros', 'demo_nodes_cpp'],
    apply: (at) => append(at, 'common_interfaces/std_msgs/msg/ColorRGBA.msg', 'float32 more\n'),
  },
  {
    name: 'a line of Python',
    repository: 'rclpy',
    rebuilt: ['rclpy'],
    // tf2_ros needs message_filters, which depends on rclpy at run time: its files are in that root
    // (docs/incremental.md).
    also: ['launch_ros', 'ros2launch', 'tf2_ros'],
    apply: (at) => append(at, 'rclpy/rclpy/rclpy/clock.py', '\n\nMORE = 1\n'),
  },
  {
    name: 'a description',
    repository: 'rcutils',
    rebuilt: ['rcutils'],
    apply: (at) => change(at, 'rcutils/package.xml', /<description>[^<]*</, '<description>Utilities for C<'),
  },
];

/** Their tests pass here, as they do with `colcon test`. */
export const tested = [
  'ament_index_cpp',
  'ament_index_python',
  'ament_package',
  'domain_coordinator',
  'launch',
  'launch_xml',
  'launch_yaml',
  'rcpputils',
  'rosidl_parser',
  'rosidl_runtime_c',
  'rpyutils',
];
