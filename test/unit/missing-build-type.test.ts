import { describe, expect, it } from 'vitest';
import { evaluateAll } from '../../ts-src/plan/needs.ts';
import { buildTypeFault } from '../../ts-src/plan/build-type-faults.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import type { SourcePackage } from '../../ts-src/model/plan.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { distro, packagesOf, planOf, sourcePackage } from './planned.ts';
import { entry } from '../../ts-src/model/maps.ts';

function withoutType(name: string, body: string, exported = ''): SourcePackage {
  const xml = `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>
<maintainer email="a@b.org">m</maintainer><license>BSD</license>${body}
${exported && `<export>${exported}</export>`}</package>`;
  const read = parseManifest(xml, `${name}/package.xml`);
  if (!read.ok) throw new Error(renderDiagnostics(read.diagnostics));
  return { ...sourcePackage(name, []), manifest: read.value };
}

const packages = [
  withoutType('plain', ''),
  withoutType('tool', '<buildtool_depend>ament_cmake_core</buildtool_depend>'),
  withoutType('python', '<buildtool_depend>ament_python</buildtool_depend>'),
  withoutType('other', '', '<build_type condition="$ROS_VERSION == 1">catkin</build_type>'),
  withoutType('meant', '<buildtool_depend>catkin</buildtool_depend>'),
  withoutType('named', '', '<build_type>catkin</build_type>'),
  withoutType('catkin', ''),
  sourcePackage('ament_cmake_core', []),
  sourcePackage('ament_python', []),
];

it('tells a package of ROS 2 without a build type, with its remedy, and builds it as before', () => {
  const { plan, diagnostics } = planOf(packages);
  expect(renderDiagnostics(diagnostics))
    .toBe(`other/package.xml:3: warning: 'other' has no build type whose condition is true. It is built as catkin, which is for ROS 1 [build-type]
    add <export><build_type>TYPE</build_type></export> to package.xml; TYPE is ament_cmake, ament_python or cmake
plain/package.xml: warning: 'plain' has no build type. It is built as catkin, which is for ROS 1 [build-type]
    add <export><build_type>TYPE</build_type></export> to package.xml; TYPE is ament_cmake, ament_python or cmake
python/package.xml: warning: 'python' has no build type. It is built as catkin, which is for ROS 1 [build-type]
    add <export><build_type>ament_python</build_type></export> to package.xml, since it needs 'ament_python'
tool/package.xml: warning: 'tool' has no build type. It is built as catkin, which is for ROS 1 [build-type]
    add <export><build_type>ament_cmake</build_type></export> to package.xml, since it needs 'ament_cmake_core'
`);
  const planned = packagesOf(plan);
  expect(planned.filter((p) => p.buildType === 'catkin' && p.blocked === undefined)).toHaveLength(7);
});

describe('a build type whose tool is nowhere', () => {
  const told = (extra: SourcePackage[], options: Parameters<typeof planOf>[1] = {}): string =>
    renderDiagnostics(
      planOf(
        [
          withoutType('old', '\n', '\n<build_type condition="$ROS_VERSION == 2">catkin</build_type>'),
          withoutType('new', '', '<build_type>ament_cmake</build_type>'),
          withoutType('plain', '', '<build_type>cmake</build_type>'),
          withoutType('python', '', '<build_type>ament_python</build_type>'),
          ...extra,
        ],
        options,
      ).diagnostics,
    );

  it('is told with the line and what to do', () => {
    expect(told([])).toBe(
      `new/package.xml:3: warning: 'new' has the build type ament_cmake, but neither jazzy, an underlay nor a rosdep file has 'ament_cmake' [build-type]
    change <build_type>: cmake needs no other package; or add the repository of 'ament_cmake', or an underlay that has it
old/package.xml:5: warning: 'old' has the build type catkin, but neither jazzy, an underlay nor a rosdep file has 'catkin' [build-type]
    change <build_type>: ament_cmake is for ROS 2, and cmake needs no other package; or add the repository of 'catkin', or an underlay that has it
`,
    );
  });

  it('is not, where the distribution, the system or distro.yaml has the tool', () => {
    expect(told([sourcePackage('ament_cmake_core', []), sourcePackage('catkin', [])])).toBe('');
    expect(told([], { rosdep: 'catkin: {debian: [catkin]}\nament_cmake: {debian: [ament-cmake]}\n' })).toBe('');
    const settings = { new: { build_depends: ['ament-cmake-core'] }, old: { build_depends: ['libcatkin-dev'] } };
    expect(told([], { distro: distro({ package_settings: settings }) })).toBe('');
    const system = { catkin: { system: ['catkin'] }, ament_cmake: { skip: true } };
    expect(told([], { distro: distro({ package_settings: system }) })).toBe('');
  });

  it('is an error already, where the package needs the tool', () => {
    const needs = withoutType(
      'needs',
      '<buildtool_depend>catkin</buildtool_depend>',
      '<build_type>catkin</build_type>',
    );
    const { diagnostics } = planOf([needs]);
    expect(diagnostics.map((d) => d.code)).toEqual(['dependency-unresolved']);
  });
});

it('takes the default of REP 149 without a word in ROS 1', () => {
  const settings = entry(new Map(Object.entries(distro().distributions)), 'jazzy');
  const input = {
    name: 'noetic',
    rosVersion: 1 as const,
    pythonVersion: 3 as const,
    repositories: [],
    packages: new Map(packages.map((p) => [p.name, p])),
  };
  const { packages: found } = evaluateAll(input, settings, []);
  expect(found.flatMap((p) => buildTypeFault(p, 1) ?? [])).toEqual([]);
});
