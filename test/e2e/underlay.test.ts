import { createReadStream, existsSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debs, discard, example, installAndRun, resultOf, slipway, sources, states } from './helpers.ts';
import { execFileSync } from 'node:child_process';
import { portOf } from '../port.mjs';
import { packagesIn } from '../told-plan.ts';

describe('an apt repository as underlay, read over http', () => {
  let lower: string;
  let upper: string;
  let server: Server;
  let printed: string;
  beforeAll(async () => {
    lower = example('lower');
    printed = (await slipway(['build', '--distribution', 'mini'], lower)).stdout;
    server = createServer((request, response) => {
      const path = join(lower, 'out/apt', normalize(decodeURIComponent(request.url!)));
      if (!existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
      createReadStream(path).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const uri = `http://127.0.0.1:${portOf(server)}`;
    upper = example('upper');
    // A separate base: it depends on the underlay's URL, which is new in each run.
    execFileSync('sh', ['-c', 'rm "$1/.slipway/bases" && mkdir "$1/.slipway/bases"', 'sh', upper]);
    mkdirSync(join(upper, 'keys'));
    copyFileSync(join(lower, 'out/apt/key.asc'), join(upper, 'keys/mini.asc'));
    writeFileSync(
      join(upper, 'distro.yaml'),
      `organization: top
index: rosdistro/index-v4.yaml
distributions:
  mini: {platforms: [bookworm], packages: [acme_drive, acme_teleop, "own_*"], folders: [own], underlay: [mini]}
platforms:
  bookworm:
    os: debian
    release: bookworm
    underlays:
      mini: {uri: "${uri}", suite: bookworm-mini, key: keys/mini.asc, package: "acme-mini-{name}", prefix: /opt/acme/mini}
rosdep: [rosdep.yaml]
`,
    );
    writeOwn(join(upper, 'own'));
  });
  afterAll(async () => {
    server.close();
    await discard(lower);
    await discard(upper);
  });

  it('provides what `packages` does not name, and is used in builds', async () => {
    const ran = await slipway(['build'], upper);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states(upper)).toEqual({ acme_drive: 'built', acme_teleop: 'built', own_lib: 'built', own_node: 'built' });
    const drive = debs(upper).find((d) => /top-mini-acme-drive_/.test(d))!;
    expect(execFileSync('dpkg-deb', ['-f', drive, 'Depends'], { encoding: 'utf8' })).toContain('acme-mini-acme-math');
    // No package of this scope has a setup.sh: Slipway's own package provides it, and it sets up the underlay, too.
    const programs =
      'drive 4; teleop=$(command -v teleop || echo /opt/top/mini/lib/acme_teleop/teleop); "$teleop" 2; own_node 4';
    const installed = await installAndRun(
      'bookworm',
      `${printed}\n${ran.stdout}`,
      ['top-mini-acme-drive', 'top-mini-acme-teleop', 'top-mini-own-node', 'zsh'],
      [
        ...['sh', 'bash', 'zsh'].map((shell) => `${shell} -ec '. /opt/top/mini/setup.${shell}; ${programs}'`),
        '/opt/top/mini/env.sh own_node 4',
        'dpkg-query -S /opt/top/mini/setup.sh /opt/acme/mini/setup.sh /opt/acme/mini/setup.zsh',
      ].join('\n'),
    );
    const once =
      '<twist frame="base" angular="-2.2831853071795862"/>\nangular: 0.0\nframe: base\nlinear: 2.0\n-2.283 -2.283\n';
    expect(installed.stdout).toBe(
      `${once.repeat(3)}-2.283 -2.283
top-mini-environment: /opt/top/mini/setup.sh
acme-mini-ros-workspace: /opt/acme/mini/setup.sh
acme-mini-environment: /opt/acme/mini/setup.zsh
`,
    );
    expect(installed.code, installed.stderr).toBe(0);
  });

  it('is refused without a signature of the configured key', async () => {
    const file = join(upper, 'keys/mini.asc');
    const right = readFileSync(file);
    execFileSync('sh', [
      '-c',
      'GNUPGHOME=$(mktemp -d) && export GNUPGHOME && gpg --batch --passphrase "" --quick-generate-key other rsa2048 sign never 2>/dev/null && gpg --armor --export other > "$1"; gpgconf --kill all; rm -rf "$GNUPGHOME"',
      'sh',
      file,
    ]);
    const ran = await slipway(['plan'], upper);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /underlay 'mini' of platform 'bookworm': the signature of http:\/\/127\.0\.0\.1:\d+\/dists\/bookworm-mini\/InRelease is invalid/,
    );
    writeFileSync(file, right);
  });
});

/** A library on top of one from the underlay, and a program on top of both. */
function writeOwn(folder: string): void {
  const write = (name: string, depends: string[], cmake: string, source: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(
      join(folder, name, 'package.xml'),
      `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license><buildtool_depend>ament_cmake_core</buildtool_depend>${depends.map((d) => `<depend>${d}</depend>`).join('')}<export><build_type>ament_cmake</build_type></export></package>`,
    );
    writeFileSync(
      join(folder, name, 'CMakeLists.txt'),
      `cmake_minimum_required(VERSION 3.18)\nproject(${name} CXX)\nfind_package(ament_cmake_core REQUIRED)\nfind_package(acme_math REQUIRED)\n${cmake}ament_package()\n`,
    );
    writeFileSync(join(folder, name, 'source.cpp'), source);
  };
  write(
    'own_lib',
    ['acme_math'],
    'add_library(own_lib SHARED source.cpp)\ntarget_link_libraries(own_lib acme_math::acme_math)\ninstall(TARGETS own_lib LIBRARY DESTINATION lib)\n',
    '#include <acme_math/angle.hpp>\ndouble own(double x) { return acme_math::normalize(x); }\n',
  );
  write(
    'own_node',
    ['acme_math', 'own_lib'],
    'find_library(OWN own_lib PATHS /opt/top/mini/lib REQUIRED)\nadd_executable(own_node source.cpp)\ntarget_link_libraries(own_node ${OWN} acme_math::acme_math)\ninstall(TARGETS own_node DESTINATION bin)\n',
    '#include <acme_math/angle.hpp>\n#include <cstdio>\n#include <cstdlib>\ndouble own(double);\nint main(int, char ** v) { std::printf("%.3f %.3f\\n", own(std::atof(v[1])), acme_math::normalize(std::atof(v[1]))); }\n',
  );
}

describe('.repos files and released versions', () => {
  it('are built like the rest', async () => {
    const folder = example('repos');
    try {
      // Released like by bloom: a tag for each package, with the package at the root of its tree.
      const release = join(folder, 'repositories/math-release');
      execFileSync('sh', [
        '-ec',
        'git init -q -b main "$2"; cp -a "$1/src/robot/acme_math/." "$2/"; cd "$2"; git add -A; git -c user.name=a -c user.email=a@b.org commit -qm x; git tag release/mini/acme_math/1.2.0-3',
        'sh',
        folder,
        release,
      ]);
      writeFileSync(
        join(folder, 'robot.repos'),
        'repositories:\n  acme/bootstrap: {type: git, url: ./repositories/bootstrap, version: main}\n  acme/messages: {type: git, url: ./repositories/messages, version: main}\n',
      );
      writeFileSync(
        join(folder, 'rosdistro/mini/distribution.yaml'),
        'repositories:\n  math:\n    release:\n      packages: [acme_math]\n      tags: {release: "release/mini/{package}/{version}"}\n      url: ./repositories/math-release\n      version: 1.2.0-3\ntype: distribution\nversion: 2\n',
      );
      writeFileSync(
        join(folder, 'distro.yaml'),
        readFileSync(join(folder, 'distro.yaml'), 'utf8')
          .replace(
            /mini: *# in the manner of ROS 2, its build tools included\n {4}platforms: \[bookworm\]/,
            'mini:\n    platforms: [bookworm]\n    repos: [robot.repos]\n  math:\n    platforms: [bookworm]\n',
          )
          .replace(/ {2}math:\n {4}platforms: \[bookworm\]\n/, ''),
      );
      sources(folder);
      const fromRepos = await slipway(['build', 'acme_msgs', '--distribution', 'mini'], folder);
      expect(fromRepos.code, fromRepos.stderr).toBe(0);
      expect(
        resultOf(folder)
          .map((r) => r.name)
          .sort(),
      ).toEqual(['acme_msgs', 'ament_cmake_core', 'ament_package', 'ros_workspace', 'rosidl_default_generators']);
      writeFileSync(
        join(folder, 'distro.yaml'),
        readFileSync(join(folder, 'distro.yaml'), 'utf8')
          .replace('repos: [robot.repos]', 'sources: release\n    underlay: [none]')
          .replace(
            /debian: \{ *packages: \{ *catkin: catkin *\} *\}/,
            'debian: {packages: {catkin: catkin}}\n      none: {packages: {ament_cmake_core: cmake}}',
          ),
      );
      const released = await slipway(['plan', '--json', '--distribution', 'mini'], folder);
      expect(released.code, released.stderr).toBe(0);
      const p = packagesIn(released.stdout);
      expect(p.map((q) => [q.name, q.source.ref])).toEqual([['acme_math', 'release/mini/acme_math/1.2.0-3']]);
      expect(p[0]?.source.tree).toMatch(/^[0-9a-f]{40}$/);
    } finally {
      await discard(folder);
    }
  });
});
