import { channelSuite } from '../model/names.ts';
import type { Scope, Target } from '../model/plan.ts';
import type { StoredFile } from '../model/result.ts';
import { ownIn } from '../model/maps.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { noteSorted } from './canonical.ts';

/** A package in a state. */
export interface HeldPackage {
  version: string;
  key: string;
  files: StoredFile[];
  abi: string;
  requires: string[];
  /** Run dependencies in the distribution, by Debian name. */
  needs?: string[];
  /** Its source package, if sources are published; the .dsc first. */
  sources?: StoredFile[] | undefined;
}

/** Packages by suite with architecture (`channelSuite`) and Debian name. */
export type Suites = Record<string, Record<string, HeldPackage>>;
/** The highest versions that a channel ever had, by suite with architecture and Debian name. */
export type Versions = Record<string, Record<string, string>>;

/** Whether suites have the same packages, regardless of who published them. */
export function sameSuites(a: Suites, b: Suites): boolean {
  return equal(a, b);
}

/** Deep equality of plain values; undefined properties count as missing. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [x, y] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return (
    x.every(([key, value]) => equal(value, y.get(key))) &&
    [...y].every(([key, value]) => value === undefined || Object.hasOwn(a, key))
  );
}

/** The packages sorted by name with fields in a fixed order: the largest part of a state's text. */
export function orderedSuites(suites: Suites): Suites {
  const ordered: Suites = {};
  for (const suite of Object.keys(suites).sort()) {
    const packages = suites[suite] ?? {};
    const of: Suites[string] = {};
    for (const debian of Object.keys(packages).sort()) {
      const held = packages[debian];
      if (!held) continue;
      const { abi, files, key, needs, requires, sources, version } = held;
      of[debian] = {
        abi,
        files: files.map(orderedFile),
        key,
        ...(needs ? { needs } : {}),
        requires,
        ...(sources ? { sources: sources.map(orderedFile) } : {}),
        version,
      };
    }
    ordered[suite] = of;
  }
  noteSorted(ordered);
  return ordered;
}

const orderedFile = ({ name, sha256: digest, size }: StoredFile): StoredFile => ({ name, sha256: digest, size });

/** The packages without source packages. */
export const withoutSources = (suites: Suites): Suites =>
  Object.fromEntries(
    Object.entries(suites).map(([suite, packages]) => {
      const all = Object.entries(packages);
      if (!all.some(([, held]) => held.sources)) return [suite, packages];
      return [suite, Object.fromEntries(all.map(([debian, held]) => [debian, { ...held, sources: undefined }]))];
    }),
  );

/** Returns the highest version of a package in a channel, by suite and Debian name. */
export const heldIn =
  (versions: Versions) =>
  (scope: Scope, target: Target, debian: string): string | undefined =>
    ownIn(versions[channelSuite(scope.distribution, target)], debian);

/** The higher version of each package. */
export function highest(before: Versions, suites: Suites): Versions {
  const all: Versions = { ...before };
  for (const [suite, packages] of Object.entries(suites)) {
    const of = { ...all[suite] };
    for (const [debian, { version }] of Object.entries(packages)) {
      const held = ownIn(of, debian);
      if (held === undefined || (held !== version && compareDebianVersions(version, held) > 0)) of[debian] = version;
    }
    all[suite] = of;
  }
  return all;
}

/** A state's versions besides its suites: former packages that were removed, or had higher versions. */
export function otherVersions(before: Versions, suites: Suites): Versions {
  const all: Versions = {};
  for (const [suite, versions] of Object.entries(before)) {
    const held = suites[suite];
    const of: Record<string, string> = {};
    for (const [debian, version] of Object.entries(versions)) {
      const now = ownIn(held, debian)?.version;
      if (now === undefined || (now !== version && compareDebianVersions(version, now) > 0)) of[debian] = version;
    }
    if (Object.keys(of).length) all[suite] = of;
  }
  return all;
}
