import { sha256 } from '../model/digest.ts';
import type { Distro, PackageSettings, Variant } from '../model/distro.ts';
import { fetchedContent } from '../model/package-settings.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';
import { manifestSchemas } from '../render/manifest-schemas.ts';

/** Increase it when the recipe changes in a way that the templates do not show. */
const recipeVersion = '3';

/** Tests read the schemas of package.xml. */
const schemasDigest = sha256(JSON.stringify(manifestSchemas));

/** All inputs that can change a task's result, by part. `explain` shows them. */
export type KeyInputs = Record<string, string>;

/** A package, how it is built and on which platform: common to its build and its tests. */
export interface OwnParts {
  scope: Scope;
  target: Target;
  package: PlannedPackage;
  distro: Distro;
  settings: Partial<PackageSettings>;
  environment: Record<string, string>;
  variant: Variant | undefined;
  /** Digests of the packaging templates, the patches and the evaluated manifest. */
  templates: string;
  patches: string;
  manifest: string;
  base: string;
}

/** The part of a key that does not depend on other packages. It contains the source tree, not the commit. */
export function ownInputs(parts: OwnParts): KeyInputs {
  const { package: p, settings, variant, target, scope } = parts;
  return {
    recipe: recipeVersion,
    templates: parts.templates,
    source: p.source.tree ?? '',
    manifest: parts.manifest,
    package: JSON.stringify([
      p.name,
      p.version,
      p.buildType,
      p.debian,
      scope.prefix,
      scope.underlayPrefixes,
      p.build,
      p.run,
      p.tools,
      p.systemBuild,
      p.systemRun,
      p.bounds,
      p.impliedBuild ?? [],
      ...(p.systemFiles ? [p.systemFiles] : []),
      ...((p.conflicts ?? p.replaces) ? [p.conflicts, p.replaces] : []),
      ...(p.systemBounds ? [p.systemBounds] : []),
    ]),
    settings: JSON.stringify([
      settings.cmake_args ?? [],
      variant?.cmake_args ?? [],
      parts.environment,
      variant?.build_depends ?? [],
      parts.distro.maintainer ?? '',
      ...(settings.external_libraries?.length ? [settings.external_libraries] : []),
      ...(settings.fetch?.length ? [{ fetch: settings.fetch.map(fetchedContent) }] : []),
    ]),
    patches: parts.patches,
    platform: JSON.stringify([target.os, target.release, target.architecture, target.variant]),
    base: parts.base,
  };
}

/**
 * The part of a key for the rest of the root. `system`: digest of the system packages (`name=version`); `dependencies`:
 * interface digests by name of the packages that it builds on. For tests the digests cover every byte of all packages
 * in the root, including the tested one.
 */
export const rootInputs = (
  system: string,
  dependencies: readonly (readonly [string, string])[],
  tested: PlannedPackage | undefined,
): KeyInputs => ({
  system,
  dependencies: dependencies.map(([n, k]) => `${n}=${k}`).join(' '),
  ...(tested
    ? { tests: JSON.stringify([tested.test, tested.systemTest, tested.impliedTest ?? [], schemasDigest]) }
    : {}),
});

/** The text that a key is the digest of: parts with their lengths, so that the encoding is unambiguous. */
export function keyText(inputs: KeyInputs): string {
  let text = '';
  for (const [part, value] of Object.entries(inputs)) text += `${part} ${value.length} ${value}\n`;
  return text;
}
