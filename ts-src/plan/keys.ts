import type { Distro, PackageSettings, Variant } from '../model/distro.ts';
import type { PlannedPackage, Scope, Target } from '../model/plan.ts';

/** Raised when a build's recipe changes in a way that its templates don't show. */
const recipeVersion = '3';

/** What is the same for a build and the tests of one package. */
export interface KeyParts {
  scope: Scope; target: Target; package: PlannedPackage; distro: Distro; settings: Partial<PackageSettings>; environment: Record<string, string>; variant: Variant | undefined;
  /** Digest of the packaging templates, of the patches, of the evaluated manifest. */
  templates: string; patches: string; manifest: string;
  base: string;
  /** Digest of `name=version` of the system packages in its root. */
  system: string;
  /** What stands for each package that it builds on, with what that needs, by name. */
  dependencies: readonly (readonly [string, string])[];
}

/** Everything that can change what a build makes, by part; what `explain` shows. The commit is no part of it, the tree is. */
export function keyInputs(parts: KeyParts): Record<string, string> {
  const { package: p, settings, variant, target, scope } = parts;
  return {
    recipe: recipeVersion,
    templates: parts.templates,
    source: p.source.tree ?? '',
    manifest: parts.manifest,
    package: JSON.stringify([p.name, p.version, p.buildType, p.debian, scope.prefix, scope.underlayPrefixes, p.build, p.run, p.tools, p.systemBuild, p.systemRun, p.bounds]),
    settings: JSON.stringify([settings.cmake_args ?? [], variant?.cmake_args ?? [], parts.environment, variant?.build_depends ?? [], parts.distro.maintainer ?? '']),
    patches: parts.patches,
    platform: JSON.stringify([target.os, target.release, target.architecture, target.variant]),
    base: parts.base,
    system: parts.system,
    dependencies: parts.dependencies.map(([n, k]) => `${n}=${k}`).join(' '),
  };
}

/** The same for its tests: `dependencies` stand for every byte of all in their root, the package itself among them. */
export const testKeyInputs = (parts: KeyParts): Record<string, string> => ({ ...keyInputs(parts), recipe: `${recipeVersion} test`, tests: JSON.stringify([parts.package.test, parts.package.systemTest]) });
