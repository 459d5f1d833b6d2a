import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { systemBoundFault } from '../../ts-src/engine/build/packaging.ts';
import { distroSchema } from '../../ts-src/model/distro.ts';
import type { PlannedPackage, SourcePackage } from '../../ts-src/model/plan.ts';
import { parsePlan } from '../../ts-src/model/plan-schema.ts';
import { makePlan } from '../../ts-src/plan/plan.ts';
import { debianBounds, isWithin, withEpoch } from '../../ts-src/plan/relations.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';

function source(name: string, tags: string): SourcePackage {
  const file = `${name}/package.xml`;
  const read = parseManifest(
    `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>${tags}<export><build_type>cmake</build_type></export></package>`,
    file,
  );
  if (!read.ok) throw new Error(read.diagnostics[0]?.message);
  return { name, repository: name, manifest: read.value, file, source: { url: 'u', path: '', tree: 'a'.repeat(40) } };
}

function planOf(packages: SourcePackage[], extra: object = {}) {
  const rosdep = layerRosdep([
    { file: 'rosdep.yaml', text: 'zlib: {debian: [zlib1g-dev]}\ntwo: {debian: [one-dev, two-dev]}\n' },
  ]);
  if (!rosdep.ok) throw new Error('rosdep');
  const made = makePlan({
    distro: distroSchema.parse({
      organization: 'acme',
      distributions: { d: { platforms: ['bookworm'], repos: ['x'], ros_version: 1 } },
      platforms: { bookworm: { os: 'debian', release: 'bookworm' } },
      ...extra,
    }),
    distroFile: 'distro.yaml',
    stamp: '20261126120000',
    distributions: [
      {
        name: 'd',
        rosVersion: 1,
        pythonVersion: 3,
        repositories: packages.map((p) => p.name),
        packages: new Map(packages.map((p) => [p.name, p])),
      },
    ],
    rosdep: rosdep.value,
    underlays: {},
    selection: {},
  });
  parsePlan(JSON.parse(JSON.stringify(made.plan)));
  const all = made.plan.scopes.flatMap((s) => s.packages);
  const of = (name: string): PlannedPackage => {
    const p = all.find((q) => q.name === name);
    if (!p) throw new Error(name);
    return p;
  };
  return { of, messages: made.diagnostics.map((d) => `${d.file}: ${d.message} [${d.code}]`) };
}

describe('conflicts and replaces', () => {
  it('are resolved like dependencies, with their bounds', () => {
    const { of, messages } = planOf([
      source(
        'app',
        '<conflict version_lt="2.0.0">lib</conflict><conflict>zlib</conflict><replace version_lte="1.5.0">two</replace><replace>gone_away</replace><conflict condition="$ROS_VERSION == 2">other</conflict>',
      ),
      source('lib', ''),
    ]);
    expect(messages).toEqual([]);
    expect(of('app').conflicts).toEqual(['acme-d-lib (<< 2.0.0)', 'zlib1g-dev']);
    expect(of('app').replaces).toEqual(['acme-d-gone-away', 'one-dev (<< 1.5.0.~)', 'two-dev (<< 1.5.0.~)']);
    expect(of('lib').conflicts).toBeUndefined();
  });
});

describe('version bounds', () => {
  it('of every kind are in the package', () => {
    const { of, messages } = planOf([
      source(
        'app',
        '<exec_depend version_lt="2.0.0" version_gte="0.5.0">lib</exec_depend><exec_depend version_eq="1.0.0">tool</exec_depend><depend version_gte="1.2">zlib</depend><build_depend version_lte="9">zlib</build_depend>',
      ),
      source('lib', ''),
      source('tool', ''),
    ]);
    expect(messages).toEqual([]);
    expect(of('app').bounds).toEqual({ lib: ['<< 2.0.0', '>= 0.5.0'], tool: ['>= 1.0.0', '<< 1.0.0.~'] });
    expect(of('app').systemBounds).toEqual([
      { package: 'zlib1g-dev', bounds: ['>= 1.2'], run: true },
      { package: 'zlib1g-dev', bounds: ['<< 9.~'], run: false },
    ]);
  });

  it('mean the same as for dpkg, except for revisions and epochs', () => {
    const cases: [string, 'lt' | 'lte' | 'eq' | 'gte', string, boolean][] = [
      ['2.0.0-0bookworm.1', 'lte', '2.0.0', true],
      ['2.0.0-3', 'eq', '2.0.0', true],
      ['2.0.0+dfsg-3', 'eq', '2.0.0', true],
      ['2.0.1-1', 'lte', '2.0.0', false],
      ['2.0.0.1-1', 'eq', '2.0.0', false],
      ['1:2.0.0-1', 'lt', '2.0.1', true],
      ['1:2.0.0-1', 'gte', '2.0.1', false],
      ['1.9.9-1', 'eq', '2.0.0', false],
    ];
    for (const [version, operator, bound, wanted] of cases) {
      const bounds = debianBounds({ [operator]: bound });
      expect([version, operator, bound, bounds.every((b) => isWithin(version, b))]).toEqual([
        version,
        operator,
        bound,
        wanted,
      ]);
      const byDpkg = bounds.every((b) => {
        const [relation = '', text = ''] = withEpoch(b, version).split(' ');
        return spawnSync('dpkg', ['--compare-versions', version, relation, text]).status === 0;
      });
      expect([version, operator, bound, byDpkg]).toEqual([version, operator, bound, wanted]);
    }
    expect(execFileSync('dpkg', ['--validate-version', '2.0.0.~'], { encoding: 'utf8' })).toBe('');
  });

  it("on system packages are checked against the platform's versions", () => {
    const { of } = planOf([source('app', '<depend version_gte="1.2.12">zlib</depend>')]);
    expect(systemBoundFault(of('app'), ['other=1', 'zlib1g-dev=1:1.2.13.dfsg-1'])).toBeUndefined();
    expect(systemBoundFault(of('app'), ['zlib1g-dev=1:1.2.11.dfsg-2'])).toBe(
      'package.xml wants zlib1g-dev >= 1.2.12, and the platform has 1:1.2.11.dfsg-2',
    );
  });
});

describe('packages with the same Debian name', () => {
  it('are reported and blocked, together with their dependents', () => {
    const { of, messages } = planOf([
      source('foo_bar', ''),
      source('Foo_Bar', ''),
      source('environment', ''),
      source('user', '<depend>foo_bar</depend>'),
    ]);
    expect(messages).toEqual([
      "environment/package.xml: 'environment' and the package of setup.sh would both be the Debian package acme-d-environment [debian-name-taken]",
      "foo_bar/package.xml: 'foo_bar' and 'Foo_Bar' would both be the Debian package acme-d-foo-bar [debian-name-taken]",
    ]);
    expect(of('Foo_Bar').blocked).toBeUndefined();
    expect(of('user').blocked).toContain("'foo_bar' is blocked");
  });
});
