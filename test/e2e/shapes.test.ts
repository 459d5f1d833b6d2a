import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, workspace, type Ran } from './helpers.ts';
import { first } from '../../ts-src/model/lists.ts';

/** Small packages with shapes of real packages of ROS 1 and 2, on Debian's catkin and ament. */
describe('packages with shapes found upstream', () => {
  const folder = workspace('shapes');
  let built: Ran;
  beforeAll(async () => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    built = await slipway(['build', '--test'], folder);
  });
  afterAll(() => discard(folder));

  const deb = (name: string) => debs(folder).find((f) => f.includes(`/acme-d-${name}_`))!;
  const shipped = (name: string, path: string) =>
    execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO "./opt/acme/d/$2"', 'sh', deb(name), path]);

  it('build, and their tests pass', () => {
    expect(built.code, built.stderr).toBe(0);
    const tests = resultOf(folder).filter((r) => r.id.endsWith(':test'));
    expect(Object.fromEntries(tests.map((t) => [t.name, t.state]))).toEqual(
      Object.fromEntries(tests.map((t) => [t.name, 'passed'])),
    );
  });

  it('the last of two install rules for one path wins, even within a second', () => {
    expect(shipped('two-generators', 'include/made.h').toString()).toBe('second\n');
  });

  it('files copied from a dependency have the time of the build', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1100));
    appendFileSync(
      join(folder, 'src/copies_hook/CMakeLists.txt'),
      'install(FILES package.xml DESTINATION share/copies_hook)\n',
    );
    const again = await slipway(['build'], folder);
    expect(again.code, again.stderr).toBe(0);
    const { version, debs: files = [] } = resultOf(folder).find((r) => r.name === 'copies_hook')!;
    const file = debs(folder).find((f) => f.endsWith(`/${first(files).name}`))!;
    const listed = execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -tv --utc --full-time', 'sh', file], {
      encoding: 'utf8',
    });
    const times = [
      ...new Set(
        listed
          .trim()
          .split('\n')
          .map((l) => l.split(/\s+/).slice(3, 5).join(' ')),
      ),
    ];
    expect(times.map((t) => t.replace(/[-: ]/g, ''))).toEqual([version!.split('.').slice(-2).join('')]);
  });

  it('installed files contain no folder of the build', () => {
    const library = shipped('reads-file', 'lib/libreads_file.so');
    expect(library.includes('/usr/src/acme-d-reads-file/library.cpp')).toBe(true);
    expect(library.includes('/build/')).toBe(false);
  });
});

const manifest = (name: string, type: string, dependencies: string) => `<?xml version="1.0"?>
<?xml-model href="http://download.ros.org/schema/package_format3.xsd" schematypens="http://www.w3.org/2001/XMLSchema"?>
<package format="3">
  <name>${name}</name>
  <version>1.0.0</version>
  <description>A shape</description>
  <maintainer email="robots@example.org">Robots</maintainer>
  <license>Apache-2.0</license>
  <buildtool_depend>${type === 'ament_python' ? 'python3-setuptools' : type}</buildtool_depend>
  ${dependencies}
  <export><build_type>${type}</build_type></export>
</package>
`;

const plainManifest = (format: number, rest: string) =>
  `<package format="${format}"><name>some_package</name><version>1.0.0</version><description>Of <b>one</b></description><maintainer email="robots@example.org">Robots</maintainer><license>Apache-2.0</license><url type="website">http://example.org</url>${rest}</package>\n`;

const readsFile = `#include <fstream>
#include <iostream>
#include <gtest/gtest.h>
TEST(Source, IsWhereFileSays) { EXPECT_TRUE(std::ifstream(__FILE__).good()) << __FILE__; }
`;

const files: Record<string, string> = {
  'distro.yaml': `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2, underlay: [debian]}}
platforms:
  bookworm:
    os: debian
    release: bookworm
    underlays:
      debian: {packages: {catkin: catkin, ament_cmake: ament-cmake, ament_cmake_gtest: ament-cmake-googletest}}
rosdep: [rosdep.yaml]
`,
  'rosdep.yaml': `cmake: {debian: [cmake]}
gtest: {debian: [libgtest-dev]}
libxml2-utils: {debian: [libxml2-utils]}
python3-pytest: {debian: [python3-pytest]}
python3-setuptools: {debian: [python3-setuptools]}
`,

  // Both files are created while CMake configures.
  'src/two_generators/package.xml': manifest('two_generators', 'cmake', ''),
  'src/two_generators/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(two_generators NONE)
foreach(generator first second)
  file(WRITE \${CMAKE_BINARY_DIR}/\${generator}/made.h "\${generator}\\n")
  install(FILES \${CMAKE_BINARY_DIR}/\${generator}/made.h DESTINATION include)
endforeach()
`,

  // An environment hook copied from a dependency.
  'src/has_hook/package.xml': manifest('has_hook', 'cmake', ''),
  'src/has_hook/hook.sh': 'export HOOK=1\n',
  'src/has_hook/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(has_hook NONE)
install(FILES hook.sh DESTINATION share/has_hook)
`,
  'src/copies_hook/package.xml': manifest('copies_hook', 'cmake', '<depend>has_hook</depend>'),
  'src/copies_hook/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(copies_hook NONE)
install(FILES \${CMAKE_INSTALL_PREFIX}/share/has_hook/hook.sh DESTINATION share/copies_hook)
`,

  'src/reads_file/package.xml': manifest('reads_file', 'ament_cmake', '<test_depend>ament_cmake_gtest</test_depend>'),
  'src/reads_file/library.cpp': 'const char * where() { return __FILE__; }\n',
  'src/reads_file/test.cpp': readsFile,
  'src/reads_file/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(reads_file CXX)
find_package(ament_cmake REQUIRED)
add_library(reads_file SHARED library.cpp)
install(TARGETS reads_file DESTINATION lib)
if(BUILD_TESTING)
  find_package(ament_cmake_gtest REQUIRED)
  ament_add_gtest(test_reads_file test.cpp)
endif()
ament_package()
`,

  'src/catkin_reads_file/package.xml': manifest('catkin_reads_file', 'catkin', '<test_depend>gtest</test_depend>'),
  'src/catkin_reads_file/test.cpp': `${readsFile}int main(int argc, char ** argv) { testing::InitGoogleTest(&argc, argv); return RUN_ALL_TESTS(); }\n`,
  'src/catkin_reads_file/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(catkin_reads_file CXX)
find_package(catkin REQUIRED)
catkin_package()
if(CATKIN_ENABLE_TESTING)
  catkin_add_gtest(test_reads_file test.cpp)
endif()
`,

  // A program that parses its arguments, called by a test in the same process.
  'src/reads_argv/package.xml': manifest('reads_argv', 'ament_python', '<test_depend>python3-pytest</test_depend>'),
  'src/reads_argv/setup.py': `import argparse, json, os
from setuptools import setup
# A build uses the byte code of system packages.
for module in argparse, json:
    assert module.__cached__.startswith('/build/'), module.__cached__
    assert os.path.realpath(module.__cached__).startswith('/usr/lib/python3'), module.__cached__
setup(name='reads_argv', version='1.0.0', packages=['reads_argv'], data_files=[('share/reads_argv', ['package.xml'])])
`,
  'src/reads_argv/reads_argv/__init__.py': `import argparse


def main():
    argparse.ArgumentParser().parse_args()
    return 0
`,
  'src/reads_argv/test/test_main.py': `import reads_argv


def test_main():
    assert reads_argv.main() == 0
`,

  // A library that is built with additional code for its tests, loaded by its name.
  'src/more_for_tests/package.xml': manifest('more_for_tests', 'cmake', ''),
  'src/more_for_tests/library.cpp': `#ifdef MORE
extern "C" int more() { return 1; }
#endif
`,
  'src/more_for_tests/test.cpp': `#include <dlfcn.h>
int main() {
  void * library = dlopen("libmore_for_tests.so", RTLD_NOW);
  return library && dlsym(library, "more") ? 0 : 1;
}
`,
  'src/more_for_tests/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(more_for_tests CXX)
include(CTest)
add_library(more_for_tests SHARED library.cpp)
install(TARGETS more_for_tests DESTINATION lib)
if(BUILD_TESTING)
  target_compile_definitions(more_for_tests PRIVATE MORE)
  add_executable(test_more test.cpp)
  target_link_libraries(test_more \${CMAKE_DL_LIBS})
  add_test(NAME more COMMAND test_more)
endif()
`,

  // A test that selects one of two libraries with the same name by LD_LIBRARY_PATH, as those of
  // ament_cmake_vendor_package do.
  'src/chooses_library/package.xml': manifest('chooses_library', 'cmake', ''),
  'src/chooses_library/library.cpp': 'extern "C" int chosen() { return CHOSEN; }\n',
  'src/chooses_library/test.cpp': `#include <dlfcn.h>
int main() {
  void * library = dlopen("libchosen.so", RTLD_NOW);
  void * chosen = library ? dlsym(library, "chosen") : nullptr;
  return chosen && reinterpret_cast<int (*)()>(chosen)() == 2 ? 0 : 1;
}
`,
  'src/chooses_library/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(chooses_library CXX)
include(CTest)
if(BUILD_TESTING)
  foreach(number 1 2)
    add_library(library\${number} SHARED library.cpp)
    set_target_properties(library\${number} PROPERTIES OUTPUT_NAME chosen
      LIBRARY_OUTPUT_DIRECTORY \${CMAKE_BINARY_DIR}/\${number} COMPILE_DEFINITIONS CHOSEN=\${number})
  endforeach()
  add_executable(test_chosen test.cpp)
  target_link_libraries(test_chosen \${CMAKE_DL_LIBS})
  add_test(NAME chosen COMMAND
    sh -c "LD_LIBRARY_PATH=\\$LD_LIBRARY_PATH:\${CMAKE_BINARY_DIR}/2:\${CMAKE_BINARY_DIR}/1 exec \${CMAKE_BINARY_DIR}/test_chosen")
endif()
`,

  'src/linted/package.xml': manifest('linted', 'cmake', '<test_depend>libxml2-utils</test_depend>'),
  'src/linted/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(linted NONE)
include(CTest)
foreach(format 1 2 3)
  add_test(NAME manifest\${format} WORKING_DIRECTORY \${CMAKE_SOURCE_DIR}
    COMMAND xmllint --noout --schema http://download.ros.org/schema/package_format\${format}.xsd manifest\${format}.xml)
endforeach()
add_test(NAME wrong WORKING_DIRECTORY \${CMAKE_SOURCE_DIR}
  COMMAND xmllint --noout --schema http://download.ros.org/schema/package_format2.xsd manifest3.xml)
set_tests_properties(wrong PROPERTIES PASS_REGULAR_EXPRESSION "'condition' is not allowed")
`,
  'src/linted/manifest1.xml': plainManifest(1, '<run_depend version_gte="1.2">other</run_depend>'),
  'src/linted/manifest2.xml': plainManifest(2, '<exec_depend>other</exec_depend><export><any more="1"/></export>'),
  'src/linted/manifest3.xml': plainManifest(3, '<depend condition="$ROS_VERSION == 2">other</depend>'),
};
