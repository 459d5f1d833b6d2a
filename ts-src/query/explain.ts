import { Numbers } from '../graph/numbers.ts';
import { compare } from '../model/diagnostics.ts';
import type { Explanation, NeedExplained, ScopeExplained } from '../model/answers.ts';
import { impliedNeeds } from '../model/build-types/index.ts';
import { at } from '../model/lists.ts';
import { entry } from '../model/maps.ts';
import type { Plan, Scope } from '../model/plan.ts';
import { edgeOf } from '../plan/cycles.ts';
import { forBuild, forRun, forTest, type Evaluated, type Need, nameOf, packageAt } from '../plan/needs.ts';
import type { Resolution, Resolver } from '../plan/resolve.ts';

/** Everything about a name, which may be a package or a key. Undefined if no package has or needs it. */
export function explain(plan: Plan, resolvers: readonly Resolver[], name: string): Explanation | undefined {
  const explanation: Explanation = { name, conditional: [], scopes: [] };
  plan.scopes.forEach((scope, i) => {
    const resolver = at(resolvers, i);
    const { evaluated } = resolver;
    const number = evaluated.number.get(name);
    if (number !== undefined && !explanation.package) describe(explanation, evaluated, number);
    const e = explainScope(scope, resolver, name);
    if (number !== undefined || e.neededBy.length) explanation.scopes.push(e);
  });
  return explanation.scopes.length ? explanation : undefined;
}

function describe(explanation: Explanation, evaluated: Evaluated, number: number): void {
  const p = packageAt(evaluated, number);
  const { manifest } = p;
  const { repository, source } = entry(evaluated.input.packages, p.name);
  const person = (m: { name: string; email?: string }) => (m.email ? `${m.name} <${m.email}>` : m.name);
  explanation.package = {
    version: p.version,
    buildType: p.buildType,
    repository,
    file: p.file,
    url: source.url,
    at: source.commit ?? source.ref ?? '',
    path: source.path,
    description: manifest.description,
    maintainers: manifest.maintainers.map(person),
    licenses: manifest.licenses.map((l) => l.name),
  };
  for (const d of manifest.dependencies)
    if (d.condition !== undefined && !p.dependencies.includes(d))
      explanation.conditional.push({ name: d.name, tag: d.tag, condition: d.condition });
}

function explainScope(scope: Scope, resolver: Resolver, name: string): ScopeExplained {
  const { evaluated } = resolver;
  const number = evaluated.number.get(name);
  const place = scope.packages.findIndex((p) => p.name === name);
  const p = scope.packages[place];
  const dependents = p ? dependentsOf(scope) : [];
  const direct = scope.packages
    .filter(
      (q) =>
        q.build.includes(name) ||
        q.run.includes(name) ||
        q.test.includes(name) ||
        evaluated.needs(entry(evaluated.number, q.name)).some((n) => n.name === name),
    )
    .map((q) => q.name)
    .sort(compare);
  return {
    distribution: scope.distribution,
    platform: scope.platform,
    count: scope.packages.length,
    ...(p ? { debian: p.debian, place: place + 1 } : {}),
    from: originText(resolver, resolver.find(name)),
    ...(p?.blocked === undefined ? {} : { blocked: p.blocked }),
    ...(p?.mustBeCached ? { held: true as const } : {}),
    why: p ? whyChain(scope, name) : [],
    needs: number === undefined ? [] : needsOf(resolver, number),
    neededBy: direct,
    neededByAll: p ? closureUp(dependents, place) : 0,
    longest: p ? longestThrough(scope, dependents, place) : [],
  };
}

const roleNames: [number, string][] = [
  [forBuild, 'build'],
  [forRun, 'run'],
  [forTest, 'test'],
];

/** Dependencies of a package on one platform, declared and implicit, sorted by name. */
export function needsOf(resolver: Resolver, number: number): NeedExplained[] {
  const { evaluated } = resolver;
  const found: NeedExplained[] = evaluated.needs(number).map((n: Need) => ({
    name: n.name,
    for: roleNames.filter(([role]) => n.roles & role).map(([, text]) => text),
    tag: n.dependency.tag,
    ...(n.group === undefined ? {} : { group: n.group }),
    line: n.dependency.line,
    from: originText(resolver, resolver.resolve(n)),
  }));
  const said = new Set(found.map((n) => n.name));
  const inside = at(evaluated.inside, number);
  for (const d of new Set([...inside.build, ...inside.run])) {
    const n = nameOf(evaluated, d);
    if (said.has(n)) continue;
    found.push({
      name: n,
      for: [...(inside.build.includes(d) ? ['build'] : []), ...(inside.run.includes(d) ? ['run'] : [])],
      tag: edgeOf(evaluated, number, d).tag,
      line: 0,
      from: originText(resolver, resolver.resolve({ name: n, id: d })),
    });
  }
  const p = packageAt(evaluated, number);
  const implied = impliedNeeds(p.buildType, evaluated.input.packages.get(p.name)?.buildBackend);
  for (const [names, purpose] of [
    [implied.build, 'build'],
    [implied.test, 'test'],
  ] as const)
    for (const name of names.filter((n) => !said.has(n)))
      found.push({ name, for: [purpose], tag: `build type ${p.buildType}`, line: 0, from: `system: ${name}` });
  return found.sort((a, b) => compare(a.name, b.name) || a.line - b.line);
}

export function originText(resolver: Resolver, r: Resolution): string {
  switch (r.from) {
    case 'built':
      return `built, ${packageAt(resolver.evaluated, r.number).version}`;
    case 'underlay':
      return `underlay ${r.underlay}: ${r.packages.join(', ')}${r.version === undefined ? '' : ` ${r.version}`}`;
    case 'system':
      if (r.key !== undefined) return `system: ${r.packages.join(', ') || 'nothing to install'}`;
      return r.packages.length ? `system by package_settings: ${r.packages.join(', ')}` : 'skipped by package_settings';
    case 'nowhere':
      if (r.rosdep.kind === 'packages') return `nowhere: rosdep gives it by ${r.rosdep.installer}`;
      return r.rosdep.kind === 'not-here' ? `nowhere: ${r.rosdep.reason}` : 'nowhere: no package and no rosdep key';
  }
}

/** Why it is in the plan: the chain of first dependents, back to a named package. */
function whyChain(scope: Scope, name: string): string[] {
  const why = new Map(scope.packages.map((p) => [p.name, p.why]));
  const chain = [name];
  for (
    let at = why.get(name);
    at && 'neededBy' in at && chain.length <= scope.packages.length;
    at = why.get(at.neededBy)
  )
    chain.unshift(at.neededBy);
  return chain;
}

function dependentsOf(scope: Scope): number[][] {
  const index = new Map(scope.packages.map((p, i) => [p.name, i]));
  const dependents: number[][] = scope.packages.map(() => []);
  scope.packages.forEach((p, i) => {
    for (const d of new Set([...p.build, ...p.run])) {
      const n = index.get(d);
      if (n !== undefined) at(dependents, n).push(i);
    }
  });
  return dependents;
}

function closureUp(dependents: readonly number[][], place: number): number {
  const seen = new Set([place]);
  const stack = [place];
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    for (const d of at(dependents, n)) {
      if (seen.has(d)) continue;
      seen.add(d);
      stack.push(d);
    }
  }
  return seen.size - 1;
}

function longestThrough(scope: Scope, dependents: readonly number[][], place: number): string[] {
  const { packages } = scope;
  const index = new Map(packages.map((p, i) => [p.name, i]));
  const self = at(packages, place);
  const chain = [self.name];
  for (let p = self; p.depth > 0;) {
    const below = [...p.build, ...p.run]
      .flatMap((n) => index.get(n) ?? [])
      .map((i) => at(packages, i))
      .find((q) => q.depth === p.depth - 1);
    if (!below) break;
    chain.unshift(below.name);
    p = below;
  }
  const height = Numbers.filled(packages.length, 0);
  for (let n = packages.length - 1; n >= 0; n--)
    for (const d of at(dependents, n)) if (d > n) height.set(n, Math.max(height.get(n), height.get(d) + 1));
  const above = (n: number) => at(dependents, n).find((d) => d > n && height.get(d) === height.get(n) - 1);
  for (let n = above(place); n !== undefined; n = above(n)) chain.push(at(packages, n).name);
  return chain;
}
