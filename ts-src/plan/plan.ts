import { NearNames, compare, error, sorted, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { ownEntry } from '../model/maps.ts';
import { aptSuite, channelSuite, debianNames, scopeId } from '../model/names.ts';
import type { DistributionInput, Plan, Scope } from '../model/plan.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { evaluateAll, type Evaluated } from './needs.ts';
import { Resolver, type UnderlayPackages } from './resolve.ts';
import { planScope } from './scope.ts';
import { checkNames, checkPatterns, type Selection } from './select.ts';
import { settingsFinder } from './settings.ts';

export interface PlanInput {
  distro: Distro;
  /** For diagnostics. */
  distroFile: string;
  distroLine?: (path: readonly PropertyKey[]) => number | undefined;
  stamp: string;
  distributions: DistributionInput[];
  rosdep: RosdepDatabase;
  underlays: UnderlayPackages;
  selection: Selection;
}

/** A plan, and additional data of each scope for `explain` and `query`. */
export interface Made {
  plan: Plan;
  diagnostics: Diagnostic[];
  resolvers: Resolver[];
}

/**
 * Makes a plan from the distro repository, sources, rosdep, underlays and selection. Pure: equal inputs in any order
 * give the same bytes.
 */
export function makePlan(input: PlanInput): Made {
  const diagnostics: Diagnostic[] = [];
  const scopes: Scope[] = [];
  const resolvers: Resolver[] = [];
  const { selection, distro } = input;
  const chosen = (names: readonly string[], wanted: string[] | undefined) =>
    names.filter((n) => !wanted || wanted.includes(n)).sort();
  checkNames('distribution', selection.distributions, Object.keys(distro.distributions), diagnostics);
  checkNames('platform', selection.platforms, Object.keys(distro.platforms), diagnostics);
  const architectures = Object.values(distro.platforms).flatMap((p) => p.architectures);
  checkNames('architecture', selection.architectures, [...new Set(architectures)], diagnostics);
  checkNames('variant', selection.variants, ['default', ...Object.keys(distro.variants)], diagnostics);
  const settingsOf = settingsFinder(distro);
  const all: Evaluated[] = [];
  for (const distribution of [...input.distributions].sort((a, b) => compare(a.name, b.name))) {
    if (selection.distributions && !selection.distributions.includes(distribution.name)) continue;
    const settings = ownEntry(distro.distributions, distribution.name);
    const evaluated = evaluateAll(distribution, settings, diagnostics);
    const near = nearNames(() => [...evaluated.names, ...input.rosdep.keys]);
    const debian = evaluated.names.map(debianNames(distro, distribution.name));
    all.push(evaluated);
    for (const platform of chosen(settings.platforms, selection.platforms)) {
      const resolver = new Resolver(evaluated, settings, platform, settingsOf, input);
      const scope = planScope(
        {
          distro,
          distroFile: input.distroFile,
          distroLine: input.distroLine,
          settings,
          resolver,
          selection,
          debian,
          near,
        },
        diagnostics,
      );
      const { os, release, architectures } = ownEntry(distro.platforms, platform);
      for (const architecture of chosen(architectures, selection.architectures)) {
        for (const variant of chosen(['default', ...settings.variants], selection.variants))
          scope.targets.push({ platform, os, release, architecture, variant });
      }
      scopes.push(scope);
      resolvers.push(resolver);
    }
  }
  checkPatterns(selection, all, diagnostics);
  checkSuites(scopes, input.distroFile, diagnostics);
  return {
    plan: { schema: 'slipway-plan-1', organization: distro.organization, stamp: input.stamp, scopes },
    diagnostics: sorted(diagnostics),
    resolvers,
  };
}

/** Packages published under one name must come from one scope. */
function checkSuites(scopes: readonly Scope[], file: string, diagnostics: Diagnostic[]): void {
  const taken = new Map<string, string>();
  for (const scope of scopes) {
    for (const target of scope.targets) {
      const suite = channelSuite(scope.distribution, target);
      const id = scopeId(scope.distribution, target);
      const other = taken.get(suite);
      if (other === undefined) taken.set(suite, id);
      else
        diagnostics.push(
          error(
            'suite-taken',
            `${other} and ${id} would both be the suite '${aptSuite(scope.distribution, target)}' of the apt repository`,
            {
              file,
              hint:
                'two platforms of one release need distributions of their own; a distribution ' +
                'and a variant must not give the name of another suite together',
            },
          ),
        );
    }
  }
}

/** Returns a function that finds near names, with cached answers. The index is built at the first call. */
function nearNames(known: () => string[]): (name: string) => string[] {
  let index: NearNames | undefined;
  const found = new Map<string, string[]>();
  return (name) => {
    let near = found.get(name);
    if (!near) found.set(name, (near = (index ??= new NearNames(known())).of(name, 3)));
    return near;
  };
}
