import type { Distribution, Distro, Platform } from '../model/distro.ts';
import { ownIn } from '../model/maps.ts';
import { underlayPackage } from '../model/names.ts';
import type { RosdepDatabase, RosdepResolution } from '../model/rosdep.ts';
import { matcher } from './globs.ts';
import type { Evaluated } from './needs.ts';
import { resolveRosdep } from './rosdep.ts';
import type { SettingsOf } from './settings.ts';

/** The origin of a name on a platform. */
export type Resolution =
  | { from: 'built'; number: number }
  /** `key`: resolved by rosdep; otherwise by package_settings of distro.yaml. */
  | { from: 'system'; packages: string[]; key?: string }
  | { from: 'underlay'; packages: string[]; underlay: string; version?: string | undefined }
  | { from: 'nowhere'; rosdep: RosdepResolution };

export type Underlaid = Extract<Resolution, { from: 'underlay' }>;

/** Platform → underlay → versions of its Debian packages; undefined if it is the platform's own archive. */
export type UnderlayPackages = Record<string, Record<string, Map<string, string> | undefined>>;

/** Sources for names besides the distribution. */
export interface ResolverInput {
  distro: Distro;
  rosdep: RosdepDatabase;
  underlays: UnderlayPackages;
}

/** Resolves names for one distribution on one platform; caches answers. */
export class Resolver {
  private readonly known: (Resolution | undefined)[];
  private readonly undeclared = new Map<string, boolean>();
  private readonly seeds: (name: string) => boolean;
  readonly platform: Platform;
  private readonly rosdep: RosdepDatabase;
  private readonly underlays: UnderlayPackages;

  constructor(
    readonly evaluated: Evaluated,
    private readonly settings: Distribution,
    readonly platformName: string,
    readonly settingsOf: SettingsOf,
    { distro, rosdep, underlays }: ResolverInput,
  ) {
    const platform = distro.platforms[platformName];
    if (!platform) throw new Error(`no platform ${platformName}`);
    this.platform = platform;
    this.rosdep = rosdep;
    this.underlays = underlays;
    this.seeds = matcher(settings.packages);
    this.known = new Array<Resolution | undefined>(evaluated.ids).fill(undefined);
  }

  /** Order: packages named by `packages` are built; then the underlay, the rest of the distribution, rosdep. */
  resolve(need: { name: string; id: number }): Resolution {
    return (this.known[need.id] ??= this.find(need.name));
  }

  find(name: string): Resolution {
    const settings = this.settingsOf(name);
    if (settings.system) return { from: 'system', packages: settings.system };
    if (settings.skip) return { from: 'system', packages: [] };
    const number = this.evaluated.number.get(name);
    if (number !== undefined && this.seeds(name)) return { from: 'built', number };
    const underlay = this.underlayOf(name);
    if (underlay) return underlay;
    if (number !== undefined) return { from: 'built', number };
    const rule = this.rosdepRule(name);
    return rule.kind === 'packages' && rule.installer === 'apt'
      ? { from: 'system', packages: rule.packages, key: name }
      : { from: 'nowhere', rosdep: rule };
  }

  /** Whether a name that packages may use without declaring it has an origin. */
  has(name: string): boolean {
    const known = this.undeclared.get(name) ?? this.find(name).from !== 'nowhere';
    this.undeclared.set(name, known);
    return known;
  }

  /**
   * Whether any package of the distribution may come from somewhere other than a build. A quick "no" avoids resolving
   * each one.
   */
  mayBeElsewhere(): boolean {
    return this.settings.underlay.some((u) => Object.hasOwn(this.platform.underlays, u)) || this.settingsOf.any;
  }

  rosdepRule(key: string): RosdepResolution {
    return resolveRosdep(this.rosdep, key, { os: this.platform.os, release: this.platform.release });
  }

  underlayOf(name: string): Underlaid | undefined {
    for (const u of this.settings.underlay) {
      const underlay = ownIn(this.platform.underlays, u);
      if (!underlay) continue;
      const explicit = ownIn(underlay.packages, name);
      const debian = explicit ?? underlayPackage(underlay.package, name);
      const held = this.underlays[this.platformName]?.[u];
      if (held ? held.has(debian) : explicit !== undefined)
        return { from: 'underlay', packages: [debian], underlay: u, version: held?.get(debian) };
    }
    return undefined;
  }
}
