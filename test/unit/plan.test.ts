import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distroSchema, type Distro } from '../../ts-src/model/distro.ts';
import type { DistributionInput, SourcePackage } from '../../ts-src/model/plan.ts';
import { parsePlan } from '../../ts-src/model/plan-schema.ts';
import { closuresOf, remainingPaths } from '../../ts-src/plan/closure.ts';
import { findCycles } from '../../ts-src/query/query.ts';
import { join, NameIndex, type PackageNameSet } from '../../ts-src/plan/package-name-set.ts';
import { makePlan } from '../../ts-src/plan/plan.ts';
import type { Selection } from '../../ts-src/plan/select.ts';
import { packageReadiness } from '../../ts-src/engine/readiness.ts';
import { compareDebianVersions } from '../../ts-src/plan/versions.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { renderPlan } from '../../ts-src/render/plan.ts';

const distro = (extra: object = {}): Distro =>
  distroSchema.parse({
    organization: 'acme',
    distributions: { jazzy: { platforms: ['bookworm'], repos: ['x'], ros_version: 2 } },
    platforms: { bookworm: { os: 'debian', release: 'bookworm' } },
    ...extra,
  });

function sourcePackage(name: string, tags: [string, string][], version = '1.0.0', extra = ''): SourcePackage {
  const xml = `<package format="3"><name>${name}</name><version>${version}</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>\n${tags.map(([t, n]) => `<${t}>${n}</${t.split(' ')[0]}>\n`).join('')}${extra}<export><build_type>cmake</build_type></export></package>`;
  const read = parseManifest(xml, `${name}/package.xml`);
  if (!read.ok) throw new Error(read.diagnostics[0]!.message);
  return {
    name,
    repository: name,
    manifest: read.value,
    file: `${name}/package.xml`,
    source: { url: 'u', path: '', tree: 'a'.repeat(40), commit: 'b'.repeat(40) },
  };
}

function planOf(
  packages: SourcePackage[],
  options: {
    distro?: Distro;
    rosdep?: string;
    selection?: Selection;
    underlays?: Record<string, Record<string, Map<string, string> | undefined>>;
  } = {},
) {
  const rosdep = layerRosdep([{ file: 'rosdep.yaml', text: options.rosdep ?? 'zlib: {debian: [zlib1g-dev]}\n' }]);
  if (!rosdep.ok) throw new Error('rosdep');
  const distribution: DistributionInput = {
    name: 'jazzy',
    rosVersion: 2,
    pythonVersion: 3,
    repositories: [...new Set(packages.map((p) => p.repository))],
    packages: new Map(packages.map((p) => [p.name, p])),
  };
  return makePlan({
    distro: options.distro ?? distro(),
    distroFile: 'distro.yaml',
    stamp: '20261123140000',
    distributions: [distribution],
    rosdep: rosdep.value,
    underlays: options.underlays ?? {},
    selection: options.selection ?? {},
  });
}
const names = (p: ReturnType<typeof planOf>): string[] => p.plan.scopes[0]!.packages.map((q) => q.name);

describe('a plan', () => {
  it('reads well', () => {
    const { plan } = planOf([
      sourcePackage('app', [
        ['depend', 'lib'],
        ['depend', 'zlib'],
      ]),
      sourcePackage('lib', []),
    ]);
    expect(renderPlan(plan))
      .toBe(`jazzy on bookworm (debian bookworm) amd64: 2 packages from 2 repositories into /opt/acme/jazzy
    1  lib      1.0.0     cmake        named
    2  app      1.0.0     cmake        named; needs lib, zlib1g-dev
`);
  });

  it('follows its published schema', () => {
    const { plan } = planOf([
      sourcePackage('app', [
        ['depend', 'lib'],
        ['depend', 'nothing_like_it'],
      ]),
      sourcePackage('lib', []),
    ]);
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  it('takes named packages with what they need, and says why each is there', () => {
    const { plan } = planOf(
      [
        sourcePackage('app', [['depend', 'lib']]),
        sourcePackage('lib', [['depend', 'base']]),
        sourcePackage('base', []),
        sourcePackage('other', []),
      ],
      { selection: { packages: ['a*'] } },
    );
    expect(plan.scopes[0]!.packages.map((p) => [p.name, p.why])).toEqual([
      ['base', { neededBy: 'lib' }],
      ['lib', { neededBy: 'app' }],
      ['app', { named: true }],
    ]);
  });

  it('brings what the tests of named packages need, marked as such, and what tests of those need not', () => {
    const packages = [
      sourcePackage('app', [
        ['depend', 'lib'],
        ['test_depend', 'lint'],
      ]),
      sourcePackage('lib', [['test_depend', 'lib_tests']]),
      sourcePackage('lint', [
        ['exec_depend', 'lint_core'],
        ['depend', 'lib'],
        ['test_depend', 'never'],
      ]),
      sourcePackage('lint_core', []),
      sourcePackage('lib_tests', []),
      sourcePackage('never', []),
    ];
    const whys = (selection: Selection) =>
      Object.fromEntries(planOf(packages, { selection }).plan.scopes[0]!.packages.map((p) => [p.name, p.why]));
    const app = { lib: { neededBy: 'app' }, app: { named: true } };
    const forApp = { lint: { neededBy: 'app', forTests: true }, lint_core: { neededBy: 'lint', forTests: true } };
    expect(whys({ packages: ['app'] })).toEqual(app);
    expect(whys({ packages: ['app'], tests: true })).toEqual({ ...app, ...forApp });
    // By what lies above, and of a distribution that names one package itself.
    expect(whys({ above: ['app'], tests: true })).toEqual({ ...app, ...forApp });
    const settings = { platforms: ['bookworm'], repos: ['x'], ros_version: 2, packages: ['app'] };
    const named = planOf(packages, {
      distro: distro({ distributions: { jazzy: settings } }),
      selection: { changed: { jazzy: ['lint'] }, tests: true },
    });
    expect(named.plan.scopes[0]!.packages.map((p) => [p.name, p.why])).toEqual([
      ['lib', { neededBy: 'lint', forTests: true }],
      ['lint_core', { neededBy: 'lint', forTests: true }],
      ['lint', { neededBy: 'app', forTests: true }],
    ]);
    const skipping = { distro: distro({ tests: { skip: ['app'] } }), selection: { packages: ['app'], tests: true } };
    expect(names(planOf(packages, skipping))).toEqual(['lib', 'app']);
  });

  it('holds back what --only does not name', () => {
    const { plan } = planOf([sourcePackage('app', [['depend', 'lib']]), sourcePackage('lib', [])], {
      selection: { packages: ['app'], only: true },
    });
    expect(plan.scopes[0]!.packages.map((p) => [p.name, p.mustBeCached])).toEqual([
      ['lib', true],
      ['app', undefined],
    ]);
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  it('tells of all that does not resolve, where, and what is near', () => {
    const { diagnostics, plan } = planOf(
      [
        sourcePackage('app', [
          ['depend', 'libb'],
          ['test_depend', 'gtset'],
        ]),
        sourcePackage('lib', [
          ['exec_depend', 'from_pip'],
          ['build_depend', 'nowhere'],
        ]),
        sourcePackage('above', [['depend', 'app']]),
        sourcePackage('fine', []),
      ],
      {
        rosdep:
          'gtest: {debian: [libgtest-dev]}\nfrom_pip: {debian: {pip: {packages: [thing]}}}\nnowhere: {ubuntu: [xx], debian: {trixie: [xx]}}\n',
      },
    );
    expect(renderDiagnostics(diagnostics))
      .toBe(`app/package.xml:2: error: 'app' needs 'libb' (<depend>), which is no package of jazzy, of an underlay, and no rosdep key [dependency-unresolved]
    did you mean 'lib'?
lib/package.xml:3: error: 'lib' needs 'nowhere' (<build_depend>), which rosdep does not have for debian bookworm: it has a rule for debian trixie, not for bookworm [rosdep-platform]
    rosdep.yaml: add a rule for debian bookworm
app/package.xml:3: warning: 'app' needs 'gtset' (<test_depend>), which is no package of jazzy, of an underlay, and no rosdep key [dependency-unresolved]
    did you mean 'gtest'?
lib/package.xml:2: warning: 'lib' needs 'from_pip' (<exec_depend>), which rosdep gives by pip on debian bookworm: thing [rosdep-installer]
    only apt packages can be installed into a hermetic root: add an apt rule to your rosdep files, or name system packages for it in package_settings
`);
    expect(
      plan.scopes[0]!.packages.filter((p) => p.blocked)
        .map((p) => p.name)
        .sort(),
    ).toEqual(['above', 'app', 'lib']);
  });

  it('reports a cycle with its trail, blocks it and what needs it, and goes on', () => {
    const { diagnostics, plan } = planOf([
      sourcePackage('a', [['depend', 'b']]),
      sourcePackage('b', [['build_depend', 'c']]),
      sourcePackage('c', [['buildtool_depend', 'a']]),
      sourcePackage('d', [['depend', 'a']]),
      sourcePackage('e', []),
    ]);
    expect(renderDiagnostics(diagnostics)).toBe(
      'a/package.xml:2: error: packages need each other to be built: a → b (depend), b → c (build_depend), c → a (buildtool_depend) [cycle]\n    one of these dependencies must go\n',
    );
    expect(
      plan.scopes[0]!.packages.filter((p) => p.blocked)
        .map((p) => p.name)
        .sort(),
    ).toEqual(['a', 'b', 'c', 'd']);
    expect(plan.scopes[0]!.packages.length).toBe(5);
  });

  it('builds packages that need each other only to run', () => {
    const p = planOf([
      sourcePackage('a', [['exec_depend', 'b']]),
      sourcePackage('b', [['exec_depend', 'a']]),
      sourcePackage('c', [['depend', 'a']]),
    ]);
    expect(p.diagnostics).toEqual([]);
    expect(names(p)).toEqual(['a', 'b', 'c']);
  });

  it('leaves out the edge of a group that closes a cycle, and says so', () => {
    const p = planOf([
      sourcePackage('gen', [['group_depend', 'plugins']]),
      sourcePackage('plugin', [['depend', 'gen']], '1.0.0', '<member_of_group>plugins</member_of_group>'),
    ]);
    expect(p.diagnostics.map((d) => [d.severity, d.code])).toEqual([['warning', 'cycle-group']]);
    expect(names(p)).toEqual(['gen', 'plugin']);
    expect(p.plan.scopes[0]!.packages.some((q) => q.blocked)).toBe(false);
  });

  it('a cycle elsewhere changes neither how deep packages lie nor their order', () => {
    const plain = [
      sourcePackage('x', [['exec_depend', 'z']]),
      sourcePackage('y', [['build_depend', 'x']]),
      sourcePackage('z', []),
    ];
    const cycle = [
      sourcePackage('core', [['group_depend', 'g']]),
      sourcePackage('m1', [['buildtool_depend', 'core']], '1.0.0', '<member_of_group>g</member_of_group>'),
    ];
    const { plan, diagnostics } = planOf([...plain, ...cycle]);
    const depths = Object.fromEntries(plan.scopes[0]!.packages.map((p) => [p.name, p.depth]));
    expect(depths).toEqual({ z: 0, x: 1, y: 2, core: 0, m1: 1 });
    expect(names({ plan } as ReturnType<typeof planOf>).filter((n) => 'xyz'.includes(n))).toEqual(['z', 'x', 'y']);
    expect(diagnostics.map((d) => d.code)).toEqual(['cycle-group']);
    const milliseconds = () => 10;
    expect(remainingPaths(plan.scopes[0]!.packages, milliseconds).reduce((a, b) => Math.max(a, b))).toBe(30);
    // Packages that need each other to run lie equally deep, whatever stands between them.
    const ring = [
      sourcePackage('a', [['exec_depend', 'b']]),
      sourcePackage('b', [
        ['exec_depend', 'a'],
        ['depend', 'y'],
      ]),
      sourcePackage('top', [['depend', 'a']]),
    ];
    expect(
      Object.fromEntries(planOf([...plain, ...ring]).plan.scopes[0]!.packages.map((p) => [p.name, p.depth])),
    ).toEqual({ z: 0, x: 1, y: 2, a: 3, b: 3, top: 4 });
  });

  it('leaves out no more edges of groups than close a cycle', () => {
    const member = (name: string, tags: [string, string][]) =>
      sourcePackage(name, tags, '1.0.0', '<member_of_group>g</member_of_group>');
    // One edge of each must go; of the two that are left over one more, since they close a cycle together.
    const { plan, diagnostics } = planOf([
      sourcePackage('core', [['group_depend', 'g']]),
      member('m1', [['buildtool_depend', 'core']]),
      sourcePackage('other', [['group_depend', 'g']]),
      member('m2', [['depend', 'other']]),
    ]);
    const edges = Object.fromEntries(plan.scopes[0]!.packages.map((p) => [p.name, p.build]));
    expect(edges).toEqual({ core: [], m1: ['core'], m2: ['other'], other: ['m1'] });
    expect(diagnostics.map((d) => d.message.split(' only ')[0])).toEqual([
      "'core' needs 'm1'",
      "'core' needs 'm2'",
      "'other' needs 'm2'",
    ]);
  });

  it('finds the cycles that tests close, and none where only a run dependency leads back', () => {
    const found = (packages: SourcePackage[]) =>
      findCycles(planOf(packages).resolvers[0]!.evaluated).map((c) => [
        c.kind,
        c.packages.join(' '),
        c.trail.map((e) => `${e.from} ${e.tag} ${e.to}`),
      ]);
    expect(found([sourcePackage('a', [['test_depend', 'b']]), sourcePackage('b', [['exec_depend', 'a']])])).toEqual([]);
    expect(found([sourcePackage('a', [['test_depend', 'b']]), sourcePackage('b', [['build_depend', 'a']])])).toEqual([
      ['test', 'a b', ['a test_depend b', 'b build_depend a']],
    ]);
  });

  it('warns where only a test dependency closes a cycle, names that edge, and builds all', () => {
    const p = planOf([
      sourcePackage('a', [['test_depend', 'b']]),
      sourcePackage('b', [
        ['depend', 'a'],
        ['test_depend', 'c'],
      ]),
      sourcePackage('c', []),
    ]);
    expect(renderDiagnostics(p.diagnostics)).toBe(
      "a/package.xml:2: warning: 'a' needs 'b' to be tested (test_depend), and 'b' needs 'a': no build waits for that edge, the tests of 'a' do [cycle-test]\n",
    );
    expect(names(p)).toEqual(['a', 'c', 'b']);
    expect(p.plan.scopes[0]!.packages.map((q) => [q.name, q.test])).toEqual([
      ['a', ['b']],
      ['c', []],
      ['b', ['c']],
    ]);
  });

  it('takes a cycle of twenty thousand packages, and a chain as long', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => sourcePackage(`p${i}`, [['depend', `p${i + 1}`]]));
    const ring = planOf([...many.slice(0, -1), sourcePackage('p19999', [['depend', 'p0']])]);
    expect(ring.diagnostics.map((d) => d.code)).toEqual(['cycle']);
    const chain = planOf([...many.slice(0, -1), sourcePackage('p19999', [])]);
    expect([names(chain)[0], chain.plan.scopes[0]!.packages[19_999]!.depth]).toEqual(['p19999', 19_999]);
  });

  it('selects by what lies above, by repository and by what changed, all at once', () => {
    const chain = [
      sourcePackage('base', []),
      sourcePackage('lib', [['depend', 'base']]),
      sourcePackage('app', [['exec_depend', 'lib']]),
      sourcePackage('check', [['test_depend', 'lib']]),
      sourcePackage('other', [['depend', 'missing']]),
    ];
    chain[2]!.repository = 'apps';
    const chosen = (selection: Selection) =>
      planOf(chain, { selection })
        .plan.scopes[0]!.packages.filter((p) => 'named' in p.why)
        .map((p) => p.name);
    expect(chosen({ above: ['lib'] })).toEqual(['lib', 'app', 'check']);
    expect(chosen({ repositories: ['app*'] })).toEqual(['app']);
    expect(chosen({ above: ['lib'], repositories: ['check', 'base'] })).toEqual(['check']);
    expect(chosen({ changed: { jazzy: ['app', 'base'] }, above: ['lib'] })).toEqual(['app']);
    expect(chosen({ packages: ['a*', 'base'], above: ['base'] })).toEqual(['base', 'app']);
    const p = planOf(chain, { selection: { repositories: ['apps'] } });
    expect([names(p), p.diagnostics]).toEqual([['base', 'lib', 'app'], []]);
    expect(
      planOf(chain, { selection: { above: ['lbi'], repositories: ['apsp'] } }).diagnostics.map((d) => [
        d.message,
        d.hint,
      ]),
    ).toEqual([
      ["'apsp' names no repository", "did you mean 'apps'?"],
      ["'lbi' names no package", "did you mean 'lib'?"],
    ]);
  });

  it("goes without a member of a group that can't be built, and says so", () => {
    const member = '<member_of_group>rmw</member_of_group>';
    const p = planOf([
      sourcePackage('impl', [['group_depend', 'rmw']]),
      sourcePackage('rmw_good', [], '1.0.0', member),
      sourcePackage('rmw_closed', [['depend', 'vendor-sdk']], '1.0.0', member),
      sourcePackage('app', [['depend', 'impl']]),
    ]);
    expect(p.diagnostics.map((d) => [d.severity, d.code])).toEqual([
      ['error', 'dependency-unresolved'],
      ['warning', 'group-member'],
    ]);
    expect(p.plan.scopes[0]!.packages.filter((q) => q.blocked).map((q) => q.name)).toEqual(['rmw_closed']);
    expect(p.plan.scopes[0]!.packages.find((q) => q.name === 'impl')!.build).toEqual(['rmw_good']);
  });

  it('adds what ROS 2 leaves unsaid: ros_workspace, and the type supports of interface packages', () => {
    const { plan } = planOf([
      sourcePackage('ament_package', []),
      sourcePackage('ament_cmake_core', [['build_depend', 'ament_package']]),
      sourcePackage('ros_workspace', [['build_depend', 'ament_cmake_core']]),
      sourcePackage('rosidl_typesupport_fastrtps_c', []),
      sourcePackage('rosidl_typesupport_fastrtps_cpp', []),
      sourcePackage('msgs', [], '1.0.0', '<member_of_group>rosidl_interface_packages</member_of_group>'),
    ]);
    const of = (n: string) => plan.scopes[0]!.packages.find((p) => p.name === n)!;
    expect(of('ament_cmake_core').build).toEqual(['ament_package']);
    expect(of('msgs').build).toEqual([
      'ros_workspace',
      'rosidl_typesupport_fastrtps_c',
      'rosidl_typesupport_fastrtps_cpp',
    ]);
    expect(of('msgs').run).toEqual(['ros_workspace']);
  });

  it('resolves in order: what packages names, the underlay, the rest of the distribution, rosdep', () => {
    const d = distro({
      distributions: {
        jazzy: { platforms: ['bookworm'], repos: ['x'], ros_version: 2, packages: ['app', 'mine'], underlay: ['ros2'] },
      },
      platforms: {
        bookworm: {
          os: 'debian',
          release: 'bookworm',
          underlays: { ros2: { uri: 'http://x/y', suite: 'z', package: 'ros-{name}' } },
        },
      },
    });
    const { plan } = planOf(
      [
        sourcePackage('app', [
          ['depend', 'mine'],
          ['depend', 'their_own'],
          ['depend', 'rest'],
          ['depend', 'zlib'],
        ]),
        sourcePackage('mine', []),
        sourcePackage('their_own', []),
        sourcePackage('rest', []),
      ],
      {
        distro: d,
        underlays: {
          bookworm: {
            ros2: new Map([
              ['ros-mine', '1.0.0-1'],
              ['ros-their-own', '1.0.0-1'],
            ]),
          },
        },
      },
    );
    const app = plan.scopes[0]!.packages.find((p) => p.name === 'app')!;
    expect([app.build, app.systemBuild]).toEqual([
      ['mine', 'rest'],
      ['ros-their-own', 'zlib1g-dev'],
    ]);
  });

  it('checks version bounds and carries them into the package', () => {
    const p = planOf([
      sourcePackage('app', [
        ['depend version_gte="1.0.0"', 'lib'],
        ['exec_depend version_lt="1.0.0"', 'tool'],
      ]),
      sourcePackage('lib', []),
      sourcePackage('tool', []),
    ]);
    expect(p.diagnostics.map((d) => d.message)).toEqual(["'app' needs 'tool' << 1.0.0, but it is 1.0.0"]);
    expect(p.plan.scopes[0]!.packages.find((q) => q.name === 'app')!.bounds).toEqual({ lib: ['>= 1.0.0'] });
  });

  it('refuses two places that would be published as one suite; two architectures share one', () => {
    const platforms = {
      bookworm: { os: 'debian', release: 'bookworm', architectures: ['amd64', 'arm64'] },
      other: { os: 'debian', release: 'bookworm', architectures: ['arm64'] },
    };
    const of = (chosen: string[]) =>
      planOf([sourcePackage('a', [])], {
        distro: distro({ distributions: { jazzy: { platforms: chosen, repos: ['x'], ros_version: 2 } }, platforms }),
      }).diagnostics;
    expect(of(['bookworm'])).toEqual([]);
    expect(renderDiagnostics(of(['bookworm', 'other'])))
      .toBe(`distro.yaml: error: jazzy/bookworm-arm64 and jazzy/other-arm64 would both be the suite 'bookworm-jazzy' of the apt repository [suite-taken]
    two platforms of one release need distributions of their own; a distribution and a variant need names that do not run together
`);
  });

  it('takes packages named constructor and __proto__-like for what they are', () => {
    const p = planOf([
      sourcePackage('constructor', []),
      sourcePackage('hasOwnProperty', [['depend', 'constructor']]),
      sourcePackage('z', [['depend', 'toString']]),
    ]);
    expect(names(p)).toEqual(['constructor', 'hasOwnProperty', 'z']);
    expect(p.diagnostics.map((d) => d.code)).toEqual(['dependency-unresolved']);
  });
});

describe('any graph', () => {
  const graphs = fc.array(
    fc.tuple(
      fc.nat(11),
      fc.nat(11),
      fc.constantFrom(
        'build_depend',
        'exec_depend',
        'depend',
        'build_export_depend',
        'test_depend',
        'group_depend',
        'buildtool_export_depend',
      ),
    ),
    { maxLength: 30 },
  );
  // A group holds three packages; one that depends on it is no member.
  const build = (edges: [number, number, string][]) =>
    Array.from({ length: 12 }, (_, i) => {
      const mine = edges.filter(([a, b]) => a === i && b !== i);
      const groups = new Set(mine.filter(([, , t]) => t === 'group_depend').map(([, b]) => b % 4));
      const tags = [
        ...new Map(
          mine.filter(([, , t]) => t !== 'group_depend').map(([, b, t]) => [`p${b}`, [t, `p${b}`] as [string, string]]),
        ).values(),
      ];
      return sourcePackage(
        `p${i}`,
        [...tags, ...[...groups].map((g) => ['group_depend', `g${g}`] as [string, string])],
        '1.0.0',
        groups.has(i % 4) ? '' : `<member_of_group>g${i % 4}</member_of_group>`,
      );
    });

  it('is planned to the same bytes whatever the order of the input', () => {
    fc.assert(
      fc.property(graphs, fc.infiniteStream(fc.nat()), (edges, random) => {
        const packages = build(edges);
        const shuffled = packages
          .map((p) => [random.next().value as number, p] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, p]) => p);
        const [a, b] = [planOf(shuffled), planOf(packages)];
        expect(JSON.stringify([a.plan, a.diagnostics])).toBe(JSON.stringify([b.plan, b.diagnostics]));
      }),
      { numRuns: 200 },
    );
  });

  it('is ordered so that what can be built has its whole root before it', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const { plan, diagnostics } = planOf(build(edges));
        const scope = plan.scopes[0]!;
        expect(scope.packages.length).toBe(12);
        const closures = closuresOf(scope);
        scope.packages.forEach((p, n) => {
          // Whatever is blocked says why, and only errors block.
          if (p.blocked) expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
          if (!p.blocked)
            for (const d of closures.root(n)) expect(d, `${scope.packages[d]!.name} before ${p.name}`).toBeLessThan(n);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('lets each task go on as soon as its whole root is done, and no sooner', () => {
    fc.assert(
      fc.property(graphs, fc.infiniteStream(fc.nat()), (edges, random) => {
        const { packages } = planOf(build(edges)).plan.scopes[0]!;
        const closures = closuresOf({ packages });
        const { pending: left, dependents } = packageReadiness(closures, () => true);
        const count = packages.length;
        const done = new Set<number>();
        const rootOf = (t: number) => (t < count ? closures.root(t) : closures.testRoot(t - count));
        // Packages that wait for themselves are blocked, and never done.
        const sound = [...Array(2 * count).keys()].filter((t) =>
          [t % count, ...rootOf(t)].every((d) => !packages[d]!.blocked),
        );
        for (;;) {
          const ready = sound.filter((t) => !done.has(t) && left[t] === 0);
          expect(ready).toEqual(sound.filter((t) => !done.has(t) && rootOf(t).every((d) => done.has(d))));
          if (!ready.length) break;
          const queue = [ready[(random.next().value as number) % ready.length]!];
          done.add(queue[0]!);
          for (const n of queue) for (const d of dependents(n)) if (--left[d]! === 0 && d >= 2 * count) queue.push(d);
        }
        expect(done.size).toBe(sound.length);
      }),
      { numRuns: 200 },
    );
  });
});

it('joins sets of names as sets are joined, whenever a name is met first', () => {
  const names = fc.array(fc.integer({ min: 0, max: 90 }).map((n) => `n${n}`));
  fc.assert(
    fc.property(names, fc.array(names), (known, lists) => {
      const vocabulary = new NameIndex(known);
      const all: PackageNameSet = [];
      const sets = lists.map((list) => {
        const set: PackageNameSet = [];
        vocabulary.add(set, list);
        join(all, set);
        return set;
      });
      expect(vocabulary.sorted(all)).toEqual([...new Set(lists.flat())].sort());
      expect(sets.map((s) => vocabulary.sorted(s))).toEqual(lists.map((l) => [...new Set(l)].sort()));
    }),
    { numRuns: 300 },
  );
});

it('compares versions as dpkg does', () => {
  const order = [
    '1.0~rc1-1',
    '1.0-1',
    '1.0-1+b1',
    '1.0-2',
    '1.0.1-1',
    '1.2.0-0bookworm.20261123.141500',
    '1.2.0-0bookworm.20261124.090000',
    '1.10-1',
    '1:0.1-1',
  ];
  for (let i = 0; i < order.length; i++)
    for (let j = 0; j < order.length; j++)
      expect(Math.sign(compareDebianVersions(order[i]!, order[j]!)), `${order[i]} ${order[j]}`).toBe(Math.sign(i - j));
});
