import { debianNames } from '../model/names.ts';
import type { Scope } from '../model/plan.ts';
import type { Planned } from './planning.ts';

/** Not all packages of a distribution are in the plan: of what its suite holds the others stay. */
export const isPartial = (planned: Pick<Planned, 'plan' | 'distributions'>): boolean =>
  planned.plan.scopes.some(
    (s) => s.packages.length < (planned.distributions.find((d) => d.name === s.distribution)?.packages.size ?? 0),
  );

/** Names of a distribution's packages by their Debian names, whether they are planned or not. */
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
