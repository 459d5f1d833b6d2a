import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, states, workspace } from './helpers.ts';
import { writeTiny, type Tiny } from './tiny.ts';

/** A package that links `inner`, a library of its own, and installs what `install` says. */
const linking = (version: string, install: string): Tiny => ({
  cmake: `enable_language(C)
file(WRITE \${CMAKE_BINARY_DIR}/inner.c "int inner(void) { return 4; }")
file(WRITE \${CMAKE_BINARY_DIR}/main.c "int inner(void); int main(void) { return inner(); }")
add_library(inner SHARED \${CMAKE_BINARY_DIR}/inner.c)
set_target_properties(inner PROPERTIES ${version})
add_executable(\${PROJECT_NAME} \${CMAKE_BINARY_DIR}/main.c)
target_link_libraries(\${PROJECT_NAME} inner)
install(TARGETS \${PROJECT_NAME} DESTINATION bin)
${install}`,
});
/** Libraries as vendors ship them: name → shell commands that convert a library built here, `$1`. */
const shipped: Record<string, string> = {
  foreign: patched(18, '\\267'),
  big_endian: patched(5, '\\002'),
  truncated: 'truncate -s 3000 "$1"',
  header: 'truncate -s 40 "$1"',
  sections: patched(40, '\\377\\377\\377'),
  followed: 'cp p "$1"; echo payload >> "$1"',
  stripped: 'strip "$1"; echo payload >> "$1"',
};
/** Overwrites bytes (printf escapes) at an offset of the file. */
function patched(at: number, bytes: string): string {
  return `printf '${bytes}' | dd conv=notrunc of="$1" bs=1 seek=${at}`;
}
const vendor: Tiny = {
  cmake: `enable_language(C)
file(WRITE \${CMAKE_BINARY_DIR}/v.c "int v(void) { return 4; }")
add_library(v SHARED \${CMAKE_BINARY_DIR}/v.c)
target_link_options(v PRIVATE -Wl,--no-as-needed)
target_link_libraries(v m)
file(WRITE \${CMAKE_BINARY_DIR}/p.c "int main(void) { return 0; }")
add_executable(p \${CMAKE_BINARY_DIR}/p.c)
add_custom_target(sdk ALL COMMAND sh \${PROJECT_SOURCE_DIR}/sdk.sh DEPENDS v p)
install(DIRECTORY \${CMAKE_BINARY_DIR}/sdk DESTINATION lib/\${PROJECT_NAME})
install(DIRECTORY \${CMAKE_BINARY_DIR}/sdk/ DESTINATION share/\${PROJECT_NAME}/firmware USE_SOURCE_PERMISSIONS)
`,
  files: {
    'sdk.sh': `set -e\nmkdir sdk\n${Object.entries(shipped)
      .map(([name, change]) => `cp libv.so sdk/lib${name}.so\nset -- sdk/lib${name}.so\n${change}\n`)
      .join(
        '',
      )}mkdir sdk/__pycache__\nmkdir sdk/__pycache__/own\ntouch sdk/a.py sdk/a.pyc sdk/alone.pyc sdk/__pycache__/a.cpython-311.pyc sdk/__pycache__/own/kept\n`,
  },
};
const versioned = 'VERSION 1.2 SOVERSION 1';
const plain = 'OUTPUT_NAME inner';

describe('a library that a program needs', () => {
  const folder = workspace('needed');
  beforeAll(async () => {
    writeTiny(
      folder,
      {
        nowhere: linking(plain, ''),
        nowhere_versioned: linking(versioned, ''),
        beside: linking(plain, 'install(TARGETS inner DESTINATION lib)'),
        elsewhere: linking(plain, 'install(TARGETS inner DESTINATION lib/elsewhere/private)'),
        elsewhere_versioned: linking(versioned, 'install(TARGETS inner DESTINATION lib/elsewhere_versioned/private)'),
        vendor,
        driver: linking(versioned, ''),
      },
      'package_settings: {driver: {external_libraries: ["libinner.so.*"]}}\n',
    );
    await slipway(['build'], folder);
  });
  afterAll(() => discard(folder));

  const deb = (name: string): string => debs(folder).find((d) => d.includes(`-${name}_`)) ?? '';
  const dependsOf = (name: string): string =>
    execFileSync('dpkg-deb', ['-f', deb(name), 'Depends'], { encoding: 'utf8' });

  it('fails the package if the library does not exist, with its name and advice', () => {
    expect(states(folder)).toEqual({
      nowhere: 'failed',
      nowhere_versioned: 'failed',
      beside: 'built',
      elsewhere: 'built',
      elsewhere_versioned: 'built',
      vendor: 'built',
      driver: 'built',
    });
    for (const [name, library] of [
      ['nowhere', 'libinner.so'],
      ['nowhere_versioned', 'libinner.so.1'],
    ])
      expect(resultOf(folder).find((r) => r.name === name)?.reason).toMatch(
        new RegExp(
          `^/opt/acme/tiny/bin/${name} needs the library ${library}, which is in no declared dependency\n.*<exec_depend>`,
        ),
      );
  });

  it('packs libraries of another processor, and files that are no libraries, unchanged', () => {
    const log = readFileSync(join(folder, 'out/logs/tiny/bookworm-amd64/vendor.log'), 'utf8');
    const warned = [
      ...log.matchAll(/warning: \/opt\/acme\/tiny\/lib\/vendor\/sdk\/lib(\w+)\.so is no program or library/g),
    ];
    expect(warned.map((m) => m[1]).sort()).toEqual(['header', 'sections', 'truncated']);
    const last = (name: string) =>
      execFileSync(
        'sh',
        [
          '-c',
          'dpkg-deb --fsys-tarfile "$1" | tar -xO "./opt/acme/tiny/lib/vendor/sdk/lib$2.so" | tail -c 9',
          'sh',
          deb('vendor'),
          name,
        ],
        {
          encoding: 'latin1',
        },
      );
    for (const name of ['followed', 'stripped']) expect(last(name)).toMatch(/payload\n$/);
    const members = execFileSync('dpkg-deb', ['--contents', deb('vendor')], { encoding: 'utf8' });
    expect([...members.matchAll(/lib\/vendor\/sdk\/(\S*\.py\S*)/g)].map((m) => m[1])).toEqual(['a.py', 'alone.pyc']);
    expect(dependsOf('vendor')).toContain('libc6');
    expect(dependsOf('driver')).toContain('libc6');
  });

  it('adds the dependencies of libraries that exist', () => {
    expect(dependsOf('elsewhere-versioned')).toContain('libc6');
  });
});
