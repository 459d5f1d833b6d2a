import changelogTemplate from '../../resources/templates/changelog.mustache';
import copyrightTemplate from '../../resources/templates/prefix/copyright.mustache';
import { entryLines } from './debian.ts';
import { renderTemplate } from './template.ts';

export interface EnvironmentDocs {
  copyright: string;
  changelog: string;
  summary: string;
  description: string[];
}

/** Documentation of the package with a prefix's own files. */
export function renderEnvironmentDocs(of: {
  name: string;
  version: string;
  release: string;
  distribution: string;
  prefix: string;
  maintainer: string;
  seconds: number;
}): EnvironmentDocs {
  const date = new Date(of.seconds * 1000);
  return {
    copyright: renderTemplate(copyrightTemplate, {
      name: of.name,
      year: date.getUTCFullYear(),
      maintainer: of.maintainer,
    }),
    changelog: renderTemplate(changelogTemplate, {
      source: of.name,
      version: of.version,
      release: of.release,
      lines: entryLines('Made by Slipway from the settings of the distribution.'),
      maintainer: of.maintainer,
      date: date.toUTCString().replace('GMT', '+0000'),
    }),
    summary: `shell environment of ${of.prefix}`,
    description: [
      `Source ${of.prefix}/setup.sh (or setup.bash, setup.zsh) in a shell to`,
      `run programs of the distribution '${of.distribution}'.`,
    ],
  };
}
