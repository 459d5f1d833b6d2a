import { execFileSync } from 'node:child_process';
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
const versioned = 'VERSION 1.2 SOVERSION 1';
const plain = 'OUTPUT_NAME inner';

describe('a library that a program needs', () => {
  const folder = workspace('needed');
  beforeAll(async () => {
    writeTiny(folder, {
      nowhere: linking(plain, ''),
      nowhere_versioned: linking(versioned, ''),
      beside: linking(plain, 'install(TARGETS inner DESTINATION lib)'),
      elsewhere: linking(plain, 'install(TARGETS inner DESTINATION lib/elsewhere/private)'),
      elsewhere_versioned: linking(versioned, 'install(TARGETS inner DESTINATION lib/elsewhere_versioned/private)'),
    });
    await slipway(['build'], folder);
  });
  afterAll(() => discard(folder));

  it('fails the package where it is nowhere, with its name and what to do', () => {
    expect(states(folder)).toEqual({
      nowhere: 'failed',
      nowhere_versioned: 'failed',
      beside: 'built',
      elsewhere: 'built',
      elsewhere_versioned: 'built',
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

  it('brings the dependencies of what is found', () => {
    const deb = debs(folder).find((d) => d.includes('-elsewhere-versioned_')) ?? '';
    expect(execFileSync('dpkg-deb', ['-f', deb, 'Depends'], { encoding: 'utf8' })).toContain('libc6');
  });
});
