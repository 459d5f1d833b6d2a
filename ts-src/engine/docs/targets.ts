import type { RunInput } from '../session.ts';
import type { Distro } from '../../model/distro.ts';
import type { Plan, Target } from '../../model/plan.ts';
import { matcher } from '../../plan/globs.ts';

/**
 * The target on which a package's documentation is made: the first one of its distribution's first platform, preferably
 * without variant. None for packages in `docs.skip` or with `<undocumented/>` in the manifest.
 */
export function documentedOn(distro: Distro, plan: Plan): NonNullable<RunInput['documented']> {
  const skipped = matcher(distro.docs.skip);
  const platformOf = (distribution: string): string | undefined => {
    const own = distro.distributions[distribution]?.platforms ?? [];
    const planned = new Set(plan.scopes.filter((s) => s.distribution === distribution).map((s) => s.platform));
    return [distro.docs.platform ?? '', ...own].find((p) => own.includes(p) && planned.has(p));
  };
  const chosen = new Map<string, Target | undefined>();
  for (const scope of plan.scopes) {
    if (platformOf(scope.distribution) !== scope.platform || chosen.has(scope.distribution)) continue;
    chosen.set(scope.distribution, scope.targets.find((t) => t.variant === 'default') ?? scope.targets[0]);
  }
  return (scope, target, p) => chosen.get(scope.distribution) === target && !skipped(p.name) && !p.undocumented;
}
