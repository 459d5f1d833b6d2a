import { describe, expect, it } from 'vitest';
import type { SourcePackage } from '../../ts-src/model/plan.ts';
import { remainingPaths } from '../../ts-src/plan/closure.ts';
import { findCycles } from '../../ts-src/query/query.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { sourcePackage, planOf, names, packagesOf } from './planned.ts';
import { at, first } from '../../ts-src/model/lists.ts';

describe('a plan', () => {
  it('reports a cycle with its trail, blocks it and its dependents, and continues', () => {
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

  it('builds packages in a cycle of run dependencies', () => {
    const p = planOf([
      sourcePackage('a', [['exec_depend', 'b']]),
      sourcePackage('b', [['exec_depend', 'a']]),
      sourcePackage('c', [['depend', 'a']]),
    ]);
    expect(p.diagnostics).toEqual([]);
    expect(names(p)).toEqual(['a', 'b', 'c']);
  });

  it("leaves out a group's edge that closes a cycle, and reports it", () => {
    const p = planOf([
      sourcePackage('gen', [['group_depend', 'plugins']]),
      sourcePackage('plugin', [['depend', 'gen']], '1.0.0', '<member_of_group>plugins</member_of_group>'),
    ]);
    expect(p.diagnostics.map((d) => [d.severity, d.code])).toEqual([['warning', 'cycle-group']]);
    expect(names(p)).toEqual(['gen', 'plugin']);
    expect(packagesOf(p.plan).some((q) => q.blocked)).toBe(false);
  });

  it('a cycle elsewhere changes neither depths nor order', () => {
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
    // Members of a cycle of run dependencies have the same depth, whatever is between them in the order.
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

  it('leaves out no more group edges than necessary', () => {
    const member = (name: string, tags: [string, string][]) =>
      sourcePackage(name, tags, '1.0.0', '<member_of_group>g</member_of_group>');
    // One edge of each pair must be removed; the two that remain close a cycle, so one more must be.
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

  it('finds cycles closed by tests, and none that only a run dependency closes', () => {
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

  it('warns if only a test dependency closes a cycle, names that edge, and builds all', () => {
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

  it('handles a cycle of twenty thousand packages, and a chain of that length', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => sourcePackage(`p${i}`, [['depend', `p${i + 1}`]]));
    const ring = planOf([...many.slice(0, -1), sourcePackage('p19999', [['depend', 'p0']])]);
    expect(ring.diagnostics.map((d) => d.code)).toEqual(['cycle']);
    const chain = planOf([...many.slice(0, -1), sourcePackage('p19999', [])]);
    expect([names(chain)[0], at(packagesOf(chain.plan), 19_999).depth]).toEqual(['p19999', 19_999]);
  });

  it("leaves out a group member that can't be built, and reports it", () => {
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
