import changelogTemplate from '../../resources/templates/changelog.mustache';
import controlTemplate from '../../resources/templates/control.mustache';
import copyrightTemplate from '../../resources/templates/copyright.mustache';
import environmentTemplate from '../../resources/templates/environment.mustache';
import packTemplate from '../../resources/templates/pack.mustache';
import packScript from '../../resources/templates/pack.sh';
import buildScript from '../../resources/templates/slipway.sh';
import { keyTextOf } from '../model/build-types/build-type.ts';
import { rulesOf, type BuildType } from '../model/build-types/index.ts';
import type { Manifest } from '../model/manifest.ts';
import { stampSeconds } from '../model/names.ts';
import type { PlannedPackage } from '../model/plan.ts';
import { renderTemplate, shellQuote } from './template.ts';

export interface Recipe {
  package: PlannedPackage;
  manifest: Manifest;
  /** Debian version that it gets. */
  version: string;
  stamp: string;
  release: string;
  prefix: string;
  underlayPrefixes: string[];
  cmakeArgs: string[];
  environment: Record<string, string>;
  /** Debian relations. */
  buildDepends: string[];
  maintainer: string | undefined;
  /** Text of the package's own licence file. */
  licenseText: string | undefined;
}

/** Changes whenever what is common to all packages does; `packagingText` adds the build type's share. */
const commonText = [
  controlTemplate,
  changelogTemplate,
  copyrightTemplate,
  packTemplate,
  packScript,
  environmentTemplate,
  buildScript,
].join('\0');

/** What a package of this type is made by, so that what it made is not taken for what it would make now. */
export const packagingText = (type: BuildType): string => `${commonText}\0${keyTextOf(rulesOf(type))}`;

/** What a package says of itself to people. */
export interface About {
  maintainer: string;
  homepage: string | undefined;
  summary: string;
  description: string[];
}

export function aboutOf(p: PlannedPackage, manifest: Manifest, given: string | undefined): About {
  const person = manifest.maintainers[0]!;
  const name = oneLine(person.name).replace(/[<>,]/g, '') || p.name;
  const description = plain(manifest.description);
  return {
    maintainer: given ?? `${name} <${oneLine(person.email ?? '')}>`,
    homepage: manifest.urls.find((u) => u.type === 'website' && /^https?:\/\/[^\s]+$/.test(u.url))?.url,
    summary: summaryOf(description) || p.name,
    description: paragraphs(description),
  };
}

/** The files of a package's recipe, which its build gets read-only: name → text. */
export function renderRecipe(recipe: Recipe): Record<string, string> {
  const { package: p, manifest } = recipe;
  const { maintainer, homepage, summary } = aboutOf(p, manifest, recipe.maintainer);
  const date = new Date(stampSeconds(recipe.stamp) * 1000).toUTCString().replace('GMT', '+0000');
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
      name: p.name,
      upstream: p.version,
      // Neither the commit nor the repository: they are no part of the key, so the bytes must not depend on them.
      tree: p.source.tree ? [{ tree: p.source.tree }] : false,
      maintainer,
      date,
    }),
    copyright: renderTemplate(copyrightTemplate, {
      name: p.name,
      url: homeOf(manifest),
      holders:
        [...manifest.authors, ...manifest.maintainers]
          .map((a) => oneLine(a.name))
          .filter((n, i, all) => n && all.indexOf(n) === i)
          .join(', ') || 'see the source',
      license: manifest.licenses.map((l) => oneLine(l.name)).join(', '),
      licenseText: recipe.licenseText ? recipe.licenseText.split('\n').map((l) => l.trimEnd() || '.') : [],
    }),
    'slipway.sh': buildScript,
    'pack.sh': packScript,
    'pack.env': renderTemplate(packTemplate, {
      package: shellQuote(p.debian),
      upstream: shellQuote(recipe.version.replace(/-[^-]*$/, '')),
      prefix: shellQuote(recipe.prefix),
      underlays: shellQuote([...recipe.underlayPrefixes].reverse().join(' ')),
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
 * Where the source is for others, as the manifest says. Not where this build took it from: that is no part of the key, may
 * be a path of this machine, and may hold a password.
 */
function homeOf(manifest: Manifest): { url: string }[] {
  const named = (type: string) => manifest.urls.find((u) => u.type === type && /^https?:\/\/[^\s@]+$/.test(u.url))?.url;
  const url = named('repository') ?? named('website');
  return url === undefined ? [] : [{ url }];
}

const oneLine = (text: string): string =>
  text
    .replace(/[\0-\x1f\x7f]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** Text of a description: markup taken off, entities read. */
const plain = (xml: string): string =>
  xml
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&')
    .replace(/[\0-\x08\x0b-\x1f\x7f]/g, ' ');

/** Debian wants a first line of less than 80 characters (policy 3.4.1). */
function summaryOf(text: string): string {
  const first = oneLine(text)
    .split(/(?<=[.!?])\s/)[0]!
    .replace(/\.$/, '');
  return first.length <= 78 ? first : `${first.slice(0, 75).replace(/\s+\S*$/, '')}...`;
}

/** The extended description's lines without their leading space (policy 5.6.13). */
function paragraphs(text: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    const words = oneLine(paragraph).split(' ').filter(Boolean);
    if (!words.length) continue;
    if (lines.length) lines.push('.');
    let line = '';
    for (const w of words) {
      if (line && line.length + w.length > 76) {
        lines.push(line);
        line = w;
      } else line = line ? `${line} ${w}` : w;
    }
    lines.push(line);
  }
  return lines.map((l) => (l.startsWith('.') && l !== '.' ? ` ${l}` : l));
}
