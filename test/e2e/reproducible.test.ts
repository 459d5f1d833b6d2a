import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, slipway, states, workspace, type Ran } from './helpers.ts';
import { at } from '../../ts-src/model/lists.ts';

const manifest = (name: string): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">a</maintainer><license>BSD</license><buildtool_depend>cmake</buildtool_depend><export><build_type>cmake</build_type></export></package>\n`;

/** Conditions that a build should not put into its package, by file. */
const seen = {
  day: 'date +%F',
  order: 'find /usr/share/perl5 -maxdepth 1',
  host: 'hostname',
  kernel: 'uname -r',
  jobs: 'echo $CMAKE_BUILD_PARALLEL_LEVEL',
};

const files: Record<string, string> = {
  'distro.yaml':
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
  'rosdep.yaml': 'cmake: {debian: [cmake]}\n',
  'src/unsteady/package.xml': manifest('unsteady'),
  'src/unsteady/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(unsteady NONE)
${Object.entries(seen)
  .map(
    ([name, command]) =>
      `execute_process(COMMAND sh -c "${command.replace('$', '\\$')}" OUTPUT_FILE \${CMAKE_BINARY_DIR}/${name})
install(FILES \${CMAKE_BINARY_DIR}/${name} DESTINATION share/unsteady)\n`,
  )
  .join('')}`,
  'src/steady/package.xml': manifest('steady'),
  'src/steady/CMakeLists.txt': `cmake_minimum_required(VERSION 3.10)
project(steady CXX)
file(GLOB sources *.cpp)
add_library(steady SHARED \${sources})
install(TARGETS steady DESTINATION lib)
install(FILES CMakeLists.txt DESTINATION share/steady)
`,
  ...Object.fromEntries(
    ['one', 'two', 'three', 'four'].map((n) => [
      `src/steady/${n}.cpp`,
      `const char * ${n}() { return __FILE__ __DATE__ __TIME__; }\n`,
    ]),
  ),
};

describe('builds repeated under other conditions', () => {
  const folder = workspace('reproducible');
  let ran: Ran;
  beforeAll(async () => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    ran = await slipway(['build', '--check-reproducible'], folder);
  });
  afterAll(() => discard(folder));

  it('are reported with the files that differ, and where', () => {
    expect(states(folder), ran.stderr).toEqual({ steady: 'built', unsteady: 'built' });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('d/bookworm-amd64/unsteady: its second build differs\n');
    for (const name of Object.keys(seen))
      expect(ran.stderr).toContain(`acme-d-unsteady: opt/acme/d/share/unsteady/${name} line `);
    expect(ran.stderr).toMatch(/share\/unsteady\/host line 1: "[^"]*", then "another-host"/);
    expect(ran.stderr).toContain('built twice: 2 packages, 1 equal to the byte');
    const told = JSON.parse(readFileSync(join(folder, 'out/reproducible.json'), 'utf8')) as {
      name: string;
      state: string;
      report?: string;
    }[];
    expect(told.map((t) => [t.name, t.state])).toEqual([
      ['steady', 'equal'],
      ['unsteady', 'different'],
    ]);
    const { report } = at(told, 1);
    if (report !== undefined) expect(existsSync(join(folder, 'out', report))).toBe(true);
  });

  it('can be a sample of the named packages', async () => {
    const sampled = await slipway(['build', '--check-reproducible', '--sample', '1', 'steady'], folder);
    expect(sampled.code, sampled.stderr).toBe(0);
    expect(sampled.stderr).toContain('built twice: 1 package, 1 equal to the byte');
    expect((await slipway(['build', '--sample', '1'], folder)).code).toBe(2);
  });
});
