import { wellFormed } from '../text/cut.ts';
import type { InterfaceKind, DocFacts, DocInterface, DocRecord } from '../model/docs.ts';
import type { License, Person } from '../model/manifest.ts';

/** Measurements of a package's documentation at the time a site was published. */
export interface Measured {
  stamp: string;
  documented: number;
  total: number;
  warnings: number;
}

/** Everything that a site shows about one package. */
export interface DocPackage {
  distribution: string;
  name: string;
  version: string;
  /** The manifest's description, with HTML tags removed. */
  description: string;
  maintainers: Person[];
  authors: Person[];
  licenses: License[];
  urls: { url: string; type: string }[];
  buildType: string;
  repository: string;
  url: string;
  commit?: string;
  /** Path of the package in its repository. */
  path: string;
  debian: string;
  debianVersion?: string;
  /** Dependencies of the package in the distribution, by kind. */
  build: string[];
  run: string[];
  test: string[];
  system: string[];
  /** Packages that depend on it at build or run time. */
  dependents: string[];
  /** Versions in channels. */
  channels: { channel: string; version: string }[];
  /** Why documentation is missing or incomplete. */
  problem?: string;
  record?: DocRecord;
  /** Why the site has no facts and no interface of a package that has a record. */
  refused?: string;
  /** Measurements, oldest first. */
  trend?: readonly Measured[];
  facts?: DocFacts;
  interface?: DocInterface;
}

/** The contents of a site. */
export interface DocSite {
  organization: string;
  packages: readonly DocPackage[];
  /** For a published site: its channel, and the folder of the state. */
  published?: { channel: string; state: string };
}

export const idOf = ({ distribution, name }: Pick<DocPackage, 'distribution' | 'name'>): string =>
  `${distribution}/${name}`;

/** Path of a message's page below the package's folder. */
export const messagePage = (kind: InterfaceKind, name: string): string => `${kind}/${name}.html`;

/** URL of a file or folder at a commit, if the repository's host has pages for files. */
export function sourceLink(
  { url, commit, path }: Pick<DocPackage, 'url' | 'commit' | 'path'>,
  file = '',
): string | undefined {
  const m = /^(?:https?:\/\/(?:[^/@]*@)?|ssh:\/\/git@|git@)([A-Za-z0-9.-]+)[/:]([A-Za-z0-9._~/-]+?)(?:\.git)?\/?$/.exec(
    url,
  );
  if (!m || commit === undefined) return undefined;
  const [, host = '', repository = ''] = m;
  const [name, fragment] = file.split('#');
  const below = [path, name]
    .filter((p) => p)
    .map((p) => encodeURI(wellFormed(p ?? '')))
    .join('/');
  const tail = fragment === undefined ? '' : `#${encodeURIComponent(wellFormed(fragment))}`;
  const kind = /(^|\.)gitlab\./.test(host) ? '-/tree' : 'tree';
  if (/(^|\.)bitbucket\./.test(host)) return `https://${host}/${repository}/src/${commit}/${below}${tail}`;
  return `https://${host}/${repository}/${kind}/${commit}/${below}${tail}`;
}
