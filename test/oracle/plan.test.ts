import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { above, forBuild, forRun, isInterface } from '../../ts-src/plan/needs.ts';
import { readEntries } from '../../ts-src/read/entries.ts';
import { openWorkspace } from '../../ts-src/cli/planning.ts';
import { difference, folder, load, rosDebian, typesupport, type Case } from './real-distribution.ts';
import { asRosdepSays, has, oracle, present, shared } from './shared.ts';
import { at, first } from '../../ts-src/model/lists.ts';
import { entry, ownEntry } from '../../ts-src/model/maps.ts';

const cases: Record<string, Case> = {};

beforeAll(async () => {
  if (present) for (const d of ['jazzy', 'noetic'] as const) cases[d] = await load(d);
});

/** Implicit dependencies of ROS 2 that the planner adds: the type supports that generated messages are built with. */
interface Buildfarm {
  with_groups: {
    direct_dependencies: Record<string, string[]>;
    direct_dependencies_without_test_where_different: Record<string, string[]>;
  };
  jobs: Record<string, [string, string, string]>;
  released_without_xml_in_cache: string[];
}

describe.runIf(present)('agreement with ros_buildfarm', () => {
  it.each([
    ['jazzy', 'buildfarm-jazzy-cachedist-ubuntu-noble-amd64.json', 'noble'],
    ['noetic', 'buildfarm-noetic-ubuntu-focal-amd64.json', 'focal'],
  ])('on what each package of %s depends on, its name, repository and version', (distribution, file, platform) => {
    const c = ownEntry(cases, distribution);
    const theirs = oracle<Buildfarm>(file);
    const { evaluated } = c.resolver(platform);
    const planned = new Map(c.scope(platform).packages.map((p) => [p.name, p]));
    const differing: string[] = [];
    for (const [name, [repository, version, debian]] of Object.entries(theirs.jobs)) {
      const p = planned.get(name);
      const source = first(c.planned.distributions).packages.get(name);
      if (!p || p.repository !== repository || source?.released !== version || p.debian !== debian) {
        differing.push(
          `${name}: ${JSON.stringify([p?.repository, source?.released, p?.debian])}, not ${JSON.stringify([repository, version, debian])}`,
        );
        continue;
      }
      // Compares the graph of declared dependencies: blocked packages have only lost members of their groups.
      const number = entry(evaluated.number, name);
      const inside = at(evaluated.inside, number).names;
      const unsaid = (d: string) =>
        typesupport.has(d) &&
        isInterface(at(evaluated.packages, number)) &&
        !evaluated.needs(number).some((n) => n.name === d);
      const without =
        theirs.with_groups.direct_dependencies_without_test_where_different[name] ??
        ownEntry(theirs.with_groups.direct_dependencies, name);
      const ours = [...new Set([...inside.build, ...inside.run])].filter((d) => !unsaid(d)).sort();
      if (JSON.stringify(ours) !== JSON.stringify([...without].sort()))
        differing.push(`${name} without tests: ${difference(ours, without)}`);
      const tested = [...new Set([...inside.build, ...inside.run, ...inside.test])].filter((d) => !unsaid(d)).sort();
      if (JSON.stringify(tested) !== JSON.stringify([...ownEntry(theirs.with_groups.direct_dependencies, name)].sort()))
        differing.push(`${name}: ${difference(tested, ownEntry(theirs.with_groups.direct_dependencies, name))}`);
    }
    expect(Object.keys(theirs.jobs).length).toBeGreaterThan(2000);
    expect(differing).toEqual([]);
    expect(planned.size).toBe(Object.keys(theirs.jobs).length);
    // ros_buildfarm counts packages that were released once and have no version now, but makes no jobs for them.
    expect([...c.versionless].filter((n) => theirs.released_without_xml_in_cache.includes(n)).sort()).toEqual(
      [...theirs.released_without_xml_in_cache].sort(),
    );
    expect(c.planned.diagnostics.filter((d) => d.code === 'cache-manifest')).toEqual([]);
  });
});

interface Bloom {
  errors: Record<string, { message: string }>;
  packages: Record<
    string,
    {
      Package: string;
      Version: string;
      Depends?: string[];
      BuildDepends?: string[];
      extra_build_depends?: string[];
      extra_depends?: string[];
    }
  >;
}

describe.runIf(has('bloom-jazzy-ubuntu-noble.json', 'bloom-noetic-ubuntu-focal.json'))('agreement with bloom', () => {
  it.each([
    ['jazzy', 'bloom-jazzy-ubuntu-noble.json', 'noble'],
    ['noetic', 'bloom-noetic-ubuntu-focal.json', 'focal'],
  ])('on the Debian dependencies of each package of %s', (distribution, file, platform) => {
    const c = ownEntry(cases, distribution);
    const theirs = oracle<Bloom>(file);
    const resolver = c.resolver(platform);
    const { evaluated } = resolver;
    const differing: string[] = [];
    for (const p of c.scope(platform).packages) {
      const t = theirs.packages[p.name];
      if (!t) continue;
      const number = entry(evaluated.number, p.name);
      const needs = evaluated.needs(number);
      // bloom ignores groups, and what only a group requires. It adds the same implicit dependencies of ROS 2.
      const counts = (d: string, role: number) =>
        !needs.some((n) => n.name === d) || needs.some((n) => n.name === d && n.group === undefined && n.roles & role);
      const ours = (built: readonly string[], system: readonly string[], role: number) =>
        [...new Set([...built.filter((d) => counts(d, role)).map((d) => rosDebian(c, d)), ...system])].sort();
      // For a folder bloom does not consider the installer, and writes pip packages as if they were Debian's.
      const pip = new Set(
        needs.flatMap((n) => {
          const r = resolver.resolve(n);
          return r.from === 'nowhere' && r.rosdep.kind === 'packages' ? r.rosdep.packages : [];
        }),
      );
      const namesOf = (list: readonly string[]) =>
        [...new Set(list.filter((d) => !d.includes('<!nocheck>')).map((d) => first(d.split(' '))))]
          .filter((d) => !pip.has(d))
          .sort();
      const inside = at(evaluated.inside, number).names;
      const compared: [string, string[], string[]][] = [
        ['Depends', ours(inside.run, p.systemRun, forRun), namesOf([...(t.Depends ?? []), ...(t.extra_depends ?? [])])],
        [
          'Build-Depends',
          ours(inside.build, p.systemBuild, forBuild),
          namesOf([...(t.BuildDepends ?? []), ...(t.extra_build_depends ?? [])]),
        ],
      ];
      for (const [field, a, b] of compared)
        if (JSON.stringify(a) !== JSON.stringify(b)) differing.push(`${p.name} ${field}: ${difference(a, b)}`);
    }
    expect(Object.keys(theirs.packages).length).toBeGreaterThan(2000);
    expect(differing).toEqual([]);
  });
});

interface RosdepEntry {
  installer?: string;
  packages?: string[];
  error?: 'KeyError' | 'ResolutionError';
  defined_in?: string[];
  used_by_kinds?: string[];
}

describe.runIf(present)('agreement with rosdep', () => {
  it.each([
    ['jazzy', 'rosdep-jazzy-cachedist-ubuntu-noble.json', 'noble'],
    ['jazzy', 'rosdep-jazzy-cachedist-ubuntu-focal.json', 'focal'],
    ['jazzy', 'rosdep-jazzy-cachedist-debian-bookworm.json', 'bookworm'],
    ['noetic', 'rosdep-noetic-ubuntu-focal.json', 'focal'],
    ['noetic', 'rosdep-noetic-ubuntu-noble.json', 'noble'],
    ['noetic', 'rosdep-noetic-debian-bookworm.json', 'bookworm'],
  ])('on every name that %s knows or needs (%s)', (distribution, file, platform) => {
    const c = ownEntry(cases, distribution);
    const data = oracle<{ keys: Record<string, RosdepEntry> }>(file);
    const resolver = c.resolver(platform);
    const differing: string[] = [];
    for (const [name, theirs] of Object.entries(data.keys)) {
      const ours = resolver.find(name);
      let said: unknown;
      if (ours.from === 'built') {
        // A package of the distribution is built on every platform. rosdep knows it only where it was released, and not
        // if a rule of the same name covers the system.
        if (theirs.error === undefined && theirs.packages?.[0] === rosDebian(c, name)) continue;
        if (theirs.defined_in?.includes(`distro:${distribution}`)) continue;
        said = 'built';
      } else if (ours.from === 'system') said = { installer: 'apt', packages: ours.packages };
      else if (ours.from === 'nowhere') said = asRosdepSays(ours.rosdep);
      const expected = theirs.error
        ? { error: theirs.error }
        : { installer: theirs.installer, packages: theirs.packages };
      // rosdep knows packages that were released once and have no version now.
      if (theirs.defined_in?.includes(`distro:${distribution}`) && c.versionless.has(name)) continue;
      if (JSON.stringify(said) !== JSON.stringify(expected))
        differing.push(`${name}: ${JSON.stringify(said)}, not ${JSON.stringify(expected)} ${JSON.stringify(theirs)}`);
    }
    expect(Object.keys(data.keys).length).toBeGreaterThan(4000);
    expect(differing).toEqual([]);
  });

  it.runIf(has('rosdep-jazzy-ubuntu-noble.json'))('on what the live distribution file of jazzy releases', async () => {
    const workspace = await openWorkspace({ distro: join(folder, 'jazzy/distro.yaml') });
    if (!workspace.ok) throw new Error('the workspace');
    const { distro } = workspace.value;
    // Reads the distribution file itself, without a cache.
    const live = await readEntries(
      {
        ...workspace.value,
        distro: {
          ...distro,
          distributions: { jazzy: { ...ownEntry(distro.distributions, 'jazzy'), sources: 'source' } },
        },
      },
      'jazzy',
    );
    if (!live.ok) throw new Error(first(live.diagnostics).message);
    // Includes packages without a version, which rosdep counts, too.
    const released = live.value.repositories.flatMap((r) => r.release?.packages ?? []).sort();
    const data = oracle<{ keys: Record<string, RosdepEntry> }>('rosdep-jazzy-ubuntu-noble.json');
    expect(released).toEqual(
      Object.entries(data.keys)
        .filter(([, e]) => e.defined_in?.includes('distro:jazzy'))
        .map(([n]) => n)
        .sort(),
    );
  });
});

describe.runIf(present)('agreement with colcon and catkin_pkg', () => {
  interface Catkin {
    packages: Record<
      string,
      {
        depends?: Record<string, string[]>;
        group_depends?: Record<string, string[]> | { name: string; members: string[] }[];
      }
    >;
  }

  it.each([
    ['jazzy', ['noble', 'bookworm']],
    ['noetic', ['focal']],
  ] as const)('no edge of %s runs backwards in the order, tests and groups among them', (distribution, on) => {
    const c = ownEntry(cases, distribution);
    const data = oracle<Catkin>(`catkin-${distribution}.json`);
    const counted = oracle<Record<string, { edges: number }>>(`graph-${distribution}.json`);
    for (const platform of on) {
      const { evaluated } = c.resolver(platform);
      const place = new Map(c.scope(platform).packages.map((p, i) => [p.name, i]));
      const backwards: string[] = [];
      let edges = 0;
      for (const [name, { depends = {} }] of Object.entries(data.packages)) {
        const kinds = ['build', 'buildtool', 'build_export', 'buildtool_export', 'exec', 'test'];
        const members = evaluated
          .needs(entry(evaluated.number, name))
          .filter((n) => n.group !== undefined)
          .map((n) => n.name);
        for (const d of new Set([...kinds.flatMap((k) => depends[k] ?? []), ...members])) {
          if (!place.has(d) || d === name) continue;
          edges++;
          // A group member that is unavailable here was left out, with a diagnostic.
          if (
            entry(place, d) > entry(place, name) &&
            !c.planned.diagnostics.some(
              (x) => x.code === 'group-member' && x.message.includes(`'${name}' is built without '${d}'`),
            )
          )
            backwards.push(`${d} after ${name}`);
        }
      }
      expect(edges).toBe(ownEntry(counted, 'build_exec_test').edges);
      expect(backwards).toEqual([]);
    }
  });

  it.each([
    ['jazzy', 'noble'],
    ['noetic', 'focal'],
  ] as const)(
    'on how many packages each of %s needs, and how many need it, through others',
    (distribution, platform) => {
      const { evaluated } = ownEntry(cases, distribution).resolver(platform);
      const theirs = oracle<{
        build_exec_test: {
          transitive_dependents: Record<string, number>;
          transitive_dependencies: Record<string, number>;
        };
      }>(`graph-${distribution}.json`).build_exec_test;
      const below: Set<string>[] = [];
      const dependents = new Map(evaluated.names.map((n) => [n, 0]));
      for (const p of ownEntry(cases, distribution).scope(platform).packages) {
        const number = entry(evaluated.number, p.name);
        const set = (below[number] = new Set<string>());
        // Declared dependencies, without implicit ones of ROS 2.
        for (const need of evaluated.needs(number)) {
          if (need.id >= evaluated.names.length) continue;
          set.add(need.name);
          for (const d of at(below, need.id)) set.add(d);
        }
        for (const d of set) dependents.set(d, entry(dependents, d) + 1);
      }
      expect(Object.fromEntries(evaluated.names.map((n, i) => [n, at(below, i).size]))).toEqual(
        theirs.transitive_dependencies,
      );
      expect(Object.fromEntries(dependents)).toEqual(theirs.transitive_dependents);
    },
  );

  it.runIf(has('colcon-packages-above-rclcpp-jazzy.txt'))('on what lies above rclcpp', () => {
    const theirs = readFileSync(join(shared, 'oracle/colcon-packages-above-rclcpp-jazzy.txt'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((l) => first(l.split('\t')))
      .sort();
    expect([...above(ownEntry(cases, 'jazzy').resolver('noble').evaluated, ['rclcpp'])].sort()).toEqual(theirs);
  });
});
