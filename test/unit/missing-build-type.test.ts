import { expect, it } from 'vitest';
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
