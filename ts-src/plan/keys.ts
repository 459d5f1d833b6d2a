import type { Distro, PackageSettings, Variant } from '../model/distro.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';

/** Raised when a build's recipe changes in a way that its templates don't show. */
const recipeVersion = '1';

/** Everything that can change what a build makes, by part; what `explain` shows. The commit is no part of it, the tree is. */
export function keyInputs(parts: {
  scope: Scope; target: Target; package: PlannedPackage; distro: Distro; settings: Partial<PackageSettings>; environment: Record<string, string>; variant: Variant | undefined;
  /** Digest of the packaging templates, of the patches, of the evaluated manifest. */
  templates: string; patches: string; manifest: string;
  base: string;
  /** `name=version` of the system packages in its root. */
  system: readonly string[];
  /** What stands for each package in its root, by name. */
  roots: readonly (readonly [string, string])[];
}): Record<string, string> {
  const { package: p, settings, variant, target, scope } = parts;
  return {
    recipe: recipeVersion,
    templates: parts.templates,
    source: p.source.tree ?? '',
    manifest: parts.manifest,
    package: JSON.stringify([p.name, p.version, p.buildType, p.debian, scope.prefix, scope.underlayPrefixes, p.build, p.run, p.systemBuild, p.systemRun, p.bounds]),
    settings: JSON.stringify([settings.cmake_args ?? [], variant?.cmake_args ?? [], parts.environment, variant?.build_depends ?? [], parts.distro.maintainer ?? '']),
    patches: parts.patches,
    platform: JSON.stringify([target.os, target.release, target.architecture, target.variant]),
    base: parts.base,
    system: parts.system.join(' '),
    dependencies: parts.roots.map(([n, k]) => `${n}=${k}`).join(' '),
  };
}
