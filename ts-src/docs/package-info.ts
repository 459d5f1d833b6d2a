import type { InterfaceKind, DocFacts, DocInterface, DocRecord } from '../model/docs.ts';
import type { License, Person } from '../model/manifest.ts';

/** What documentation of a package was like when a site was published. */
export interface Measured {
  stamp: string;
  documented: number;
  total: number;
  warnings: number;
}

/** All that a site says of one package. */
export interface DocPackage {
  distribution: string;
  name: string;
  version: string;
  /** HTML of the manifest, its tags removed. */
  description: string;
  maintainers: Person[];
  authors: Person[];
  licenses: License[];
  urls: { url: string; type: string }[];
  buildType: string;
  repository: string;
  url: string;
  commit?: string;
  /** Of the package in its repository. */
  path: string;
  debian: string;
  debianVersion?: string;
  /** Packages of the distribution, by what they are for. */
  build: string[];
  run: string[];
  test: string[];
  system: string[];
  /** Packages that need it to build or to run. */
  dependents: string[];
  /** Versions that channels hold, by channel. */
  channels: { channel: string; version: string }[];
  /** Why it has no documentation, or why what it has is not whole. */
  problem?: string;
  record?: DocRecord;
  /** What was measured of it until now, oldest first. */
  trend?: readonly Measured[];
  facts?: DocFacts;
  interface?: DocInterface;
}

/** What a site is made of. */
export interface DocSite {
  organization: string;
  packages: readonly DocPackage[];
  /** Of a published site: its channel, and the name of the state's folder. */
  published?: { channel: string; state: string };
}

export const idOf = ({ distribution, name }: Pick<DocPackage, 'distribution' | 'name'>): string =>
  `${distribution}/${name}`;

/** Where the page of a message is, below the package's folder. */
export const messagePage = (kind: InterfaceKind, name: string): string => `${kind}/${name}.html`;

/** A file or folder of a repository at a commit, where the repository's host is one that shows them. */
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
    .map((p) => encodeURI(p ?? ''))
    .join('/');
  const tail = fragment === undefined ? '' : `#${encodeURIComponent(fragment)}`;
  const kind = /(^|\.)gitlab\./.test(host) ? '-/tree' : 'tree';
  if (/(^|\.)bitbucket\./.test(host)) return `https://${host}/${repository}/src/${commit}/${below}${tail}`;
  return `https://${host}/${repository}/${kind}/${commit}/${below}${tail}`;
}
