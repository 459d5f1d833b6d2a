/** Fields of a published package's control file. */
export interface BinaryControl {
  package: string;
  source: string;
  version: string;
  architecture: string;
  maintainer: string;
  /** In KiB, by dpkg's rules. */
  installedSize: number;
  section: 'misc' | 'debug';
  depends: readonly string[];
  provides: readonly string[];
  conflicts: readonly string[];
  replaces: readonly string[];
  homepage?: string | undefined;
  vcsGit?: string | undefined;
  vcsBrowser?: string | undefined;
  bugs?: string | undefined;
  /** First line of the description, and the lines below it. */
  summary: string;
  description: readonly string[];
  /** For packages of debug symbols. */
  buildIds?: readonly string[];
}

export function renderControl(c: BinaryControl): string {
  const fields: [string, string | undefined][] = [
    ['Package', c.package],
    ['Source', c.source === c.package ? undefined : c.source],
    ['Version', c.version],
    ['Auto-Built-Package', c.buildIds ? 'debug-symbols' : undefined],
    ['Architecture', c.architecture],
    ['Maintainer', c.maintainer],
    ['Installed-Size', String(c.installedSize)],
    ['Depends', simplified(c.depends).join(', ') || undefined],
    ['Conflicts', c.conflicts.join(', ') || undefined],
    ['Replaces', c.replaces.join(', ') || undefined],
    ['Provides', c.provides.join(', ') || undefined],
    ['Section', c.section],
    ['Priority', 'optional'],
    ['Homepage', c.homepage],
    ['Vcs-Git', c.vcsGit],
    ['Vcs-Browser', c.vcsBrowser],
    ['Bugs', c.bugs],
    ['Description', [c.summary, ...c.description.map((l) => ` ${l}`)].join('\n')],
    ['Build-Ids', c.buildIds?.join(' ') || undefined],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\n`])).join('');
}

/** Removes redundant relations: duplicates, and those without version beside one with a version. */
export function simplified(relations: readonly string[]): string[] {
  const bounded = new Set(relations.flatMap((r) => /^(\S+) \((?:>=|>>|=) [^)]*\)$/.exec(r)?.[1] ?? []));
  return [...new Set(relations)].filter((r) => r !== '' && !bounded.has(r));
}
