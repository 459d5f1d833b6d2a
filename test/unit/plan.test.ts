import { describe, expect, it } from 'vitest';
import { parsePlan } from '../../ts-src/model/plan-schema.ts';
import type { Selection } from '../../ts-src/plan/select.ts';
import { renderPlan } from '../../ts-src/render/plan.ts';
import { distro, sourcePackage, planOf, names, packagesOf } from './planned.ts';
import { at, first } from '../../ts-src/model/lists.ts';

describe('a plan', () => {
  it('is printed for people', () => {
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

  it('selects named packages with their dependencies, and says why each is there', () => {
    const { plan } = planOf(
      [
        sourcePackage('app', [['depend', 'lib']]),
        sourcePackage('lib', [['depend', 'base']]),
        sourcePackage('base', []),
        sourcePackage('other', []),
      ],
      { selection: { packages: ['a*'] } },
    );
    expect(packagesOf(plan).map((p) => [p.name, p.why])).toEqual([
      ['base', { neededBy: 'lib' }],
      ['lib', { neededBy: 'app' }],
      ['app', { named: true }],
    ]);
  });

  it('adds test dependencies of named packages, marked as such, but not the test dependencies of those', () => {
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
      Object.fromEntries(packagesOf(planOf(packages, { selection }).plan).map((p) => [p.name, p.why]));
    const app = { lib: { neededBy: 'app' }, app: { named: true } };
    const forApp = { lint: { neededBy: 'app', forTests: true }, lint_core: { neededBy: 'lint', forTests: true } };
    expect(whys({ packages: ['app'] })).toEqual(app);
    expect(whys({ packages: ['app'], tests: true })).toEqual({ ...app, ...forApp });
    // Selected by dependents, and for a distribution that names one package itself.
    expect(whys({ above: ['app'], tests: true })).toEqual({ ...app, ...forApp });
    const settings = { platforms: ['bookworm'], repos: ['x'], ros_version: 2, packages: ['app'] };
    const named = planOf(packages, {
      distro: distro({ distributions: { jazzy: settings } }),
      selection: { changed: { jazzy: ['lint'] }, tests: true },
    });
    expect(packagesOf(named.plan).map((p) => [p.name, p.why])).toEqual([
      ['lib', { neededBy: 'lint', forTests: true }],
      ['lint_core', { neededBy: 'lint', forTests: true }],
      ['lint', { neededBy: 'app', forTests: true }],
    ]);
    const skipping = { distro: distro({ tests: { skip: ['app'] } }), selection: { packages: ['app'], tests: true } };
    expect(names(planOf(packages, skipping))).toEqual(['lib', 'app']);
  });

  it('marks packages that --only does not name as not built', () => {
    const { plan } = planOf([sourcePackage('app', [['depend', 'lib']]), sourcePackage('lib', [])], {
      selection: { packages: ['app'], only: true },
    });
    expect(packagesOf(plan).map((p) => [p.name, p.mustBeCached])).toEqual([
      ['lib', true],
      ['app', undefined],
    ]);
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  it('selects by dependents, by repository and by changes, combined', () => {
    const chain = [
      sourcePackage('base', []),
      sourcePackage('lib', [['depend', 'base']]),
      sourcePackage('app', [['exec_depend', 'lib']]),
      sourcePackage('check', [['test_depend', 'lib']]),
      sourcePackage('other', [['depend', 'missing']]),
    ];
    at(chain, 2).repository = 'apps';
    const chosen = (selection: Selection) =>
      first(planOf(chain, { selection }).plan.scopes)
        .packages.filter((p) => 'named' in p.why)
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
      ["'apsp' matches no repository", "did you mean 'apps'?"],
      ["'lbi' matches no package", "did you mean 'lib'?"],
    ]);
  });
});
