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

/** Files in which CMake tests are declared. */
export const cmakeFile = /^CMakeLists\.txt$|\.cmake$/;
