import copyrightTemplate from '../../resources/templates/copyright.mustache';
import type { Manifest } from '../model/manifest.ts';
import { oneLine, wrapped } from './description.ts';
import { renderTemplate } from './template.ts';

export interface CopyrightInput {
  manifest: Manifest;
  /** URL of the source. */
  url: string | undefined;
  /** `2011, 2012 Willow Garage, Inc.`, as in the sources. */
  notices: readonly string[];
  /** Year of the build, for sources without a notice. */
  year: number;
  licenseText: string | undefined;
}

/** Licences whose text every Debian system has, by their names in manifests (lower case, without spaces). */
const common: readonly (readonly [RegExp, string])[] = [
  [/^apache(?:license)?,?(?:version)?-?v?2(?:\.0)?$/, 'Apache-2.0'],
  [/^(?:gnu)?gpl-?v?1(?:\.0)?(?:\+|-only|-or-later)?$/, 'GPL-1'],
  [/^(?:gnu)?gpl-?v?2(?:\.0)?(?:\+|-only|-or-later)?$/, 'GPL-2'],
  [/^(?:gnu)?gpl-?v?3(?:\.0)?(?:\+|-only|-or-later)?$/, 'GPL-3'],
  [/^(?:gnu)?lgpl-?v?2(?:\.0)?(?:\+|-only|-or-later)?$/, 'LGPL-2'],
  [/^(?:gnu)?lgpl-?v?2\.1(?:\+|-only|-or-later)?$/, 'LGPL-2.1'],
  [/^(?:gnu)?lgpl-?v?3(?:\.0)?(?:\+|-only|-or-later)?$/, 'LGPL-3'],
  [/^(?:mozillapubliclicense,?(?:version)?|mpl)-?v?1\.1$/, 'MPL-1.1'],
  [/^(?:mozillapubliclicense,?(?:version)?|mpl)-?v?2(?:\.0)?$/, 'MPL-2.0'],
  [/^cc0(?:-?1\.0)?(?:universal)?$/, 'CC0-1.0'],
];

/** The file below /usr/share/common-licenses with the text of a licence. */
export function commonLicense(name: string): string | undefined {
  const text = name.toLowerCase().replace(/\s+|^the\b/g, '');
  return common.find(([pattern]) => pattern.test(text))?.[1];
}

/** A licence's short name in machine-readable copyright files: one word. */
const shortName = (name: string): string =>
  commonLicense(name) ??
  (oneLine(name)
    .replace(/[^A-Za-z0-9.+-]+/g, '-')
    .replace(/^-+|-+$/g, '') ||
    'unknown');

/** `debian/copyright` (format 1.0). Licences in common-licenses are referenced. */
export function renderCopyright({ manifest, url, notices, year, licenseText }: CopyrightInput): string {
  const people = [...manifest.authors, ...manifest.maintainers].map((a) => oneLine(a.name)).filter(Boolean);
  const holders = notices.length ? notices : [...new Set(people)].map((name) => `${year} ${name}`);
  const licenses = [...new Map(manifest.licenses.map((l) => [shortName(l.name), l] as const))];
  const own = licenses.filter(([, l]) => commonLicense(l.name) === undefined);
  const paragraphs = licenses.map(([short, license]) => {
    const shared = commonLicense(license.name);
    if (shared !== undefined)
      return {
        short,
        lines: wrapped(
          `On Debian systems, the full text of this licence is in /usr/share/common-licenses/${shared}.`,
          77,
        ),
      };
    // One text can't belong to several licences.
    const text = own.length === 1 ? licenseText : undefined;
    const lines = text?.split('\n').map((l) => l.replace(/[\0-\x08\x0b-\x1f\x7f]/g, ' ').trimEnd() || '.');
    return { short, lines: lines ?? [`${oneLine(license.name)}, as package.xml names it.`] };
  });
  return renderTemplate(copyrightTemplate, {
    name: manifest.name,
    url: url === undefined ? [] : [{ url }],
    guessed: notices.length
      ? false
      : [{ line: 'The sources have no copyright notice; authors and maintainers of package.xml are named.' }],
    first: holders[0] ?? `${year} the authors of ${manifest.name}`,
    others: holders.slice(1),
    license: licenses.map(([short]) => short).join(' and '),
    licenses: paragraphs,
  });
}
