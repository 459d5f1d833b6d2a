import type { Plan, PlannedPackage, Scope } from '../model/plan.ts';
import { plural } from './diagnostics.ts';
import { someOf } from './table.ts';

/** Maximum number of dependencies named per package. */
const shown = 5;

/**
 * A plan for people: the packages of each scope in order, with their dependencies and the reason why they are there.
 */
export function renderPlan(plan: Plan, states?: (scope: Scope, p: PlannedPackage) => string | undefined): string {
  const lines: string[] = [];
  for (const scope of plan.scopes) {
    const building = scope.packages.filter((p) => !p.blocked && !p.mustBeCached);
    const targets = scope.targets.map(
      (t) => `${t.platform} (${t.os} ${t.release}) ${t.architecture}${t.variant === 'default' ? '' : `, ${t.variant}`}`,
    );
    const repositories = new Set(building.map((p) => p.repository)).size;
    const from = plural(repositories, 'repository').replace('repositorys', 'repositories');
    lines.push(
      `${scope.distribution} on ${targets.join('; ') || scope.platform}: ` +
        `${plural(building.length, 'package')} from ${from} into ${scope.prefix}`,
    );
    const width = Math.min(40, Math.max(...scope.packages.map((p) => p.name.length), 7));
    for (const [i, p] of scope.packages.entries()) {
      const why = 'named' in p.why ? 'named' : `for ${p.why.forTests ? 'tests of ' : ''}${p.why.neededBy}`;
      const system = [...p.systemBuild, ...(p.impliedBuild ?? [])];
      const needs = p.build.length + system.length;
      const first = p.build.length > shown ? p.build : [...p.build, ...system];
      const needed = needs ? `; needs ${someOf(first, shown, needs)}` : '';
      const known = p.mustBeCached ? 'from the store' : (states?.(scope, p) ?? '');
      const state = p.blocked ? `blocked: ${p.blocked}` : known;
      lines.push(
        `${String(i + 1).padStart(5)}  ${p.name.padEnd(width)}  ${p.version.padEnd(9)} ` +
          `${p.buildType.padEnd(12)} ${why}${needed}${state ? `; ${state}` : ''}`,
      );
    }
    lines.push('');
  }
  return lines.join('\n');
}
