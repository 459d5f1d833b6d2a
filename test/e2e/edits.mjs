// Edits of every kind to the example's packages, and digests of a build's contents: for tests and benchmarks of
// incremental builds.
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, cpSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Copies the example's distro repository without files of builds, and creates its source repositories. */
export function copyExample(folder) {
  cpSync(join(root, 'examples/robot'), folder, {
    recursive: true,
    filter: (f) => !/examples\/robot\/(\.slipway|out|repositories)(\/|$)/.test(f),
  });
  execFileSync('./repositories.sh', { cwd: folder });
}

const change = (file, from, to) => writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));

/** `packages`: edited packages, which are always rebuilt. `inside`: the change is not visible to dependents. */
export const editsOf = [
  {
    name: 'code of a library',
    packages: ['acme_math'],
    inside: true,
    apply: (s, n) =>
      appendFileSync(
        join(s, 'robot/acme_math/src/angle.cpp'),
        `\nnamespace { [[maybe_unused]] int inner${n}() { return ${n}; } }\n`,
      ),
  },
  {
    name: 'a comment in code',
    packages: ['acme_math'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'robot/acme_math/src/angle.cpp'), `// ${n}\n`),
  },
  {
    name: 'a README',
    packages: ['acme_math'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'robot/acme_math/README.md'), `${n}\n`),
  },
  {
    name: 'a new exported function',
    packages: ['acme_math'],
    apply: (s, n) => {
      change(
        join(s, 'robot/acme_math/include/acme_math/angle.hpp'),
        /\n} {2}\/\/ namespace/,
        `\nint more${n}();\n}  // namespace`,
      );
      appendFileSync(join(s, 'robot/acme_math/src/angle.cpp'), `\nint acme_math::more${n}() { return ${n}; }\n`);
    },
  },
  {
    name: 'an inline function of a header, used by a dependent',
    packages: ['acme_math', 'acme_drive'],
    apply: (s, n) => {
      change(
        join(s, 'robot/acme_math/include/acme_math/angle.hpp'),
        /\n} {2}\/\/ namespace/,
        `\ninline int inlined${n}() { return ${n}; }\n}  // namespace`,
      );
      appendFileSync(
        join(s, 'robot/acme_drive/src/drive.cpp'),
        `\nint used${n}() { return acme_math::inlined${n}(); }\n`,
      );
    },
  },
  {
    name: 'a message',
    packages: ['acme_msgs'],
    apply: (s, n) => appendFileSync(join(s, 'messages/acme_msgs/msg/Twist.msg'), `float64 more${n}\n`),
  },
  {
    name: 'a comment in a generator',
    packages: ['rosidl_default_generators'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'messages/rosidl_default_generators/generate.py'), `# ${n}\n`),
  },
  {
    name: 'what a generator writes',
    packages: ['rosidl_default_generators'],
    apply: (s, n) =>
      change(
        join(s, 'messages/rosidl_default_generators/generate.py'),
        /#pragma once\\n(?:struct made\d+;\\n)?/,
        `#pragma once\\nstruct made${n};\\n`,
      ),
  },
  {
    name: 'a comment in a header',
    packages: ['acme_math'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'robot/acme_math/include/acme_math/angle.hpp'), `// ${n}\n`),
  },
  {
    name: 'a program',
    packages: ['acme_drive'],
    inside: true,
    apply: (s, n) =>
      appendFileSync(
        join(s, 'robot/acme_drive/src/drive.cpp'),
        `\nnamespace { [[maybe_unused]] int own${n} = ${n}; }\n`,
      ),
  },
  {
    name: 'a Python module',
    packages: ['acme_teleop'],
    inside: true,
    apply: (s, n) => appendFileSync(join(s, 'robot/acme_teleop/acme_teleop/main.py'), `\n# ${n}\n`),
  },
  {
    name: 'a comment in a build tool',
    packages: ['ament_cmake_core'],
    inside: true,
    apply: (s, n) =>
      appendFileSync(join(s, 'bootstrap/ament_cmake_core/cmake/ament_cmake_coreConfig.cmake'), `# ${n}\n`),
  },
  {
    name: 'what a build tool does',
    packages: ['ament_cmake_core'],
    apply: (s, n) =>
      change(
        join(s, 'bootstrap/ament_cmake_core/cmake/ament_cmake_coreConfig.cmake'),
        /(DESTINATION share\/\$\{PROJECT_NAME\}\)\n)(?: {2}file\(WRITE.*\n.*\n)?/,
        `$1  file(WRITE \${CMAKE_CURRENT_BINARY_DIR}/made "${n}")\n  install(FILES \${CMAKE_CURRENT_BINARY_DIR}/made DESTINATION share/\${PROJECT_NAME})\n`,
      ),
  },
  {
    name: 'a version',
    packages: ['acme_drive'],
    apply: (s, n) => change(join(s, 'robot/acme_drive/package.xml'), /<version>[\d.]+</, `<version>1.3.${n}<`),
  },
  {
    name: 'a description',
    packages: ['acme_math'],
    inside: true,
    apply: (s, n) => change(join(s, 'robot/acme_math/package.xml'), /<description>[^<]*</, `<description>Angles ${n}<`),
  },
  {
    name: 'a mode',
    packages: ['acme_teleop'],
    inside: true,
    apply: (s) => {
      const file = join(s, 'robot/acme_teleop/acme_teleop/main.py');
      chmodSync(file, statSync(file).mode & 0o111 ? 0o644 : 0o755);
    },
  },
];

/** Digest of all files of each published package except stamps (changelog, version), by package. */
export function contentsOf(folder) {
  const found = {};
  const results = JSON.parse(readFileSync(join(folder, 'out/result.json'), 'utf8')).results;
  const pool = readdirSync(join(folder, 'out/apt/pool'), { recursive: true })
    .map(String)
    .filter((f) => f.endsWith('.deb'));
  for (const r of results) {
    if (!r.debs) continue;
    const deb = pool.find((f) => f.endsWith(`/${r.debs[0].name}`));
    if (!deb) throw new Error(`${r.debs[0].name} is not in the repository`);
    const at = mkdtempSync(join(tmpdir(), 'slipway-content-'));
    try {
      execFileSync('dpkg-deb', ['--raw-extract', join(folder, 'out/apt/pool', deb), join(at, 'p')]);
      rmSync(join(at, 'p/usr/share/doc'), { recursive: true, force: true });
      const control = readFileSync(join(at, 'p/DEBIAN/control'), 'utf8')
        .replace(/^Version: .*\n/m, '')
        .replace(/^Installed-Size: .*\n/m, '');
      rmSync(join(at, 'p/DEBIAN'), { recursive: true });
      found[r.name] = createHash('sha256')
        .update(control)
        .update(
          execFileSync('sh', [
            '-c',
            'cd "$1" && find . \\( -type f -o -type l \\) -printf "%m %p %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum',
            'sh',
            join(at, 'p'),
          ]),
        )
        .digest('hex');
    } finally {
      rmSync(at, { recursive: true, force: true });
    }
  }
  return found;
}
