// The real chain, catkin to std_msgs, as git repositories that can be edited; and edits of every kind to it.
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchTarballs, noeticSettings, small, writeDistro } from './upstream.mjs';

const git = (cwd, ...args) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd });

/** Makes a distro repository of the chain: repositories in `src`, with sources that apt downloads to `sources`. */
export async function makeChain(folder, sources) {
  const tarballs = await fetchTarballs(small, sources);
  writeDistro(folder, 'noetic', tarballs, { settings: noeticSettings });
  for (const [repository, file] of Object.entries(tarballs)) {
    const at = join(folder, 'src', repository);
    mkdirSync(at, { recursive: true });
    execFileSync('tar', ['xf', file, '--strip-components=1', '-C', at]);
    git(at, 'init', '--quiet', '--initial-branch=main');
    git(at, 'add', '--all', '--force');
    git(at, 'commit', '--quiet', '-m', 'As released');
  }
  const entries = Object.keys(tarballs)
    .sort()
    .map((r) => `  ${r}:\n    source: {type: git, url: "file://${join(folder, 'src', r)}", version: main}\n`);
  writeFileSync(
    join(folder, 'rosdistro/noetic/distribution.yaml'),
    `%YAML 1.1\n---\nrelease_platforms: {debian: [bookworm]}\nrepositories:\n${entries.join('')}type: distribution\nversion: 2\n`,
  );
}

/** Commits what was edited. */
export function commitChain(folder) {
  for (const repository of Object.keys(small)) {
    const at = join(folder, 'src', repository);
    git(at, 'add', '--all', '--force');
    if (execFileSync('git', ['status', '--porcelain'], { cwd: at, encoding: 'utf8' }))
      git(at, 'commit', '--quiet', '-m', 'Edited');
  }
}

const change = (file, from, to) => {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`${file} has no ${from}`);
  writeFileSync(file, changed);
};

/** Same form as `editsOf` of the example. */
export const chainEdits = [
  {
    name: 'code of the bottom-most C++ library',
    packages: ['cpp_common'],
    inside: true,
    apply: (s, n) =>
      appendFileSync(
        join(s, 'roscpp_core/cpp_common/src/debug.cpp'),
        `\nnamespace { [[maybe_unused]] int inner${n}() { return ${n}; } }\n`,
      ),
  },
  {
    name: 'a comment in its header',
    packages: ['cpp_common'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'roscpp_core/cpp_common/include/ros/macros.h'), `// ${n}\n`),
  },
  {
    name: 'code of a library above it',
    packages: ['rostime'],
    inside: true,
    apply: (s, n) =>
      appendFileSync(
        join(s, 'roscpp_core/rostime/src/rate.cpp'),
        `\nnamespace { [[maybe_unused]] int inner${n}() { return ${n}; } }\n`,
      ),
  },
  {
    name: 'a new exported function',
    packages: ['rostime'],
    apply: (s, n) => {
      appendFileSync(join(s, 'roscpp_core/rostime/include/ros/rate.h'), `\nnamespace ros { int more${n}(); }\n`);
      appendFileSync(join(s, 'roscpp_core/rostime/src/rate.cpp'), `\nint ros::more${n}() { return ${n}; }\n`);
    },
  },
  {
    name: 'a message',
    packages: ['std_msgs'],
    apply: (s, n) => appendFileSync(join(s, 'std_msgs/msg/ColorRGBA.msg'), `\nfloat32 more${n}\n`),
  },
  {
    name: 'a comment in a generator',
    packages: ['genmsg'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'genmsg/src/genmsg/__init__.py'), `\n# ${n}\n`),
  },
  {
    name: 'what a generator writes',
    packages: ['gencpp'],
    apply: (s, n) => appendFileSync(join(s, 'gencpp/scripts/msg.h.template'), `// ${n}\n`),
  },
  {
    name: 'a comment in a build tool',
    packages: ['catkin'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'catkin/cmake/catkin_package.cmake'), `# ${n}\n`),
  },
  {
    name: 'a changelog',
    packages: ['cpp_common'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'roscpp_core/cpp_common/CHANGELOG.rst'), `\n${n}\n`),
  },
  {
    name: 'a description',
    packages: ['rostime'],
    inside: true,
    apply: (s, n) =>
      change(join(s, 'roscpp_core/rostime/package.xml'), /<description>[^<]*</, `<description>Time ${n}<`),
  },
  {
    name: "a tool's description",
    packages: ['genmsg'],
    inside: true,
    apply: (s, n) => change(join(s, 'genmsg/package.xml'), /<description>[^<]*</, `<description>Messages ${n}<`),
  },
  {
    name: "a tool's README",
    packages: ['genmsg'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'genmsg/README.md'), `${n}\n`),
  },
  {
    name: 'a README beside packages',
    packages: [],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'roscpp_core/README.md'), `${n}\n`),
  },
  {
    name: 'a version',
    packages: ['std_msgs'],
    apply: (s, n) => change(join(s, 'std_msgs/package.xml'), /<version>[\d.]+</, `<version>0.6.${n}<`),
  },
  {
    name: 'a test',
    packages: ['rostime'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'roscpp_core/rostime/test/time.cpp'), `// ${n}\n`),
  },
  {
    name: 'a mode',
    packages: ['genlisp'],
    inside: true,
    apply: (s) => {
      const file = join(s, 'genlisp/package.xml');
      chmodSync(file, statSync(file).mode & 0o111 ? 0o644 : 0o755);
    },
  },
];
