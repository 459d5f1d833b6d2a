import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, states, workspace } from './helpers.ts';

const manifest = (name: string, type: string, more = ''): string =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>` +
  `<maintainer email="a@b.org">a</maintainer><license>BSD</license>${more}` +
  `<export><build_type>${type}</build_type></export></package>\n`;

const python = (name: string, system: string): Record<string, string> => ({
  'package.xml': manifest(name, 'ament_python'),
  'pyproject.toml':
    `[build-system]\n${system}\n[project]\nname = "${name}"\nversion = "1.0.0"\ndescription = "d"\n` +
    `[project.scripts]\n${name}-say = "${name}.main:say"\n`,
  [`${name}/__init__.py`]: '"""d"""\n',
  [`${name}/main.py`]: `def say():\n    print("said by ${name}")\n`,
});

const sources: Record<string, Record<string, string>> = {
  by_meson: {
    'package.xml': manifest('by_meson', 'meson'),
    'meson.build':
      "project('by_meson', 'c', version: '1.0.0')\n" +
      "lib = shared_library('by_meson', 'lib.c', version: '1.0.0', install: true)\n" +
      "install_headers('by_meson.h')\nimport('pkgconfig').generate(lib)\n" +
      "test('answer', executable('check', 'check.c', link_with: lib))\n",
    'lib.c': 'int by_meson_answer(void) { return 42; }\n',
    'by_meson.h': 'int by_meson_answer(void);\n',
    'check.c': '#include "by_meson.h"\nint main(void) { return by_meson_answer() == 42 ? 0 : 1; }\n',
  },
  upon_meson: {
    'package.xml': manifest('upon_meson', 'cmake', '<depend>by_meson</depend><build_depend>pkg-config</build_depend>'),
    'CMakeLists.txt':
      'cmake_minimum_required(VERSION 3.10)\nproject(upon_meson C)\nfind_package(PkgConfig REQUIRED)\n' +
      'pkg_check_modules(M REQUIRED IMPORTED_TARGET by_meson)\nadd_executable(upon main.c)\n' +
      'target_link_libraries(upon PkgConfig::M)\ninstall(TARGETS upon DESTINATION bin)\n',
    'main.c': '#include <by_meson.h>\nint main(void) { return by_meson_answer() - 42; }\n',
  },
  by_setuptools: python('by_setuptools', 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"'),
  by_hatchling: python('by_hatchling', "requires = ['hatchling']\nbuild-backend = 'hatchling.build'"),
  forgets: {
    'package.xml': manifest('forgets', 'cmake'),
    'CMakeLists.txt': 'cmake_minimum_required(VERSION 3.10)\nproject(forgets NONE)\nfile(WRITE tool "made")\n',
  },
  brings: {
    'package.xml': manifest('brings', 'cmake', '<exec_depend>forgets</exec_depend>'),
    'CMakeLists.txt': 'cmake_minimum_required(VERSION 3.10)\nproject(brings NONE)\n',
  },
  by_flit: python('by_flit', 'requires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"'),
};

describe('build types', () => {
  let folder: string;
  beforeAll(() => {
    folder = workspace('types');
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\n' +
        'platforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
    );
    writeFileSync(join(folder, 'rosdep.yaml'), 'pkg-config: {debian: [pkg-config]}\n');
    for (const [name, files] of Object.entries(sources))
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, 'src', name, path)), { recursive: true });
        writeFileSync(join(folder, 'src', name, path), text);
      }
  });
  afterAll(() => discard(folder));

  it('tell what they need though package.xml does not', async () => {
    const explained = await slipway(['explain', 'by_meson'], folder);
    expect(explained.stdout).toMatch(/ninja-build +build +build type meson +system: ninja-build/);
    const hatchling = await slipway(['explain', 'by_hatchling'], folder);
    expect(hatchling.stdout).toMatch(/python3-hatchling +build +build type ament_python/);
    expect(hatchling.stdout).toMatch(/python3-pytest +test +build type ament_python/);
  });

  it('build a Meson library with its tests, what links it, and Python packages without setup.py', async () => {
    const ran = await slipway(['build', '--test'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states(folder)).toEqual(Object.fromEntries(Object.keys(sources).map((n) => [n, 'built'])));
    expect(resultOf(folder).find((r) => r.id.endsWith('/by_meson:test'))).toMatchObject({ state: 'passed' });
    // A package without install rules is built, and told each time; one that only brings others is not.
    const told = /forgets 1\.0\.0-\S+ in .*\n {4}warning: CMakeLists\.txt installs nothing, so the package is empty/;
    expect(ran.stderr).toMatch(told);
    expect(ran.stderr.match(/warning: CMake/g)).toHaveLength(1);
    const again = await slipway(['build', '--verbose'], folder);
    expect(again.stderr).toMatch(/cached .*forgets .*\n {4}warning: CMakeLists\.txt installs nothing/);
    const files = (name: string) =>
      execFileSync('dpkg-deb', ['-c', debs(folder).find((d) => d.includes(`-${name.replace('_', '-')}_`))!], {
        encoding: 'utf8',
      });
    expect(files('by_meson')).toMatch(/\/opt\/acme\/d\/lib\/libby_meson\.so\.1\.0\.0\n/);
    for (const backend of ['setuptools', 'hatchling', 'flit']) {
      const listed = files(`by_${backend}`);
      expect(listed).toMatch(/rwxr-xr-x .*\/opt\/acme\/d\/bin\/by_\w+-say\n/);
      expect(listed).toMatch(/site-packages\/by_\w+\/main\.py\n/);
      expect(listed).toMatch(/site-packages\/by_\w+-1\.0\.0\.dist-info\/METADATA\n/);
    }
  });
});
