import { error, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import type { Package, VersionRange } from '../model/manifest.ts';
import { debianPackage, environmentPackage, isDebianName } from '../model/names.ts';
import type { PlannedPackage } from '../model/plan.ts';
import { planSystemFile, systemFilesOf } from '../model/system-files.ts';
import type { Resolver } from './resolve.ts';
import { compareDebianVersions } from './versions.ts';

const operators = [
  ['lt', '<<'],
  ['lte', '<='],
  ['eq', '='],
  ['gte', '>='],
  ['gt', '>>'],
] as const;

/**
 * Converts a manifest's bounds to Debian relations. A Debian version has a revision after upstream's, so `2.0.0-1` is
 * greater than `2.0.0`. `2.0.0.~` lies above all revisions of 2.0.0 and below every later version.
 */
export function debianBounds(versions: VersionRange | undefined): string[] {
  return operators.flatMap(([operator, relation]) => {
    const bound = versions?.[operator];
    if (bound === undefined || !/^\d[0-9A-Za-z.+~]*$/.test(bound)) return [];
    if (operator === 'lte') return [`<< ${bound}.~`];
    if (operator === 'eq') return [`>= ${bound}`, `<< ${bound}.~`];
    return [`${relation} ${bound}`];
  });
}

/** A bound for a package whose versions have an epoch. */
export const withEpoch = (bound: string, version: string | undefined): string => {
  const epoch = /^(\d+:)/.exec(version ?? '')?.[1];
  return epoch === undefined ? bound : bound.replace(' ', ` ${epoch}`);
};

/** Whether a system package's version satisfies a bound. */
export function isWithin(version: string, bound: string): boolean {
  const [operator, wanted = ''] = withEpoch(bound, version).split(' ');
  const c = compareDebianVersions(version, wanted);
  if (operator === '<<') return c < 0;
  return operator === '>>' ? c > 0 : c >= 0;
}

/** The Debian packages for a name in a manifest. Unknown names count as packages of the distribution. */
function debianNamesOf(resolver: Resolver, distro: Distro, name: string): string[] {
  const r = resolver.find(name);
  const { names, input } = resolver.evaluated;
  if (r.from === 'built') return [debianPackage(distro, input.name, names[r.number] ?? name)];
  if (r.from !== 'nowhere') return r.packages;
  const own = /^[A-Za-z0-9_-]+$/.test(name) ? debianPackage(distro, input.name, name) : '';
  return isDebianName(own) ? [own] : [];
}

/** Adds a package's conflicts and replaces, resolved like dependencies, with bounds. */
export function addConflicts(planned: PlannedPackage, p: Package, resolver: Resolver, distro: Distro): void {
  for (const d of p.dependencies) {
    if (d.tag !== 'conflict' && d.tag !== 'replace') continue;
    const bounds = debianBounds(d.versions);
    const relations = debianNamesOf(resolver, distro, d.name).flatMap((debian) =>
      bounds.length ? bounds.map((b) => `${debian} (${b})`) : [debian],
    );
    const field = d.tag === 'conflict' ? 'conflicts' : 'replaces';
    planned[field] = [...new Set([...(planned[field] ?? []), ...relations])].sort();
  }
}

/**
 * Reads a manifest's exports for Slipway: opting out of documentation, and system files. Files are planned as
 * distro.yaml says, and from the manifest only if distro.yaml allows that.
 */
export function addExports(
  planned: PlannedPackage,
  p: Package,
  resolver: Resolver,
  distro: Distro,
  distroFile: string,
): Diagnostic[] {
  const exported = (name: string) => p.manifest.exports.some((e) => e.name === name);
  if (exported('undocumented')) planned.undocumented = true;
  if (!resolver.settingsOf.any && !exported('system_file')) return [];
  const settings = resolver.settingsOf(p.name);
  const inManifest = systemFilesOf(p.manifest.exports);
  const declared = settings.declared_system_files ? inManifest : [];
  const diagnostics: Diagnostic[] = [];
  if (inManifest.length && !declared.length && !settings.system_files?.length)
    diagnostics.push(
      warning(
        'system-file',
        `'${p.name}' declares files outside of its prefix (<system_file>), which are not installed`,
        {
          file: p.file,
          hint: `distro.yaml allows them with package_settings: {${p.name}: {declared_system_files: true}}`,
        },
      ),
    );
  const all = [
    ...(settings.system_files ?? []).map((file) => ({ file, from: distroFile })),
    ...declared.map((file) => ({ file, from: p.file })),
  ];
  for (const { file, from } of all) {
    const found = typeof file === 'string' ? file : planSystemFile(file, distro.organization, p.name);
    if (typeof found !== 'string') {
      (planned.systemFiles ??= []).push(found);
      continue;
    }
    diagnostics.push(error('system-file', `'${p.name}' can't have a system file: ${found}`, { file: from }));
    planned.blocked ??= found;
  }
  return diagnostics;
}

/** Blocks packages that would have the same Debian name: one would silently replace the other. */
export function nameClashes(
  planned: readonly { planned: PlannedPackage; file: string }[],
  distro: Distro,
  distribution: string,
): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const taken = new Map<string, string>([[environmentPackage(distro, distribution), 'the package of setup.sh']]);
  for (const { planned: p, file } of planned) {
    if (!isDebianName(p.debian)) {
      const message =
        `'${p.name}' would be the Debian package ` +
        `${p.debian.slice(0, 60)}…, which is longer than files can be named`;
      diagnostics.push(error('debian-name', message, { file, hint: 'a shorter `naming` in distro.yaml' }));
      p.blocked ??= message;
      continue;
    }
    const other = taken.get(p.debian);
    taken.set(p.debian, other ?? `'${p.name}'`);
    if (other === undefined) continue;
    const message = `'${p.name}' and ${other} would both be the Debian package ${p.debian}`;
    diagnostics.push(
      error('debian-name-taken', message, {
        file,
        hint: 'Debian names have no capitals and no "_": rename one of the packages, or skip it in package_settings',
      }),
    );
    p.blocked ??= message;
  }
  return diagnostics;
}
