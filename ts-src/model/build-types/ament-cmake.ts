import type { BuildTypeRules } from './build-type.ts';
import { cmakeScript, cmakeTests } from './cmake-script.ts';

/** ROS 2's CMake packages. */
export const amentCmake: BuildTypeRules = {
  buildDepends: [],
  testDepends: [],
  tools: ['ament_cmake', 'ament_cmake_core'],
  keepsObjects: true,
  tests: cmakeTests,
  installs: { file: 'CMakeLists.txt', how: 'add install() rules, and ament_package() at its end' },
  script: String.raw`${cmakeScript}
configure_and_compile() {
  with_options cmake_configure -DBUILD_TESTING=$testing -DAMENT_TEST_RESULTS_DIR="$results" \
    -DPython3_EXECUTABLE=/usr/bin/python3
  cmake --build "$object"
}
run_tests() { run_ctest; }
`,
};
