import { compare } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { fetchedContent } from '../model/package-settings.ts';
import type { Scope } from '../model/plan.ts';
import { settingsFinder } from '../plan/settings.ts';

/** Label → text for every setting in distro.yaml that affects a package's key. Equal texts mean no change. */
export type Facts = Readonly<Record<string, string>>;
export type FactsOf = (scope: Scope, packageName: string) => Facts;

/** JSON with sorted keys: the order in the file does not matter. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => compare(a, b)))
      : v,
  );

/** Facts of a scope: its platform, variants, distribution, and settings for all packages. */
function scopeFacts(distro: Distro, scope: Scope): Facts {
  const platform = distro.platforms[scope.platform];
  const distribution = distro.distributions[scope.distribution];
  const variants = [...new Set(scope.targets.map((t) => t.variant))].sort(compare);
  // The renewal interval of a base and its proxy do not affect keys.
  const { renew_days: _renew, proxy: _proxy, architectures: _architectures, ...base } = platform ?? {};
  return {
    platform: text([base, scope.targets]),
    variant: text(variants.map((v) => distro.variants[v])),
    conditions: text([distribution?.conditions, distribution?.ros_version, distribution?.python_version]),
    prefix: text([scope.prefix, scope.underlayPrefixes]),
    maintainer: distro.maintainer ?? '',
    reuse: distro.reuse,
  };
}

/** Facts of each package in a plan. `digestOf`: digest of a patch by its path in the distro repository. */
export function settingsFacts(distro: Distro, digestOf: (file: string) => string): FactsOf {
  const settingsOf = settingsFinder(distro);
  const known = new Map<Scope, { common: Facts; systemFiles: ReadonlyMap<string, string> }>();
  return (scope, packageName) => {
    let found = known.get(scope);
    if (!found) {
      const systemFiles = new Map(
        scope.packages.flatMap((p) => (p.systemFiles ? [[p.name, text(p.systemFiles)]] : [])),
      );
      known.set(scope, (found = { common: scopeFacts(distro, scope), systemFiles }));
    }
    const {
      patches = [],
      cmake_args = [],
      environment = {},
      external_libraries = [],
      fetch = [],
    } = settingsOf(packageName);
    return {
      ...found.common,
      patches: patches.map(digestOf).join(' '),
      cmake_args: text(cmake_args),
      environment: text(environment),
      external_libraries: text(external_libraries),
      fetch: text(fetch.map(fetchedContent)),
      system_files: found.systemFiles.get(packageName) ?? '',
    };
  };
}
