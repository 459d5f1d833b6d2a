import { describe, expect, it } from 'vitest';
import type { PlannedPackage } from '../../ts-src/model/plan.ts';
import type { Interface } from '../../ts-src/model/result.ts';
import { closuresOf } from '../../ts-src/plan/closure.ts';
import { InterfaceDigests } from '../../ts-src/engine/interface-digests.ts';
import { at } from '../../ts-src/model/lists.ts';

describe("a package's digest in the keys of its dependents", () => {
  const planned = (name: string, run: string[], build: string[] = run, tools: string[] = []): PlannedPackage =>
    ({ name, run, build, tools, test: [] }) as unknown as PlannedPackage;
  const face = (id: string, more: Partial<Interface> = {}): Interface => ({
    api: `s${id}`,
    tool: `t${id}`,
    code: `d${id}`,
    full: `c${id}`,
    loads: false,
    offers: false,
    ...more,
  });
  const identities = (packages: PlannedPackage[], faces: Interface[], full = false) =>
    new InterfaceDigests(closuresOf({ packages }), (n) => at(faces, n), full);

  const packages = [planned('base', []), planned('library', ['base']), planned('user', ['library'])];
  const of = (faces: Interface[], tool = false, full = false) => identities(packages, faces, full).ofBuild(1, tool);
  const plain = [face('1'), face('2'), face('3')];

  it('covers, for a library, the API of itself and its run closure', () => {
    expect(of([face('1', { code: 'other', full: 'other', tool: 'other' }), face('2'), face('3')])).toBe(of(plain));
    expect(of([face('1', { api: 'other' }), face('2'), face('3')])).not.toBe(of(plain));
  });
  it('covers, for a tool, also code if something in its run closure loads code', () => {
    const changed = (loads: boolean) => [face('1', { code: 'other', full: 'other' }), face('2', { loads }), face('3')];
    expect(of(changed(false), true)).toBe(of(plain, true));
    expect(of(changed(true), true)).not.toBe(of([face('1'), face('2', { loads: true }), face('3')], true));
  });
  it('covers, for a program that a library exports, everything that it could load', () => {
    const faces = (code: string) => [face('1', { code }), face('2', { offers: true, loads: true }), face('3')];
    expect(of(faces('a'))).not.toBe(of(faces('b')));
  });
  it('covers every byte with reuse: full', () => {
    expect(of([face('1', { full: 'other' }), face('2'), face('3')], false, true)).not.toBe(of(plain, false, true));
  });
  it('is shared by members of a cycle of run dependencies', () => {
    const circle = [planned('a', ['b'], []), planned('b', ['a', 'c'], []), planned('c', [], [])];
    const id = (faces: Interface[], n: number) => identities(circle, faces).of(n, 'api');
    expect(id(plain, 0)).toBe(id(plain, 1));
    expect(id([face('1'), face('2'), face('9')], 0)).not.toBe(id(plain, 0));
  });
});
