import { compare } from '../model/diagnostics.ts';
import type { Distro, PackageSettings } from '../model/distro.ts';
import { matcher } from './globs.ts';

/** Returns a package's settings by its name; `any`: whether there are any settings. */
export type SettingsOf = ((name: string) => Partial<PackageSettings>) & { any: boolean };

const nothing: Partial<PackageSettings> = Object.freeze({});

/** Merges distro.yaml's package_settings for a package: globs first, the exact name last. */
export function settingsFinder(distro: Distro): SettingsOf {
  const entries = Object.entries(distro.package_settings).map(([pattern, settings]) => ({
    pattern,
    settings,
    matches: matcher([pattern]),
  }));
  if (!entries.length) return Object.assign(() => nothing, { any: false });
  const known = new Map<string, Partial<PackageSettings>>();
  return Object.assign(
    (name: string) => {
      let found = known.get(name);
      if (!found) {
        const matching = entries
          .filter((e) => e.matches(name))
          .sort((a, b) => Number(a.pattern === name) - Number(b.pattern === name) || compare(a.pattern, b.pattern));
        known.set(
          name,
          (found = matching.reduce<Partial<PackageSettings>>(
            (all, { settings: s }) => ({
              ...all,
              ...s,
              cmake_args: [...(all.cmake_args ?? []), ...s.cmake_args],
              patches: [...(all.patches ?? []), ...s.patches],
              fetch: [...(all.fetch ?? []), ...s.fetch],
              environment: { ...all.environment, ...s.environment },
              build_depends: [...(all.build_depends ?? []), ...s.build_depends],
              depends: [...(all.depends ?? []), ...s.depends],
              external_libraries: [...(all.external_libraries ?? []), ...s.external_libraries],
              limits: { ...all.limits, ...s.limits },
              system_files: [...(all.system_files ?? []), ...s.system_files],
              declared_system_files: all.declared_system_files === true || s.declared_system_files,
            }),
            nothing,
          )),
        );
      }
      return found;
    },
    { any: true },
  );
}

/** Documentation settings of a package in distro.yaml: the exact name, else the first matching glob. */
export function documentationSettings(
  { docs, organization }: Pick<Distro, 'docs' | 'organization'>,
  name: string,
): { organization: string; warnings?: number; coverage?: number } {
  const of = (table: Record<string, number>): number | undefined => {
    const pattern = Object.hasOwn(table, name) ? name : Object.keys(table).find((p) => matcher([p])(name));
    return pattern === undefined ? undefined : table[pattern];
  };
  const [warnings, coverage] = [of(docs.warnings), of(docs.coverage)];
  return {
    organization,
    ...(warnings === undefined ? {} : { warnings }),
    ...(coverage === undefined ? {} : { coverage }),
  };
}
