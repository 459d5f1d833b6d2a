import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isError, type Diagnostic } from '../../ts-src/model/diagnostics.ts';
import { kindsOfTag, type Package } from '../../ts-src/model/manifest.ts';
import { buildTypeFault } from '../../ts-src/plan/build-type-faults.ts';
import { conditionEvaluator } from '../../ts-src/plan/conditions.ts';
import { conditionContext, manifestEvaluator } from '../../ts-src/plan/evaluate.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { readPlain } from '../../ts-src/read/manifest/plain-xml.ts';
import { parseCache } from '../../ts-src/read/cache-file.ts';
import { readTree } from '../../ts-src/read/manifest/xml-tree.ts';
import { treeOf } from '../unit/trees.ts';
import { has, oracle, present, shared } from './shared.ts';
import { first } from '../../ts-src/model/lists.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';

describe.runIf(present)('agreement with catkin_pkg', () => {
  it.runIf(has('condition-cases.json'))('on every condition, in three contexts', () => {
    const data = oracle<{
      contexts: Record<string, Record<string, string>>;
      cases: Record<string, Record<string, boolean | 'ValueError'>>;
    }>('condition-cases.json');
    const differing: string[] = [];
    for (const [context, variables] of Object.entries(data.contexts)) {
      const evaluate = conditionEvaluator(variables);
      for (const [text, expected] of Object.entries(data.cases)) {
        const ours = evaluate(text) ?? 'ValueError';
        if (ours !== expected[context])
          differing.push(`${context}: ${JSON.stringify(text)}: ${ours}, not ${expected[context]}`);
      }
    }
    expect(Object.keys(data.cases).length).toBeGreaterThan(100);
    expect(differing).toEqual([]);
  });

  it.runIf(has('manifest-cases.json'))('on every small manifest, including malformed ones', () => {
    const data = oracle<{
      context: Record<string, string>;
      cases: Record<string, { xml: string; ok: boolean; result?: Record<string, unknown> }>;
    }>('manifest-cases.json');
    const differing: string[] = [];
    for (const [name, c] of Object.entries(data.cases)) {
      const ours = parseManifest(c.xml, 'package.xml');
      // The only difference: a manifest with a document type declaration is refused.
      const expected = c.ok && !c.xml.includes('<!DOCTYPE');
      if (ours.ok !== expected) differing.push(`${name}: ${ours.ok ? 'accepted' : first(ours.diagnostics).message}`);
      else if (ours.ok && c.result) {
        const m = ours.value;
        const theirs = c.result;
        const same =
          m.name === theirs.name &&
          m.version === theirs.version &&
          m.format === theirs.format &&
          m.description === theirs.description &&
          JSON.stringify(m.maintainers.map((p) => [p.name, p.email ?? null])) === JSON.stringify(theirs.maintainers) &&
          JSON.stringify(m.licenses.map((l) => l.name)) === JSON.stringify(theirs.licenses) &&
          JSON.stringify(m.urls.map((u) => [u.type, u.url])) === JSON.stringify(theirs.urls);
        if (!same)
          differing.push(
            `${name}: ${JSON.stringify([m.name, m.version, m.format, m.description, m.maintainers, m.licenses, m.urls])}`,
          );
      }
    }
    expect(Object.keys(data.cases).length).toBeGreaterThan(90);
    expect(differing).toEqual([]);
  });

  it.each(['jazzy', 'noetic'])('reading plain manifests of %s without a parser changes nothing', (distro) => {
    const cache = parseCache(
      gunzipSync(readFileSync(join(shared, `rosdistro/${distro}/${distro}-cache.yaml.gz`))).toString('utf8'),
      'cache',
    );
    const texts = cache.ok ? Object.values(cache.value.manifests).map(String) : [];
    const plain = texts.flatMap((text) => {
      const read = readPlain(text);
      return read ? [{ text, read }] : [];
    });
    expect(plain.length).toBeGreaterThan(texts.length * 0.8);
    const differing = plain.filter(({ text, read }) => {
      const { root } = readTree(text);
      return !root || !isDeepStrictEqual(treeOf(root), treeOf(read));
    });
    expect(differing).toEqual([]);
  });

  it.each(['jazzy', 'noetic'])('on every package of %s', (distro) => {
    const data = oracle<{
      context: Record<string, string>;
      packages: Record<string, Theirs>;
      group_members: Record<string, string[]>;
    }>(`catkin-${distro}.json`);
    const extra = oracle<{ packages: Record<string, Record<string, unknown>> }>(`catkin-${distro}-extra.json`).packages;
    const text = gunzipSync(readFileSync(join(shared, 'rosdistro', distro, `${distro}-cache.yaml.gz`))).toString(
      'utf8',
    );
    const cache = parseCache(text, 'cache');
    if (!cache.ok) throw new Error('the cache was not read');
    const rosVersion = distro === 'jazzy' ? 2 : 1;
    const evaluate = manifestEvaluator(conditionContext({ name: distro, rosVersion, pythonVersion: 3 }, {}));
    const differing: string[] = [];
    const groups: Record<string, string[]> = {};
    for (const [name, theirs] of Object.entries(data.packages)) {
      const read = parseManifest(String(ownEntry(cache.value.manifests, name)), name);
      if (!read.ok) {
        differing.push(`${name}: ${read.diagnostics.map((d) => d.message).join('; ')}`);
        continue;
      }
      const diagnostics: Diagnostic[] = [];
      const p = evaluate(read.value, name, diagnostics);
      // Every package of ROS 2 that is catkin by default is told, no other package.
      const told = buildTypeFault(p, rosVersion);
      if ((told !== undefined) !== (rosVersion === 2 && theirs.build_type === 'catkin'))
        differing.push(`${name}: ${told?.message}`);
      for (const g of p.memberOfGroups) (groups[g] ??= []).push(name);
      const ours = plain(p);
      const expected = {
        format: theirs.format,
        version: theirs.version,
        build_type: theirs.build_type,
        depends: theirs.depends ?? {},
        groups: [...(theirs.member_of_groups ?? [])].sort(),
      };
      for (const k of Object.keys(expected.depends)) expected.depends[k] = [...ownEntry(expected.depends, k)].sort();
      const e = ownEntry(extra, name);
      const people = (v: unknown) => JSON.stringify(v);
      if (diagnostics.some(isError) || JSON.stringify(sortKeys(ours)) !== JSON.stringify(sortKeys(expected)))
        differing.push(`${name}: ${JSON.stringify(ours)} not ${JSON.stringify(expected)}`);
      else if (people(e.maintainers) !== people(read.value.maintainers.map((m) => [m.name, m.email ?? null])))
        differing.push(`${name}: maintainers ${people(read.value.maintainers)} not ${people(e.maintainers)}`);
    }
    for (const g of Object.values(groups)) g.sort();
    const members: Record<string, string[]> = Object.fromEntries(
      Object.entries(data.group_members)
        .map(([g, m]) => [g, [...m].sort()] as const)
        .filter(([, m]) => m.length),
    );
    expect(Object.keys(data.packages).length).toBeGreaterThan(2000);
    expect(differing).toEqual([]);
    expect(sortKeys(groups)).toEqual(sortKeys(members));
  });
});

interface Theirs {
  format: number;
  version: string;
  build_type: string;
  depends?: Record<string, string[]>;
  member_of_groups?: string[];
}

function plain(p: Package): unknown {
  const depends: Record<string, string[]> = {};
  const theirNames: Record<string, string> = { conflict: 'conflicts', replace: 'replaces' };
  for (const d of p.dependencies)
    for (const k of kindsOfTag[d.tag]) if (k !== 'group') (depends[theirNames[k] ?? k] ??= []).push(d.name);
  for (const k of Object.keys(depends)) ownEntry(depends, k).sort();
  return {
    format: p.manifest.format,
    version: p.version,
    build_type: p.buildType,
    depends,
    groups: [...p.memberOfGroups].sort(),
  };
}

function sortKeys(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(sortKeys);
  if (!v || typeof v !== 'object') return v;
  const sorted = Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([k, x]) => [k, sortKeys(x)]));
}
