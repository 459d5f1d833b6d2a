import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hasTests } from '../../ts-src/engine/build/tests.ts';
import type { PlannedPackage } from '../../ts-src/model/plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-has-tests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

function has(buildType: PlannedPackage['buildType'], text: string, file = 'CMakeLists.txt'): boolean {
  const source = join(folder, String(made++));
  mkdirSync(join(source, 'cmake'), { recursive: true });
  writeFileSync(join(source, file), text);
  return hasTests(source, buildType);
}

describe('a package has tests', () => {
  it.each<[PlannedPackage['buildType'], string]>([
    ['ament_cmake', 'if(BUILD_TESTING)\n  find_package(ament_lint_auto REQUIRED)\nendif()'],
    ['ament_cmake', 'ament_add_gtest(test_x test/x.cpp)'],
    ['ament_cmake', 'ament_add_google_benchmark(bench_x x.cpp)'],
    ['ament_cmake', 'add_launch_test(test/x.py)'],
    ['ament_cmake', 'rosidl_generate_interfaces(${PROJECT_NAME}\n  "msg/A.msg"\n  ADD_LINTER_TESTS\n)'],
    ['ament_cmake', 'acme_robot_tests(${PROJECT_NAME} SHARED)'],
    ['catkin', 'catkin_add_nosetests(test)'],
    ['catkin', 'add_rostest_gmock(test_x x.test x.cpp)'],
    ['catkin', 'roslaunch_add_file_check(launch)'],
    ['catkin', 'roslint_add_test()'],
    ['cmake', 'catch_discover_tests(all)'],
    ['cmake', 'Add_Test (NAME x COMMAND x)'],
  ])('%s: %s', (buildType, text) => {
    expect(has(buildType, text)).toBe(true);
    expect(has(buildType, text, 'cmake/rules.cmake')).toBe(true);
  });

  it.each<[PlannedPackage['buildType'], string]>([
    ['ament_cmake', 'rosidl_generate_interfaces(${PROJECT_NAME} "msg/A.msg")\nament_package()'],
    ['ament_cmake', 'ament_add_default_options()\nament_auto_package()'],
    ['catkin', 'find_package(catkin REQUIRED COMPONENTS rostest)\ncatkin_package()'],
    ['cmake', 'find_package(GTest)\ninstall(FILES latest.txt DESTINATION share)'],
  ])('not: %s: %s', (buildType, text) => expect(has(buildType, text)).toBe(false));

  it('is found out in linear time, whatever the text is', () => {
    for (const part of ['test', 'test ', 'ament_add_', 'ADD_LINTER_TEST'])
      expect(has('cmake', part.repeat(Math.floor((4 << 20) / part.length) - 1))).toBe(false);
  });
});
