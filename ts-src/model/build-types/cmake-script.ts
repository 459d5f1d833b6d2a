/** Shell functions of all build types that use CMake. */
export const cmakeScript = String.raw`
# Where object files stayed from a build before, they are configured, and CMake itself sees what it has to do again.
cmake_configure() {
  if [ -n "$SLIPWAY_CONFIGURED" ] && [ -f "$object/Makefile" ]; then return 0; fi
  cmake -S "$here" -B "$object" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_INSTALL_RPATH_USE_LINK_PATH=OFF -DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON \
    -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF "$@"
}

install_staged() { DESTDIR="$stage" cmake --install "$object"; }

# CTest has its own format where it can't write JUnit.
keep_ctest_results() {
  if [ -f "$results/ctest.xml" ]; then return 0; fi
  for f in "$object"/Testing/*/Test.xml; do if [ -f "$f" ]; then cp "$f" "$results/ctest-Test.xml"; fi; done
}

run_ctest() {
  set --
  if ctest --help | grep -q output-junit; then set -- --output-junit "$results/ctest.xml"; fi
  code=0
  (cd "$object" && ctest --output-on-failure --timeout "$test_timeout" "$@") || code=$?
  keep_ctest_results
  return "$code"
}
`;

/**
 * Where CMake tests are declared: by a command whose name says so, which any package may define (ament_add_gtest,
 * acme_add_tests), or by an argument of a command for something else (messages with ADD_LINTER_TESTS). The limits keep
 * the search linear in a text that a package chose.
 */
export const cmakeTests = {
  file: /^CMakeLists\.txt$|\.cmake$/,
  words: new RegExp(
    String.raw`(?:test|lint|gmock|benchmark|file_check)\w{0,60}\s{0,20}\(|` +
      String.raw`\b(?:BUILD_TESTING|CATKIN_ENABLE_TESTING|ADD_LINTER_TESTS)\b`,
    'i',
  ),
};
