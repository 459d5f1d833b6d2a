import type { BuildTypeRules } from './build-type.ts';
import { cmakeScript, cmakeTests } from './cmake-script.ts';

/** Plain CMake, without ROS. */
export const cmake: BuildTypeRules = {
  buildDepends: [],
  testDepends: [],
  keepsObjects: true,
  tests: cmakeTests,
  installs: { file: 'CMakeLists.txt', how: 'add install() rules, such as install(TARGETS NAME)' },
  script: String.raw`${cmakeScript}
configure_and_compile() {
  with_options cmake_configure -DBUILD_TESTING=$testing
  cmake --build "$object"
}
run_tests() { run_ctest; }
`,
};
