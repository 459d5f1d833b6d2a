import changelogTemplate from '../../resources/templates/changelog.mustache';
import controlTemplate from '../../resources/templates/control.mustache';
import copyrightTemplate from '../../resources/templates/copyright.mustache';
import environmentTemplate from '../../resources/templates/environment.mustache';
import packTemplate from '../../resources/templates/pack.mustache';
import packScript from '../../resources/templates/pack.sh';
import buildScript from '../../resources/templates/slipway.sh';
import symbolsScript from '../../resources/templates/symbols.pl';
import { keyTextOf } from '../model/build-types/build-type.ts';
import { rulesOf, type BuildType } from '../model/build-types/index.ts';
import type { Manifest } from '../model/manifest.ts';
import { stampSeconds } from '../model/names.ts';
import type { PlannedPackage, Scope } from '../model/plan.ts';
import { renderCopyright } from './copyright.ts';
import { describePackage, oneLine, wrapped } from './description.ts';
import { renderLocalSetup } from './prefix.ts';
import { renderTemplate, shellQuote } from './template.ts';

export interface Recipe {
  package: PlannedPackage;
  manifest: Manifest;
  /** Debian version of the package. */
  version: string;
  stamp: string;
  release: string;
  prefix: string;
  rosVersion: 1 | 2;
  underlayPrefixes: string[];
  cmakeArgs: string[];
  environment: Record<string, string>;
  /** Patterns (`*`) of libraries that no package needs to provide. */
  externalLibraries: readonly string[];
  /** Debian relations. */
  buildDepends: string[];
  maintainer: string | undefined;
  distribution: string;
  /** Copyright notices of the sources, and the text of the package's licence file. */
  notices: readonly string[];
  licenseText: string | undefined;
}

/** Increase it when the rendering of manifests' texts changes. */
const aboutVersion = '2';

/** A part of every package's key: the common templates. `packagingText` adds the build type's. */
const commonText = (): string =>
  (rendered ??= [
    controlTemplate,
    changelogTemplate,
    copyrightTemplate,
    packTemplate,
    packScript,
    symbolsScript,
    environmentTemplate,
    buildScript,
    renderLocalSetup({ prefix: '/', rosVersion: 1 }),
    renderLocalSetup({ prefix: '/', rosVersion: 2 }),
    aboutVersion,
  ].join('\0'));
let rendered: string | undefined;

/** The text of everything that packages of this type are made with. It is part of their keys. */
export const packagingText = (type: BuildType): string => `${commonText()}\0${keyTextOf(rulesOf(type))}`;

/** Information about a package for people. */
export interface About {
  maintainer: string;
  homepage: string | undefined;
  /** Where the source is, for git and for browsers; where bugs are reported. */
  vcsGit: string | undefined;
  vcsBrowser: string | undefined;
  bugs: string | undefined;
  summary: string;
  description: string[];
}

export function aboutOf(
  p: PlannedPackage,
  manifest: Manifest,
  given: string | undefined,
  scope: Pick<Scope, 'distribution' | 'prefix'>,
): About {
  const person = manifest.maintainers[0];
  const name = oneLine(person?.name ?? '').replace(/[<>,]/g, '') || p.name;
  const repository = urlOf(manifest, 'repository');
  const { summary, lines } = describePackage(
    manifest.description,
    p.name,
    `This is the package '${p.name}' of the distribution '${scope.distribution}', installed in ${scope.prefix}.`,
  );
  return {
    maintainer: given ?? `${name} <${oneLine(person?.email ?? '')}>`,
    homepage: urlOf(manifest, 'website', 'repository'),
    vcsGit: repository?.endsWith('.git') ? repository : undefined,
    vcsBrowser: repository?.replace(/\.git$/, ''),
    bugs: urlOf(manifest, 'bugtracker'),
    summary,
    description: lines,
  };
}

/** The files of a package's recipe, read-only for the build: name → text. */
export function renderRecipe(recipe: Recipe): Record<string, string> {
  const { package: p, manifest } = recipe;
  const { maintainer, homepage, summary } = aboutOf(p, manifest, recipe.maintainer, recipe);
  const date = new Date(stampSeconds(recipe.stamp) * 1000);
  const source = p.debian;
  return {
    control: renderTemplate(controlTemplate, {
      source,
      package: p.debian,
      maintainer,
      buildDepends: recipe.buildDepends,
      homepage: homepage ? [{ homepage }] : false,
      summary,
    }),
    changelog: renderTemplate(changelogTemplate, {
      source,
      version: recipe.version,
      release: recipe.release,
      // Without commit and repository: they are not part of the key, so the bytes must not depend on them.
      lines: entryLines(`${p.name} ${p.version}${p.source.tree === undefined ? '' : `, tree ${p.source.tree}`}.`),
      maintainer,
      date: date.toUTCString().replace('GMT', '+0000'),
    }),
    copyright: renderCopyright({
      manifest,
      url: urlOf(manifest, 'repository', 'website'),
      notices: recipe.notices,
      year: date.getUTCFullYear(),
      licenseText: recipe.licenseText,
    }),
    'slipway.sh': buildScript,
    'local_setup.sh': renderLocalSetup(recipe),
    'pack.sh': packScript,
    'symbols.pl': symbolsScript,
    'pack.env': renderTemplate(packTemplate, {
      name: shellQuote(p.name),
      package: shellQuote(p.debian),
      upstream: shellQuote(recipe.version.replace(/-[^-]*$/, '')),
      prefix: shellQuote(recipe.prefix),
      underlays: shellQuote([...recipe.underlayPrefixes].reverse().join(' ')),
      externalLibraries: shellQuote(recipe.externalLibraries.join(' ')),
      epoch: String(stampSeconds(recipe.stamp)),
    }),
    'build-type.sh': rulesOf(p.buildType).script,
    'slipway.env': renderTemplate(environmentTemplate, {
      name: shellQuote(p.name),
      package: shellQuote(p.debian),
      prefix: shellQuote(recipe.prefix),
      underlays: shellQuote([...recipe.underlayPrefixes].reverse().join(' ')),
      epoch: String(stampSeconds(recipe.stamp)),
      cmakeArgs: recipe.cmakeArgs.map(shellQuote).join(' '),
      environment: Object.entries(recipe.environment)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]) => `${k}=${shellQuote(v)}`),
    }),
  };
}

/**
 * The source's public URL, from the manifest. Not the URL that this build used: it is not part of the key, may be a
 * local path, and may contain a password.
 */
function urlOf(manifest: Manifest, ...types: string[]): string | undefined {
  for (const type of types) {
    const url = manifest.urls.find((u) => u.type === type && /^https?:\/\/[^\s@]+$/.test(u.url))?.url;
    if (url !== undefined) return url;
  }
  return undefined;
}

/** A changelog entry, wrapped to 80 columns. */
export const entryLines = (text: string): string[] =>
  wrapped(text, 74).map((line, i) => (i === 0 ? `* ${line}` : `  ${line}`));
