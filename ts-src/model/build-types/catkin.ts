import type { BuildTypeRules } from './build-type.ts';
import { cmakeScript, cmakeTests } from './cmake-script.ts';

/** ROS 1 packages. catkin itself ships setup.sh; all others are configured with CATKIN_BUILD_BINARY_PACKAGE. */
export const catkin: BuildTypeRules = {
  buildDepends: [],
  testDepends: [],
  tools: ['catkin'],
  keepsObjects: true,
  tests: cmakeTests,
  installs: { file: 'CMakeLists.txt', how: 'add install() rules, and catkin_package()' },
  script: String.raw`${cmakeScript}
configure_and_compile() {
  binary_package=1
  if [ "$name" = catkin ]; then binary_package=0; fi
  with_options cmake_configure -DCATKIN_BUILD_BINARY_PACKAGE="$binary_package" -DCATKIN_ENABLE_TESTING=$testing \
    -DCATKIN_TEST_RESULTS_DIR="$results" -DPYTHON_EXECUTABLE=/usr/bin/python3
  cmake --build "$object"
}
compile_tests() { cmake --build "$object" --target tests; }
run_tests() {
  code=0
  cmake --build "$object" --target run_tests -- -k || code=$?
  keep_ctest_results
  return "$code"
}
`,
};
