import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { distro, sourcePackage, planOf, names, packagesOf } from './planned.ts';

describe('a plan', () => {
  it('reports everything that does not resolve, with location and similar names', () => {
    const { diagnostics, plan } = planOf(
      [
        sourcePackage('app', [
          ['depend', 'libb'],
          ['test_depend', 'gtset'],
        ]),
        sourcePackage('lib', [
          ['exec_depend', 'from_pip'],
          ['build_depend', 'nowhere'],
        ]),
        sourcePackage('above', [['depend', 'app']]),
        sourcePackage('fine', []),
      ],
      {
        rosdep:
          'gtest: {debian: [libgtest-dev]}\nfrom_pip: {debian: {pip: {packages: [thing]}}}\nnowhere: {ubuntu: [xx], debian: {trixie: [xx]}}\n',
      },
    );
    expect(renderDiagnostics(diagnostics))
      .toBe(`lib/package.xml:3: error: 'lib' needs 'nowhere' (<build_depend>), which rosdep does not have for debian bookworm: it has a rule for debian trixie, not for bookworm [rosdep-platform]
    rosdep.yaml: add a rule for debian bookworm
app/package.xml:2: error: 'app' needs 'libb' (<depend>), but neither jazzy, an underlay nor a rosdep file has it [dependency-unresolved]
    did you mean 'lib'?
app/package.xml:3: warning: 'app' needs 'gtset' (<test_depend>), but neither jazzy, an underlay nor a rosdep file has it [dependency-unresolved]
    did you mean 'gtest'?
lib/package.xml:2: warning: 'lib' needs 'from_pip' (<exec_depend>), which rosdep gives by pip on debian bookworm: thing [rosdep-installer]
    only apt packages can be installed into a hermetic root: add an apt rule to your rosdep files, or name system packages for it in package_settings
`);
    expect(
      packagesOf(plan)
        .filter((p) => p.blocked)
        .map((p) => p.name)
        .sort(),
    ).toEqual(['above', 'app', 'lib']);
  });

  it('adds implicit dependencies of ROS 2: ros_workspace, and the type supports of interface packages', () => {
    const { plan } = planOf([
      sourcePackage('ament_package', []),
      sourcePackage('ament_cmake_core', [['build_depend', 'ament_package']]),
      sourcePackage('ros_workspace', [['build_depend', 'ament_cmake_core']]),
      sourcePackage('rosidl_typesupport_fastrtps_c', []),
      sourcePackage('rosidl_typesupport_fastrtps_cpp', []),
      sourcePackage('msgs', [], '1.0.0', '<member_of_group>rosidl_interface_packages</member_of_group>'),
    ]);
    const of = (n: string) => packagesOf(plan).find((p) => p.name === n)!;
    expect(of('ament_cmake_core').build).toEqual(['ament_package']);
    expect(of('msgs').build).toEqual([
      'ros_workspace',
      'rosidl_typesupport_fastrtps_c',
      'rosidl_typesupport_fastrtps_cpp',
    ]);
    expect(of('msgs').run).toEqual(['ros_workspace']);
  });

  it('resolves in order: `packages`, the underlay, the rest of the distribution, rosdep', () => {
    const d = distro({
      distributions: {
        jazzy: { platforms: ['bookworm'], repos: ['x'], ros_version: 2, packages: ['app', 'mine'], underlay: ['ros2'] },
      },
      platforms: {
        bookworm: {
          os: 'debian',
          release: 'bookworm',
          underlays: { ros2: { uri: 'http://x/y', suite: 'z', package: 'ros-{name}' } },
        },
      },
    });
    const { plan } = planOf(
      [
        sourcePackage('app', [
          ['depend', 'mine'],
          ['depend', 'their_own'],
          ['depend', 'rest'],
          ['depend', 'zlib'],
        ]),
        sourcePackage('mine', []),
        sourcePackage('their_own', []),
        sourcePackage('rest', []),
      ],
      {
        distro: d,
        underlays: {
          bookworm: {
            ros2: new Map([
              ['ros-mine', '1.0.0-1'],
              ['ros-their-own', '1.0.0-1'],
            ]),
          },
        },
      },
    );
    const app = packagesOf(plan).find((p) => p.name === 'app')!;
    expect([app.build, app.systemBuild]).toEqual([
      ['mine', 'rest'],
      ['ros-their-own', 'zlib1g-dev'],
    ]);
  });

  it('checks version bounds, and passes them to the package', () => {
    const p = planOf([
      sourcePackage('app', [
        ['depend version_gte="1.0.0"', 'lib'],
        ['exec_depend version_lt="1.0.0"', 'tool'],
      ]),
      sourcePackage('lib', []),
      sourcePackage('tool', []),
    ]);
    expect(p.diagnostics.map((d) => d.message)).toEqual(["'app' needs 'tool' << 1.0.0, but it is 1.0.0"]);
    expect(packagesOf(p.plan).find((q) => q.name === 'app')!.bounds).toEqual({ lib: ['>= 1.0.0'] });
  });

  it('refuses two scopes with the same suite; two architectures may share one', () => {
    const platforms = {
      bookworm: { os: 'debian', release: 'bookworm', architectures: ['amd64', 'arm64'] },
      other: { os: 'debian', release: 'bookworm', architectures: ['arm64'] },
    };
    const of = (chosen: string[]) =>
      planOf([sourcePackage('a', [])], {
        distro: distro({ distributions: { jazzy: { platforms: chosen, repos: ['x'], ros_version: 2 } }, platforms }),
      }).diagnostics;
    expect(of(['bookworm'])).toEqual([]);
    expect(renderDiagnostics(of(['bookworm', 'other'])))
      .toBe(`distro.yaml: error: jazzy/bookworm-arm64 and jazzy/other-arm64 would both be the suite 'bookworm-jazzy' of the apt repository [suite-taken]
    two platforms of one release need distributions of their own; a distribution and a variant must not give the name of another suite together
`);
  });

  it('allows packages named constructor and __proto__-like', () => {
    const p = planOf([
      sourcePackage('constructor', []),
      sourcePackage('hasOwnProperty', [['depend', 'constructor']]),
      sourcePackage('z', [['depend', 'toString']]),
    ]);
    expect(names(p)).toEqual(['constructor', 'hasOwnProperty', 'z']);
    expect(p.diagnostics.map((d) => d.code)).toEqual(['dependency-unresolved']);
  });
});
