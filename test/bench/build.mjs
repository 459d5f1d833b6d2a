// Overhead of a build over the bare compilation: per package, for a whole chain compared with colcon, and without
// changes.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fetchTarballs, large, largePackages, noeticSettings, writeDistro } from '../e2e/upstream.mjs';
import { cache, installColcon, withRoot, withWorkspace } from './colcon.mjs';
import { bundle, median, timed } from './common.mjs';
import { editsBesideColcon } from './edits.mjs';

const dependencies = 200;

function write(path, text) {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

const manifest = (name, needs) =>
  `<package format="3"><name>${name}</name><version>1.0.0</version><description>${name}</description><maintainer email="a@example.org">A</maintainer><license>Apache-2.0</license><buildtool_depend>cmake</buildtool_depend>${needs.map((n) => `<depend>${n}</depend>`).join('')}<export><build_type>cmake</build_type></export></package>\n`;

/** Two packages with equal content, one of them with 200 dependencies, and these dependencies. */
function writeProbes(folder) {
  const deps = Array.from({ length: dependencies }, (_, i) => `dep_${i}`);
  for (const d of deps) {
    write(join(folder, 'source', d, 'package.xml'), manifest(d, []));
    write(
      join(folder, 'source', d, 'CMakeLists.txt'),
      `cmake_minimum_required(VERSION 3.18)\nproject(${d} NONE)\ninstall(FILES ${d}.h DESTINATION include)\ninstall(FILES ${d}Config.cmake DESTINATION share/${d}/cmake)\n`,
    );
    write(join(folder, 'source', d, `${d}.h`), `inline int ${d}() { return 1; }\n`);
    write(join(folder, 'source', d, `${d}Config.cmake`), `set(${d}_FOUND TRUE)\n`);
  }
  for (const [name, needs] of Object.entries({ probe: [], probe_200: deps })) {
    write(join(folder, 'source', name, 'package.xml'), manifest(name, needs));
    write(
      join(folder, 'source', name, 'CMakeLists.txt'),
      `cmake_minimum_required(VERSION 3.18)\nproject(${name} CXX)\n${needs.map((n) => `find_package(${n} REQUIRED)\n`).join('')}include_directories(\${CMAKE_INSTALL_PREFIX}/include)\nadd_library(${name} SHARED a.cpp)\ninstall(TARGETS ${name} DESTINATION lib)\n`,
    );
    write(
      join(folder, 'source', name, 'a.cpp'),
      `${needs.map((n) => `#include <${n}.h>\n`).join('')}#include <string>\nstd::string ${name}() { return "x"; }\n`,
    );
  }
  write(
    join(folder, 'rosdistro/index-v4.yaml'),
    'distributions:\n  bench:\n    distribution: [bench/distribution.yaml]\n    distribution_type: ros1\n    python_version: 3\ntype: index\nversion: 4\n',
  );
  write(
    join(folder, 'rosdistro/bench/distribution.yaml'),
    'repositories:\n  source:\n    source: {type: git, url: ./source, version: main}\ntype: distribution\nversion: 2\n',
  );
  write(join(folder, 'rosdep.yaml'), 'cmake: {debian: [cmake]}\n');
  write(
    join(folder, 'distro.yaml'),
    'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {bench: {platforms: [bookworm]}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
  );
  execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: join(folder, 'source') });
  commit(folder);
}

function commit(folder) {
  execFileSync('git', ['add', '-A'], { cwd: join(folder, 'source') });
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '-qm', 'x'], {
    cwd: join(folder, 'source'),
  });
}

const slipway = (folder, ...args) => timed('node', [bundle, ...args], { cwd: folder });
const resultOf = (folder, name) =>
  JSON.parse(readFileSync(join(folder, 'out/result.json'), 'utf8')).results.find((r) => r.name === name);

export default async function bench({ runs, cold, note }) {
  const rows = [];
  mkdirSync(cache, { recursive: true });
  const folder = join(cache, 'probes');
  rmSync(join(folder, 'source'), { recursive: true, force: true });
  writeProbes(folder);
  note(`building ${dependencies + 2} small packages once`);
  slipway(folder, 'build');
  for (const [probe, name] of [
    ['probe', 'build.overhead_s'],
    ['probe_200', 'build.overhead_200deps_s'],
  ]) {
    const ours = [];
    const bare = [];
    for (let i = 0; i < runs; i++) {
      appendFileSync(join(folder, 'source', probe, 'a.cpp'), `// ${i} ${Date.now()}\n`);
      commit(folder);
      slipway(folder, 'build', probe);
      const r = resultOf(folder, probe);
      if (r.state !== 'built') throw new Error(`${probe} was ${r.state}`);
      ours.push((r.finished - r.started) / 1000);
      withRoot(folder, (at, _base, inside) => {
        if (probe === 'probe_200')
          for (const f of readdirSync(join(folder, 'out/apt/pool'), { recursive: true })
            .map(String)
            .filter((d) => /dep-\d+_.*\.deb$/.test(d)))
            execFileSync('dpkg-deb', ['-x', join(folder, 'out/apt/pool', f), at]);
        cpSync(join(folder, 'source', probe), join(at, 'src'), { recursive: true });
        bare.push(
          inside(
            'export CXXFLAGS="-g -O2" MAKEFLAGS=-j2; cmake -S /src -B /obj -DCMAKE_INSTALL_PREFIX=/opt/acme/bench -DCMAKE_PREFIX_PATH=/opt/acme/bench -DCMAKE_BUILD_TYPE=None >/dev/null; cmake --build /obj >/dev/null; DESTDIR=/stage cmake --install /obj >/dev/null',
          ).seconds,
        );
      });
    }
    note(
      `${probe}: ours ${ours.map((s) => s.toFixed(2)).join(' ')} s, bare ${bare.map((s) => s.toFixed(2)).join(' ')} s`,
    );
    rows.push({
      name,
      value: median(ours) - median(bare),
      meaning: `seconds above bare cmake (${median(bare).toFixed(2)} s) for one package${probe === 'probe' ? '' : ` with ${dependencies} dependencies`}`,
    });
  }
  rows.push({
    name: 'build.noop_s',
    value: median(Array.from({ length: runs }, () => slipway(folder, 'build').seconds)),
    meaning: `seconds of a second build of ${dependencies + 2} packages`,
  });
  rows.push(...(await editsBesideColcon(runs, note)));
  if (cold) rows.push(...(await coldChain(note)));
  return rows;
}

/**
 * Builds the large real chain from an empty store, and with colcon: same packages, root, parallel compilers and
 * compiler flags. Slipway builds twice: the first time it also installs the system packages, as colcon's user must; the
 * second time they are in its layers, as they are in colcon's root.
 */
async function coldChain(note) {
  const folder = join(cache, 'chain');
  writeDistro(folder, 'noetic', await fetchTarballs(large, join(cache, 'sources')), {
    settings: noeticSettings,
    distribution: { packages: largePackages },
  });
  if (!existsSync(join(folder, '.slipway/bases/bookworm-amd64/current.json'))) {
    note('making the base');
    slipway(folder, 'build', 'catkin');
  }
  const fresh = (...kept) => {
    for (const f of ['store', 'unpacked', 'layers'])
      if (!kept.includes(f)) rmSync(join(folder, '.slipway', f), { recursive: true, force: true });
    return slipway(folder, 'build', '-w', '2', '-j', '2').seconds;
  };
  const plan = JSON.parse(slipway(folder, 'plan', '--json').stdout).scopes[0];
  note(`slipway builds ${plan.packages.length} packages, from an empty store and without layers`);
  const first = fresh();
  note(`slipway: ${first.toFixed(0)} s; colcon builds them`);
  const [theirs, installed] = withWorkspace(folder, plan, installColcon(), (_, build, seconds) => [build(), seconds]);
  note(`colcon: ${theirs.toFixed(0)} s, and ${installed.toFixed(0)} s for system packages; slipway again, with layers`);
  const ours = fresh('layers');
  note(`slipway: ${ours.toFixed(0)} s`);
  const noop = slipway(folder, 'build').seconds;
  return [
    {
      name: 'build.cold_vs_colcon',
      value: ours / theirs,
      meaning: `times the wall time of colcon (${theirs.toFixed(0)} s) for ${plan.packages.length} packages, made into Debian packages and published; system packages were there`,
    },
    {
      name: 'build.first_vs_colcon',
      value: first / (theirs + installed),
      meaning: `the same with the installation of the system packages (${installed.toFixed(0)} s before colcon)`,
    },
    { name: 'build.noop_chain_s', value: noop, meaning: 'seconds of a second build of that chain' },
  ];
}
