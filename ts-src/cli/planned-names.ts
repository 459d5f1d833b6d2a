import { nearest, warning, type Diagnostic } from '../model/diagnostics.ts';
import { debianNames } from '../model/names.ts';
import type { Plan, Scope } from '../model/plan.ts';
import { matcher } from '../plan/globs.ts';
import type { Planned } from './planning.ts';

/** Whether the plan leaves out packages of a distribution. Its suite then keeps the others. */
export const isPartial = (planned: Pick<Planned, 'plan' | 'distributions'>): boolean =>
  planned.plan.scopes.some(
    (s) => s.packages.length < (planned.distributions.find((d) => d.name === s.distribution)?.packages.size ?? 0),
  );

/** Maps Debian names to names of a distribution's packages, planned or not. */
export function namesByDebian(planned: Planned): (scope: Scope, debian: string) => string | undefined {
  const known = new Map<string, Map<string, string>>();
  return ({ distribution }, debian) => {
    let names = known.get(distribution);
    if (!names) {
      const debianOf = debianNames(planned.workspace.distro, distribution);
      const packages = planned.distributions.find((d) => d.name === distribution)?.packages.keys() ?? [];
      known.set(distribution, (names = new Map([...packages].map((name) => [debianOf(name), name]))));
    }
    return names.get(debian);
  };
}

/** Warns about patterns of --rebuild that match no package of a plan. */
export function unmatched(patterns: readonly string[], plan: Plan): Diagnostic[] {
  const names = [...new Set(plan.scopes.flatMap((s) => s.packages.map((p) => p.name)))];
  return patterns.flatMap((pattern) => {
    if (names.some(matcher([pattern]))) return [];
    const near = nearest(pattern, names);
    const hint = near === undefined ? undefined : `did you mean '${near}'?`;
    return [warning('selection', `--rebuild: '${pattern}' matches no package of this build`, { hint })];
  });
}
