import { sha256 } from '../model/digest.ts';
import type { Distro, PackageSettings, Variant } from '../model/distro.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';
import { manifestSchemas } from '../render/manifest-schemas.ts';

/** Raised when a build's recipe changes in a way that its templates don't show. */
const recipeVersion = '3';

/** Tests read them. */
const schemasDigest = sha256(JSON.stringify(manifestSchemas));

/** Everything that can change what a task makes, by part; what `explain` shows. */
export type KeyInputs = Record<string, string>;

/** A package, how it is built and on what: the same for its build and its tests. */
export interface OwnParts {
  scope: Scope;
  target: Target;
  package: PlannedPackage;
  distro: Distro;
  settings: Partial<PackageSettings>;
  environment: Record<string, string>;
  variant: Variant | undefined;
  /** Digest of the packaging templates, of the patches, of the evaluated manifest. */
  templates: string;
  patches: string;
  manifest: string;
  base: string;
}

/** The part of a key that no other package changes. The commit is no part of it, the tree is. */
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
    ]),
    patches: parts.patches,
    platform: JSON.stringify([target.os, target.release, target.architecture, target.variant]),
    base: parts.base,
  };
}

/**
 * With the rest of its root. `system`: digest of `name=version` of the system packages; `dependencies`: what stands for
 * each package that it builds on, with what that needs, by name; for tests these stand for every byte of all in their
 * root, the package itself among them.
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

/** What a key is the digest of: the parts with their lengths, so that no two have one text. */
export function keyText(inputs: KeyInputs): string {
  let text = '';
  for (const [part, value] of Object.entries(inputs)) text += `${part} ${value.length} ${value}\n`;
  return text;
}
