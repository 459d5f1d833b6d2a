import { describe, expect, it } from 'vitest';
import type { SourcePackage } from '../../ts-src/model/plan.ts';
import { remainingPaths } from '../../ts-src/plan/closure.ts';
import { findCycles } from '../../ts-src/query/query.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { sourcePackage, planOf, names, packagesOf } from './planned.ts';
import { at, first } from '../../ts-src/model/lists.ts';

describe('a plan', () => {
  it('reports a cycle with its trail, blocks it and what needs it, and goes on', () => {
    const { diagnostics, plan } = planOf([
      sourcePackage('a', [['depend', 'b']]),
      sourcePackage('b', [['build_depend', 'c']]),
      sourcePackage('c', [['buildtool_depend', 'a']]),
      sourcePackage('d', [['depend', 'a']]),
      sourcePackage('e', []),
    ]);
    expect(renderDiagnostics(diagnostics)).toBe(
      'a/package.xml:2: error: packages need each other to be built: a → b (depend), b → c (build_depend), c → a (buildtool_depend) [cycle]\n    remove one of these dependencies, or make one an <exec_depend> if it is not needed at build time: see b/package.xml:2, c/package.xml:2\n',
    );
    expect(
      packagesOf(plan)
        .filter((p) => p.blocked)
        .map((p) => p.name)
        .sort(),
    ).toEqual(['a', 'b', 'c', 'd']);
    expect(packagesOf(plan).length).toBe(5);
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
    expect(packagesOf(p.plan).some((q) => q.blocked)).toBe(false);
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
    const depths = Object.fromEntries(packagesOf(plan).map((p) => [p.name, p.depth]));
    expect(depths).toEqual({ z: 0, x: 1, y: 2, core: 0, m1: 1 });
    expect(names({ plan } as ReturnType<typeof planOf>).filter((n) => 'xyz'.includes(n))).toEqual(['z', 'x', 'y']);
    expect(diagnostics.map((d) => d.code)).toEqual(['cycle-group']);
    const milliseconds = () => 10;
    expect(remainingPaths(packagesOf(plan), milliseconds).reduce((a, b) => Math.max(a, b))).toBe(30);
    // Packages that need each other to run lie equally deep, whatever stands between them.
    const ring = [
      sourcePackage('a', [['exec_depend', 'b']]),
      sourcePackage('b', [
        ['exec_depend', 'a'],
        ['depend', 'y'],
      ]),
      sourcePackage('top', [['depend', 'a']]),
    ];
    expect(Object.fromEntries(packagesOf(planOf([...plain, ...ring]).plan).map((p) => [p.name, p.depth]))).toEqual({
      z: 0,
      x: 1,
      y: 2,
      a: 3,
      b: 3,
      top: 4,
    });
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
    const edges = Object.fromEntries(packagesOf(plan).map((p) => [p.name, p.build]));
    expect(edges).toEqual({ core: [], m1: ['core'], m2: ['other'], other: ['m1'] });
    expect(diagnostics.map((d) => d.message.split(' only ')[0])).toEqual([
      "'core' needs 'm1'",
      "'core' needs 'm2'",
      "'other' needs 'm2'",
    ]);
  });

  it('finds the cycles that tests close, and none where only a run dependency leads back', () => {
    const found = (packages: SourcePackage[]) =>
      findCycles(first(planOf(packages).resolvers).evaluated).map((c) => [
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
      "a/package.xml:2: warning: 'a' needs 'b' to be tested (test_depend), and 'b' needs 'a': builds do not wait for it, only the tests of 'a' do [cycle-test]\n",
    );
    expect(names(p)).toEqual(['a', 'c', 'b']);
    expect(packagesOf(p.plan).map((q) => [q.name, q.test])).toEqual([
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
    expect([names(chain)[0], at(packagesOf(chain.plan), 19_999).depth]).toEqual(['p19999', 19_999]);
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
    expect(
      packagesOf(p.plan)
        .filter((q) => q.blocked)
        .map((q) => q.name),
    ).toEqual(['rmw_closed']);
    expect(packagesOf(p.plan).find((q) => q.name === 'impl')!.build).toEqual(['rmw_good']);
  });
});
